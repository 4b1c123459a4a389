"""Where the `data` commands look, relative to the project's root, and the exit status of misuse.

Leaves out: what any of these folders holds.
"""

from __future__ import annotations

from pathlib import Path

RAW, IMPORTS, HARMONISED = Path("data/01_raw"), Path("data/imports"), Path("data/02_harmonised")
MISUSE = 2
