"""Tokens for people and programs that ask the service: made once, known afterwards by their sha256 alone.

A token is random (256 bits), so that a plain sha256 can't be turned back by guessing. The file lists name, role, sha256
and the times; it belongs to whoever runs the service, and nobody else may read it. Leaves out: asking for tokens and
looking them up in requests (serving/access).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Self

import yaml
from filelock import FileLock
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from components.artefacts import replacing
from components.errors import AccessError
from components.marking import unseen
from components.params import AccessRole

TOKENS_VARIABLE = "SONOFORGE_TOKENS"
PREFIX = "sonoforge_"
MAX_FILE_BYTES = 1 << 20
_BYTES = 32
_OWNER_ONLY = 0o600


class Token(BaseModel):
    """A token that was made: whose it is, what it is good for, and the sha256 by which it is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    role: AccessRole
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    made: datetime | None = None
    expires: datetime | None = None

    @field_validator("name")
    @classmethod
    def _seen(cls, name: str) -> str:
        if unseen(name) or name != name.strip():
            raise ValueError("a name's characters must all be seen")
        return name

    @field_validator("made", "expires")
    @classmethod
    def _zoned(cls, time: datetime | None) -> datetime | None:
        # YAML reads a time without a zone as such; it is taken for UTC, as `sonoforge token` writes it.
        return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time

    def valid_at(self, now: datetime) -> bool:
        """Whether the token hasn't expired."""
        return self.expires is None or now < self.expires


class Tokens(BaseModel):
    """The file of tokens."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: tuple[Token, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        names = [token.name for token in self.tokens]
        if len(set(names)) != len(names) or len({token.sha256 for token in self.tokens}) != len(names):
            raise ValueError("two tokens have the same name or the same sha256")
        return self


def fingerprint(token: str) -> str:
    """The sha256 by which a token is known."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def read_private(path: Path, *, what: str) -> str:
    """The text of a file that nobody but its owner, this user or root, and at most a group that reads, can open.

    Raises
    ------
    AccessError
        If it can't be read, is too large, or others have a right to it.
    """
    try:
        with path.open("rb") as file:
            # Of what was opened, not of the path, which may be another file by now.
            state = os.fstat(file.fileno())
            data = file.read(MAX_FILE_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it isn't UTF-8"
        raise AccessError(
            f"{what}, {path}, can't be read: {reason}",
            expected="a text file that the service's user may read",
            remedy="name another, or mend its rights",
        ) from None
    if not stat.S_ISREG(state.st_mode) or len(data) > MAX_FILE_BYTES:
        raise AccessError(f"{what}, {path}, is too large or no file", expected="a small file", remedy="name another")
    rights = stat.S_IMODE(state.st_mode)
    if rights & 0o027 or state.st_uid not in (0, os.geteuid()):
        raise AccessError(
            f"{what}, {path}, is open to others: rights {rights:04o}, owner {state.st_uid}",
            expected="a file of the service's user or of root that nobody else may read, or a group may only read",
            remedy=f"chmod 600 {path}",
        )
    return text


def read_tokens(path: Path) -> Tokens:
    """The tokens of a file, YAML or JSON.

    Raises
    ------
    AccessError
        If it can't be read, others may read it, or it isn't a list of tokens.
    """
    text = read_private(path, what="the file of tokens")
    try:
        return Tokens.model_validate(yaml.safe_load(text) or {})
    except (yaml.YAMLError, ValidationError, ValueError, RecursionError) as error:
        # Of what it holds nothing is repeated: a token may stand where its sha256 belongs.
        places = (
            {".".join(map(str, each["loc"])) for each in error.errors()} if isinstance(error, ValidationError) else ()
        )
        raise AccessError(
            f"the file of tokens, {path}, isn't one" + (f": {', '.join(sorted(places)[:5])}" if places else ""),
            expected="tokens: a list of name, role (use or administrate), sha256, made, expires; names differ",
            remedy="mend it, or make another with `sonoforge token`",
        ) from None


def make_token(path: Path, name: str, *, role: AccessRole, now: datetime, expires: datetime | None = None) -> str:
    """Make a token, add what it is known by to the file, and return it: it is nowhere else.

    Raises
    ------
    AccessError
        If the file isn't one of tokens, or has one of this name.
    """
    token = PREFIX + secrets.token_urlsafe(_BYTES)
    with _locked(path):
        known = read_tokens(path) if path.exists() else Tokens()
        if any(each.name == name for each in known.tokens):
            raise AccessError(
                f"{path} has a token of the name {name}",
                expected="a name for each token",
                remedy="choose another, or revoke that one: `sonoforge token NAME --revoke`",
            )
        try:
            made = Token(name=name, role=role, sha256=fingerprint(token), made=now, expires=expires)
        except ValidationError:
            raise AccessError(
                "a name that is empty, too long, or not all seen",
                expected="1 to 100 characters that are seen",
                remedy="choose another name",
            ) from None
        _write(path, (*known.tokens, made))
    return token


def revoke_token(path: Path, name: str) -> None:
    """Take a token out of the file; a running service knows it no more from its next request on.

    Raises
    ------
    AccessError
        If the file isn't one of tokens, or has none of this name.
    """
    with _locked(path):
        known = read_tokens(path)
        kept = tuple(each for each in known.tokens if each.name != name)
        if len(kept) == len(known.tokens):
            raise AccessError(
                f"{path} has no token of the name {name}",
                expected=f"one of {', '.join(each.name for each in known.tokens) or 'none'}",
                remedy="name one that is there",
            )
        _write(path, kept)


def _locked(path: Path) -> FileLock:
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path.with_name(f".{path.name}.lock"), mode=_OWNER_ONLY, timeout=30)


def _write(path: Path, tokens: tuple[Token, ...]) -> None:
    listed = [token.model_dump(mode="json", exclude_none=True) for token in tokens]
    with replacing(path) as beside:
        beside.touch(mode=_OWNER_ONLY)
        beside.write_text(yaml.safe_dump({"tokens": listed}, sort_keys=False, allow_unicode=True), encoding="utf-8")
