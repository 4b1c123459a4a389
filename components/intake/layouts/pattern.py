"""Paths with named blanks, such as `test-image/{stem}.jpg`, to regular expressions and filled in again.

A blank is `{name}`: any text without a slash; the same name twice must hold the same text. What stands between the
blanks may differ in upper and lower case, as copies of a dataset do.
Leaves out: files (matching.py), and what the blanks mean (the readers).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_BLANK = re.compile(r"\{([a-z][a-z0-9_]*)\}")
# macOS puts a file of this prefix beside each file that it packs; it has the other's ending, but isn't an image.
SHADOW = "._"
# And such a folder of them.
SYSTEM_FOLDER = "__MACOSX"


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
