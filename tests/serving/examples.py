"""The examples of a page in the docs, run as they stand, but for the service's address."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ADDRESS = "http://127.0.0.1:3000"
LIMIT_S = 60


def examples(page: str, heading: str, language: str) -> list[str]:
    """The code of a language that stands under a heading."""
    under = page.split(f"\n## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return re.findall(rf"^```{language}\n(.*?)^```$", under, flags=re.MULTILINE | re.DOTALL)


def run(code: list[str], *, language: str, address: str, folder: Path) -> str:
    """Run examples one after the other in a folder; returns what they print.

    Raises
    ------
    AssertionError
        If one of them fails, with what it told.
    """
    interpreter = ["bash", "-euo", "pipefail", "-c"] if language == "sh" else [sys.executable, "-c"]
    text = "\n".join(code).replace(ADDRESS, address)
    done = subprocess.run([*interpreter, text], cwd=folder, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"
    return done.stdout
