"""`sonoforge token` prints a token once, and revokes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from components.errors import AccessError
from components.tokens import PREFIX, fingerprint, read_tokens
from pipelines.commands import token as command


@pytest.fixture
def app() -> typer.Typer:
    """An application with this command alone."""
    app = typer.Typer()
    command.register(app)
    return app


def test_a_token_is_printed_once_and_its_sha256_kept(app: typer.Typer, tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    ran = CliRunner().invoke(app, ["ward 3", "--file", str(path)])
    assert ran.exit_code == 0, ran.output
    token = ran.stdout.strip()
    assert token.startswith(PREFIX) and "isn't shown again" in ran.stderr and token not in ran.stderr
    (kept,) = read_tokens(path).tokens
    assert (kept.name, kept.role, kept.sha256) == ("ward 3", "use", fingerprint(token))
    assert token not in path.read_text()


def test_role_days_and_json(app: typer.Typer, tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    arguments = ["console", "--role", "administrate", "--days", "30", "--json"]
    ran = CliRunner().invoke(app, arguments, env={"SONOFORGE_TOKENS": str(path)})
    told = json.loads(ran.stdout)
    (kept,) = read_tokens(path).tokens
    assert kept.role == told["role"] == "administrate" and fingerprint(told["token"]) == kept.sha256
    assert kept.expires is not None and kept.made is not None and (kept.expires - kept.made).days == 30


def test_a_token_is_revoked(app: typer.Typer, tmp_path: Path) -> None:
    path = tmp_path / "tokens.yaml"
    CliRunner().invoke(app, ["a", "--file", str(path)])
    assert CliRunner().invoke(app, ["a", "--revoke", "--file", str(path)]).exit_code == 0
    assert read_tokens(path).tokens == ()
    again = CliRunner().invoke(app, ["a", "--revoke", "--file", str(path)])
    assert isinstance(again.exception, AccessError)


def test_a_file_must_be_named(app: typer.Typer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SONOFORGE_TOKENS", raising=False)
    ran = CliRunner().invoke(app, ["a"])
    assert isinstance(ran.exception, AccessError) and "SONOFORGE_TOKENS" in ran.exception.expected
    assert CliRunner().invoke(app, ["a", "--role", "god"]).exit_code == 2
