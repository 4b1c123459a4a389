"""Tokens are kept as sha256 alone, in a file that nobody else may read."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.errors import AccessError
from components.tokens import PREFIX, Tokens, fingerprint, make_token, read_private, read_tokens, revoke_token

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file of tokens will be."""
    return tmp_path / "tokens.yaml"


def test_a_token_is_random_and_nowhere_kept(path: Path) -> None:
    first = make_token(path, "ward 3", role="use", now=NOW)
    second = make_token(path, "console", role="administrate", now=NOW, expires=NOW + timedelta(days=1))
    assert first != second and first.startswith(PREFIX)
    # 43 characters of base64 are 256 bits.
    assert len(first) - len(PREFIX) == 43
    text = path.read_text(encoding="utf-8")
    assert first not in text and second not in text and first.removeprefix(PREFIX) not in text
    ward, console = read_tokens(path).tokens
    assert (ward.name, ward.role, ward.sha256, ward.expires) == ("ward 3", "use", fingerprint(first), None)
    assert console.role == "administrate" and console.valid_at(NOW) and not console.valid_at(NOW + timedelta(days=1))


def test_the_file_belongs_to_its_owner_alone(path: Path) -> None:
    make_token(path, "a", role="use", now=NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    make_token(path, "b", role="use", now=NOW)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not list(path.parent.glob("*.tmp"))


@pytest.mark.parametrize("rights", [0o644, 0o604, 0o601, 0o620, 0o666])
def test_a_file_that_others_can_open_is_refused(path: Path, rights: int) -> None:
    make_token(path, "a", role="use", now=NOW)
    path.chmod(rights)
    with pytest.raises(AccessError) as caught:
        read_tokens(path)
    assert f"{rights:04o}" in caught.value.found and "chmod 600" in caught.value.remedy


@pytest.mark.parametrize("rights", [0o600, 0o400, 0o640, 0o440])
def test_a_group_may_read(path: Path, rights: int) -> None:
    make_token(path, "a", role="use", now=NOW)
    path.chmod(rights)
    assert len(read_tokens(path).tokens) == 1


def test_a_name_stands_for_one_token(path: Path) -> None:
    make_token(path, "a", role="use", now=NOW)
    with pytest.raises(AccessError, match="has a token of the name a"):
        make_token(path, "a", role="use", now=NOW)
    for name in ("", " a", "a\nb", "a\u202eb", "x" * 101):
        with pytest.raises(AccessError, match="name"):
            make_token(path, name, role="use", now=NOW)
    assert [token.name for token in read_tokens(path).tokens] == ["a"]


def test_a_revoked_token_is_gone(path: Path) -> None:
    make_token(path, "a", role="use", now=NOW)
    make_token(path, "b", role="use", now=NOW)
    revoke_token(path, "a")
    assert [token.name for token in read_tokens(path).tokens] == ["b"]
    with pytest.raises(AccessError, match="has no token of the name a"):
        revoke_token(path, "a")


@pytest.mark.parametrize(
    "text",
    [
        "tokens: [{name: a, role: god, sha256: " + "0" * 64 + "}]",
        "tokens: [{name: a, role: use, sha256: sonoforge_secret}]",
        "tokens: [{name: a, role: use, sha256: " + "0" * 64 + ", extra: 1}]",
        "[1, 2]",
        "{",
        "tokens: " + "[" * 500,
        "tokens:\n" + ("- {name: a, role: use, sha256: " + "0" * 64 + "}\n") * 2,
        "!!python/object/apply:os.system ['true']",
    ],
)
def test_what_is_no_file_of_tokens_is_refused_and_not_repeated(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(AccessError) as caught:
        read_tokens(path)
    assert "sonoforge_secret" not in str(caught.value)


def test_json_is_read_too_and_an_empty_file_has_no_tokens(path: Path) -> None:
    path.write_text('{"tokens": [{"name": "a", "role": "use", "sha256": "' + "0" * 64 + '"}]}')
    path.chmod(0o600)
    assert read_tokens(path).tokens[0].name == "a"
    path.write_text("")
    assert read_tokens(path) == Tokens()


def test_what_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(AccessError, match="can't be read"):
        read_private(tmp_path / "nothing", what="a file")
    with pytest.raises(AccessError):
        read_private(tmp_path, what="a file")
    (tmp_path / "latin").write_bytes(b"\xff")
    with pytest.raises(AccessError, match="UTF-8"):
        read_private(tmp_path / "latin", what="a file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_of_somebody_else_is_refused(path: Path) -> None:
    make_token(path, "a", role="use", now=NOW)
    os.chown(path, 12345, -1)
    with pytest.raises(AccessError, match="owner 12345"):
        read_tokens(path)
