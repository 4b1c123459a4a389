"""`sonoforge audit`, as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from components.anchor import anchor_of
from components.audit.lines import log_files
from components.audit.log import AuditLog
from components.audit.verifying import verify
from components.errors import AuditError
from pipelines.commands.audit import app
from tests.components.audit.predictions import predicted, sha


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log of six predictions by two people and models, named by the environment."""
    folder = tmp_path / "audit"
    with AuditLog.open(folder, max_file_bytes=2_000) as log:
        for number in range(6):
            log.append(
                predicted(number, who="anna" if number % 2 else "bert", model="first" if number < 3 else "second")
            )
    monkeypatch.setenv("SONOFORGE_AUDIT", str(folder))
    return folder


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def test_a_sound_log_exits_with_0_and_a_damaged_one_with_1_saying_where(folder: Path) -> None:
    head = call("head").output.strip()
    sound = call("verify", "--head", head)
    assert sound.exit_code == 0 and "sound: " in sound.output and f"entry {verify(folder).last}, {head}" in sound.output
    assert "the head that was kept is in it, 0 entries ago" in sound.output
    assert "keep the head elsewhere" in call("verify").output
    path = log_files(folder)[0][1]
    path.write_bytes(path.read_bytes().replace(b"bert", b"carl", 1))
    damaged = call("verify")
    assert damaged.exit_code == 1 and "audit-000001.jsonl, line 2: " in damaged.output
    assert "expected: " in damaged.output and "what to do: " in damaged.output and "1 fault in " in damaged.output
    as_json = call("verify", "--json")
    assert as_json.exit_code == 1
    told = json.loads(as_json.output)
    assert told["sound"] is False and [(fault["file"], fault["line"]) for fault in told["faults"]] == [(path.name, 2)]


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--head", "abc"),
        ("verify", "--after", "G" * 64),
        ("show", "--prediction", "abc"),
        ("show", "--model", "xyz"),
        ("show", "--since", "yesterday"),
        ("show", "--kind", "nonsense"),
        ("accept",),
        ("accept", "--reason", " "),
        ("nonsense",),
    ],
)
def test_misuse_exits_with_2(folder: Path, arguments: tuple[str, ...]) -> None:
    assert call(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        ((), None),
        (("--kind", "prediction"), 6),
        (("--prediction", f"{4:032x}"), 1),
        (("--who", "anna"), 3),
        (("--model", sha("second")[:8]), 3),
        (("--model", sha("first"), "--who", "bert"), 2),
        (("--since", "2020-01-01", "--until", "2020-02-01T10:00"), 0),
        (("--since", "2020-01-01T00:00+02:00", "--kind", "prediction"), 6),
    ],
)
def test_entries_by_what_is_asked_for(folder: Path, arguments: tuple[str, ...], count: int | None) -> None:
    lines = call("show", *arguments).output.splitlines()
    as_json = [json.loads(line) for line in call("show", *arguments, "--json").output.splitlines()]
    assert len(lines) == len(as_json) == (verify(folder).entries if count is None else count)
    assert all(f"{told['n']:>7}  {told['at']}" in line for told, line in zip(as_json, lines, strict=True))


def test_a_line_for_people_says_who_what_and_by_which_model(folder: Path) -> None:
    line = call("show", "--prediction", f"{1:032x}").output
    assert "who anna" in line and sha("first")[:12] in line and f"mask_sha256 {sha('mask 1')[:12]}" in line
    assert "abstain" not in line


def test_the_head_as_json_names_the_log(folder: Path) -> None:
    found = verify(folder)
    told = json.loads(call("head", "--json").output)
    assert (told["log"], told["entry"], told["digest"]) == (found.log, found.last, found.head)


def test_a_log_that_isnt_there_is_said(folder: Path, tmp_path: Path) -> None:
    assert call("verify", "--log", str(tmp_path / "none")).exit_code == 1
    for command in ("show", "head"):
        with pytest.raises(AuditError, match="no log in"):
            CliRunner().invoke(app, [command, "--log", str(tmp_path / "none")], catch_exceptions=False)


def test_an_archive_and_what_is_left_are_verified_each(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    archive.mkdir()
    path = log_files(folder)[0][1]
    path.rename(archive / path.name)
    end = call("head", "--log", str(archive)).output.strip()
    assert call("verify", "--log", str(archive), "--head", end).exit_code == 0
    assert call("verify").exit_code == 1 and call("verify", "--after", end).exit_code == 0


def test_a_log_without_its_end_is_accepted_with_a_reason(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SONOFORGE_ACTOR", "anna")
    anchor_of(folder / "x").unlink()
    done = call("accept", "--reason", "moved to another machine")
    assert done.exit_code == 0 and "accepted as entry" in done.output
    assert "who anna  why moved to another machine" in call("show", "--kind", "accepted").output
    assert call("verify").exit_code == 0
