"""A token in a request to the caller whose it is. The file of tokens is read again when it has changed.

Leaves out: making tokens (components/tokens.py).
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from starlette.datastructures import Headers

from components.errors import AccessError
from components.tokens import Token, Tokens, fingerprint, read_tokens
from serving.access.callers import Caller
from serving.access.refusal import Refusal

_MISSING = Refusal(
    401,
    "token_missing",
    "no token was sent",
    "send the header `Authorization: Bearer TOKEN`; `sonoforge token` makes one",
)
_UNKNOWN = Refusal(
    401, "token_unknown", "the token isn't known, or has expired", "ask whoever runs the service for another"
)
_UNREADABLE = Refusal(
    503, "access_unavailable", "the service can't read who may ask", "tell whoever runs it; the log says more"
)
MAX_TOKEN = 512
logger = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class TokenAccess:
    """Callers by token. Where the file can't be read any more nobody is let in: it may be gone on purpose."""

    def __init__(self, path: Path, *, now: Callable[[], datetime] = _now) -> None:
        self.path, self._now = path, now
        self._seen: tuple[int, ...] | None = None
        self._tokens = Tokens()
        self._fault: AccessError | None = None

    def start(self) -> None:
        """Read the file.

        Raises
        ------
        AccessError
            If it can't be read, others may read it, or no token in it is valid.
        """
        if not any(token.valid_at(self._now()) for token in read_tokens(self.path).tokens):
            raise AccessError(
                f"{self.path} has no token that is valid",
                expected="at least one: nobody could ask anything",
                remedy="make one: `sonoforge token NAME --role use`",
            )

    def caller(self, headers: Headers, _: str | None) -> Caller | Refusal:
        """The caller whose token a request holds, or why it has none."""
        given = headers.getlist("authorization")
        if not given:
            return _MISSING
        scheme, _space, token = given[0].partition(" ")
        token = token.strip()
        if len(given) > 1 or scheme.lower() != "bearer" or not 0 < len(token) <= MAX_TOKEN:
            return _UNKNOWN
        tokens = self._current()
        if tokens is None:
            return _UNREADABLE
        found = _find(tokens, fingerprint(token))
        if found is None or not found.valid_at(self._now()):
            return _UNKNOWN
        return Caller(who=found.name, role=found.role, auth="token")

    def _current(self) -> Tokens | None:
        """The tokens of the file as it is now; None where that can't be told."""
        try:
            state = self.path.stat()
            # Rights and owner too: a file that was opened to others is refused from then on.
            seen: tuple[int, ...] = (state.st_mtime_ns, state.st_size, state.st_ino, state.st_mode, state.st_uid)
        except OSError:
            seen = ()
        if seen != self._seen:
            self._fault = None
            try:
                self._tokens = read_tokens(self.path)
            except AccessError as error:
                logger.error("nobody is let in: %s", error)
                self._fault = error
            self._seen = seen
        return None if self._fault is not None else self._tokens


def _find(tokens: Tokens, sha256: str) -> Token | None:
    """The token of this fingerprint; all are compared, each in a time that doesn't tell how much of it fits."""
    found = None
    for token in tokens.tokens:
        if hmac.compare_digest(token.sha256, sha256):
            found = token
    return found
