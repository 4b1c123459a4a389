"""Paths with named blanks, such as `test-image/{stem}.jpg`, to regular expressions and filled in again.

A blank is `{name}`: any text without a slash; the same name twice must hold the same text. What stands between the
blanks may differ in upper and lower case, as copies of a dataset do.
Leaves out: files (tree.py), and what the blanks mean (the readers).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_BLANK = re.compile(r"\{([a-z][a-z0-9_]*)\}")
# macOS puts a file of this prefix beside each file that it packs; it has the other's ending, but isn't an image.
SHADOW = "._"


def blanks(pattern: str) -> tuple[str, ...]:
    """The names of a pattern's blanks, in order, each once."""
    return tuple(dict.fromkeys(_BLANK.findall(pattern)))


def to_regex(pattern: str) -> re.Pattern[str]:
    """The regular expression that a relative path must match as a whole."""
    parts: list[str] = []
    seen: set[str] = set()
    end = 0
    for match in _BLANK.finditer(pattern):
        parts.append(f"(?i:{re.escape(pattern[end : match.start()])})")
        name = match[1]
        parts.append(f"(?P={name})" if name in seen else f"(?P<{name}>[^/]+)")
        seen.add(name)
        end = match.end()
    return re.compile("".join([*parts, f"(?i:{re.escape(pattern[end:])})"]))


def fill(pattern: str, values: Mapping[str, str]) -> str:
    """Put values into a pattern's blanks."""
    return _BLANK.sub(lambda match: values[match[1]], pattern)


def fixed_folder(pattern: str) -> str:
    """The folder before the first blank, "." if there is none."""
    before = pattern.split("{", 1)[0]
    return before.rpartition("/")[0] or "."


def by_values(found: Mapping[Path, Mapping[str, str]]) -> dict[tuple[tuple[str, str], ...], Path]:
    """Matched files by what stood in their blanks, so that an image finds its mask; the first of equals."""
    result: dict[tuple[tuple[str, str], ...], Path] = {}
    for path, values in found.items():
        result.setdefault(key_of(values), path)
    return result


def key_of(values: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What stood in the blanks, in one order whatever the pattern's."""
    return tuple(sorted(values.items()))
