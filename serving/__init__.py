"""The bedside service: bytes and prompts in, masks out. Imported by nobody."""

import os

# Read when torch's OpenMP library loads, so it must stand before any import of torch. By default its threads spin while
# they wait for each other; beside any other busy process that made a training step some twenty times slower here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

VERSION = "0.1.0"
"""Of this software, as pyproject.toml has it: a Bento carries the code, not the installed package."""
