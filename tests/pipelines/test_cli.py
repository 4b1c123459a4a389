"""The command's own exit codes and messages, for faults that no single command explains."""

from __future__ import annotations

import errno
import os

import pytest
import typer

from components.errors import PromptError
from pipelines import cli


def failing(error: BaseException) -> typer.Typer:
    """An application whose only command raises."""
    app = typer.Typer(pretty_exceptions_enable=False)

    @app.command()
    def fail() -> None:
        raise error

    return app


def run(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> int:
    """Run the command line in which a command raises; returns its exit code."""
    monkeypatch.setattr(cli, "app", failing(error))
    monkeypatch.setattr("sys.argv", ["sonoforge"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(str(ended.value.code))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_said_and_what_to_do(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(OSError(number, os.strerror(number), "out/mask.png"), monkeypatch) == 1
    told = capsys.readouterr().err
    assert "no space is left for out/mask.png" in told and "what to do: free some space" in told
    assert "Traceback" not in told


def test_other_faults_of_the_system_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PermissionError):
        run(PermissionError(errno.EACCES, "Permission denied"), monkeypatch)


def test_an_error_that_a_user_can_act_on_is_told_in_three_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(PromptError("a", expected="b", remedy="c"), monkeypatch) == 1
    assert capsys.readouterr().err == "a\n  expected: b\n  what to do: c\n"
    assert run(KeyboardInterrupt(), monkeypatch) == 130
