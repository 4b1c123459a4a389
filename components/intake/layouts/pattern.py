"""Paths with named blanks, such as `test-image/{stem}.jpg`, matched against a tree and filled in again.

A blank is `{name}`: any text without a slash; the same name twice must hold the same text. Leaves out: what the
blanks mean (the readers).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_BLANK = re.compile(r"\{([a-z][a-z0-9_]*)\}")


def blanks(pattern: str) -> tuple[str, ...]:
    """The names of a pattern's blanks, in order, each once."""
    return tuple(dict.fromkeys(_BLANK.findall(pattern)))


def to_regex(pattern: str) -> re.Pattern[str]:
    """The regular expression that a relative path must match as a whole."""
    parts: list[str] = []
    seen: set[str] = set()
    end = 0
    for match in _BLANK.finditer(pattern):
        parts.append(re.escape(pattern[end : match.start()]))
        name = match[1]
        parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)")
        seen.add(name)
        end = match.end()
    return re.compile("".join([*parts, re.escape(pattern[end:])]))


def fill(pattern: str, values: Mapping[str, str]) -> str:
    """Put values into a pattern's blanks."""
    return _BLANK.sub(lambda match: values[match[1]], pattern)


def fixed_folder(pattern: str) -> str:
    """The folder before the first blank, "." if there is none."""
    before = pattern.split("{", 1)[0]
    return before.rpartition("/")[0] or "."


def matching(root: Path, pattern: str) -> dict[Path, dict[str, str]]:
    """All files under `root` that match, sorted by path, with what stood in the blanks."""
    start = root / fixed_folder(pattern)
    if not start.is_dir():
        return {}
    regex = to_regex(pattern)
    depth = pattern.count("/") - (0 if fixed_folder(pattern) == "." else fixed_folder(pattern).count("/") + 1)
    found: dict[Path, dict[str, str]] = {}
    for path in sorted(start.glob("/".join(["*"] * (depth + 1)))):
        match = regex.fullmatch(path.relative_to(root).as_posix())
        if match and path.is_file():
            found[path] = match.groupdict()
    return found
