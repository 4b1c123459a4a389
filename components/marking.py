"""Plain text to text that shows all of itself: in Markdown, and wherever direction marks or control characters could
make a line look like another.

Leaves out: HTML, whose marks Jinja escapes; tables of Markdown (components/release/documents/marking.py).
"""

from __future__ import annotations

import re
import unicodedata

_MARKS = re.compile(r"[\\`*\[\]<>|~&$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Unicode's classes of control, format and lone surrogate characters and of line and paragraph separators."""


def is_unseen(character: str) -> bool:
    """Whether a character has no shape of its own: it steers a terminal, turns the direction, or ends a line."""
    return unicodedata.category(character) in _UNSEEN


def unseen(text: str, *, allowed: str = "") -> list[str]:
    """The characters of a text that have no shape of their own, but for those `allowed`, each once, in order."""
    return sorted({character for character in text if is_unseen(character)} - set(allowed))


def visible(text: str) -> str:
    """A text with each character that has no shape of its own, but for tabs and line ends, as U+XXXX."""
    return "".join(f"U+{ord(each):04X}" if is_unseen(each) and each not in "\t\n\r" else each for each in text)


def shown(text: str) -> str:
    """A text on one line for within a line, each mark of Markdown escaped; underscores within words mean nothing."""
    return _MARKS.sub(lambda found: f"\\{found[0]}", visible(" ".join(text.split())))
