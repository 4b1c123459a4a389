"""The bedside service: bytes and prompts in, masks out. Imported by nobody."""
