"""Tokens in requests: known or not, expired, revoked, and the file that changes under a running service."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.datastructures import Headers

from components.errors import AccessError
from components.tokens import make_token, revoke_token
from serving.access.callers import Caller
from serving.access.refusal import Refusal
from serving.access.tokens import TokenAccess

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file of tokens will be."""
    return tmp_path / "tokens.yaml"


def ask(access: TokenAccess, *authorization: str) -> str:
    """Who is let in with these headers, or the code of the refusal."""
    raw = [(b"authorization", value.encode("latin-1")) for value in authorization]
    found = access.caller(Headers(raw=raw), None)
    return found.code if isinstance(found, Refusal) else f"{found.who}, {found.role}"


def test_a_known_token_names_its_holder(path: Path) -> None:
    use, admin = (make_token(path, name, role=name, now=NOW) for name in ("use", "administrate"))
    access = TokenAccess(path, now=lambda: NOW)
    access.start()
    assert ask(access, f"Bearer {use}") == "use, use"
    assert ask(access, f"bearer {admin}") == "administrate, administrate"
    assert access.caller(Headers({"Authorization": f"Bearer {use}"}), None) == Caller("use", "use", "token")


def test_anything_else_is_refused(path: Path) -> None:
    token = make_token(path, "a", role="use", now=NOW)
    access = TokenAccess(path, now=lambda: NOW)
    assert ask(access) == "token_missing"
    wrong = ["", "Bearer", "Bearer ", f"Basic {token}", token, f"Bearer {token}x", f"Bearer {token[:-1]}"]
    wrong += [f"Bearer {token.upper()}", f"Bearer {token} {token}", "Bearer " + "x" * 100_000, "Bearer \xff"]
    for given in wrong:
        assert ask(access, given) == "token_unknown", given
    assert ask(access, f"Bearer {token}", f"Bearer {token}") == "token_unknown"


def test_a_token_expires(path: Path) -> None:
    token = make_token(path, "a", role="use", now=NOW, expires=NOW + timedelta(days=1))
    now = NOW
    access = TokenAccess(path, now=lambda: now)
    assert ask(access, f"Bearer {token}") == "a, use"
    now = NOW + timedelta(days=1)
    assert ask(access, f"Bearer {token}") == "token_unknown"
    with pytest.raises(AccessError, match="no token that is valid"):
        access.start()


def test_a_change_of_the_file_counts_at_once(path: Path) -> None:
    first = make_token(path, "first", role="use", now=NOW)
    access = TokenAccess(path, now=lambda: NOW)
    assert ask(access, f"Bearer {first}") == "first, use"
    second = make_token(path, "second", role="use", now=NOW)
    assert ask(access, f"Bearer {second}") == "second, use"
    revoke_token(path, "first")
    assert ask(access, f"Bearer {first}") == "token_unknown"


def test_without_a_readable_file_nobody_is_let_in(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    token = make_token(path, "a", role="use", now=NOW)
    text = path.read_text()
    access = TokenAccess(path, now=lambda: NOW)
    assert ask(access, f"Bearer {token}") == "a, use"
    path.chmod(0o644)
    assert ask(access, f"Bearer {token}") == "access_unavailable"
    assert "chmod 600" in caplog.text and token not in caplog.text
    path.chmod(0o600)
    assert ask(access, f"Bearer {token}") == "a, use"
    path.write_text("nonsense")
    os.utime(path, ns=(1, 1))
    assert ask(access, f"Bearer {token}") == "access_unavailable"
    path.unlink()
    assert ask(access, f"Bearer {token}") == "access_unavailable"
    path.touch(mode=0o600)
    path.write_text(text)
    assert ask(access, f"Bearer {token}") == "a, use"
