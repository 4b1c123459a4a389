"""The `sonoforge` command's sub-commands, one file for each door."""
