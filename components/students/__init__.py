"""Small promptable segmenters, one file each, found by name."""
