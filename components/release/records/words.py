"""What people write into the ledger: plain words on one line, and what is shown of a line that isn't.

A character that steers a terminal, turns the direction of the text or isn't seen at all would let a line be read as
something else than it says. Leaves out: who writes what (ledger.py).
"""

from __future__ import annotations

from components.errors import ReleaseError
from components.marking import is_unseen, unseen

MAX_CHARACTERS = 2_000


def check_words(words: str, *, what: str) -> str:
    """The words as they are; `what` names them in the error.

    Raises
    ------
    ReleaseError
        If they hold a character that steers or isn't seen, or are longer than `MAX_CHARACTERS`.
    """
    if len(words) > MAX_CHARACTERS:
        raise ReleaseError(
            f"the {what} has {len(words):,} characters",
            expected=f"at most {MAX_CHARACTERS:,}",
            remedy="shorten it; name where the rest can be read",
        )
    if bad := unseen(words):
        raise ReleaseError(
            f"the {what} holds the unseen characters {', '.join(f'U+{ord(mark):04X}' for mark in bad[:5])}",
            expected="plain words on one line, without control characters and others that aren't seen",
            remedy="remove them; type the text again if you can't see them",
        )
    return words


def shown(words: str) -> str:
    """The words with such characters spelt out, as a terminal may be given them."""
    return "".join(mark.encode("unicode_escape").decode("ascii") if is_unseen(mark) else mark for mark in words)
