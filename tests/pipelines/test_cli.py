"""The command's own exit codes and messages, for faults that no single command explains."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

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


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENAMETOOLONG, errno.EISDIR])
def test_what_the_system_says_of_a_path_is_told_with_the_path(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(OSError(number, os.strerror(number), "out/" + "x" * 999), monkeypatch) == 1
    told = capsys.readouterr().err
    assert told.startswith("out/xxx") and os.strerror(number) in told and "what to do: look at that path" in told
    assert len(told) < 700


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EFBIG])
def test_a_limit_of_the_process_is_told_with_what_shows_it(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for error in (OSError(number, os.strerror(number), "spool.bin"), OSError(number, os.strerror(number))):
        assert run(error, monkeypatch) == 1
        told = capsys.readouterr().err
        assert os.strerror(number) in told and "raise the limit (`ulimit -" in told


def test_a_refused_value_is_told_in_plain_words() -> None:
    ran = CliRunner().invoke(cli.app, ["segment", "scan.png", "--out", "mask.png", "--runtime", "nosuch"])
    assert ran.exit_code == 2
    assert "Invalid value for '--runtime': 'nosuch' is not one of" in ran.output


def test_too_long_a_name_is_no_crash(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["sonoforge", "data", "check", "busi", "--source", "x" * 300])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert "File name too long" in capsys.readouterr().err


def test_other_faults_of_the_system_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PermissionError):
        run(PermissionError(errno.EACCES, "Permission denied"), monkeypatch)


def test_an_error_that_a_user_can_act_on_is_told_in_three_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(PromptError("a", expected="b", remedy="c"), monkeypatch) == 1
    assert capsys.readouterr().err == "a\n  expected: b\n  what to do: c\n"
    assert run(KeyboardInterrupt(), monkeypatch) == 130


WAITING = """
import signal, sys, time
import typer
from pipelines import cli

app = typer.Typer(pretty_exceptions_enable=False)

@app.command()
def wait():
    try:
        print("ready", flush=True)
        time.sleep(30)
    finally:
        print("cleaned up", flush=True)

cli.app = app
sys.argv = ["sonoforge"]
cli.main()
"""


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_lets_a_command_clean_up(kind: signal.Signals, root: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        process.send_signal(kind)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "cleaned up\n")
    assert "Traceback" not in err


def test_what_nohup_ignores_stays_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    before = {which: signal.getsignal(which) for which in (signal.SIGHUP, signal.SIGTERM)}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with cli.ends_as_interrupts():
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            assert signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        for which, handler in before.items():
            signal.signal(which, handler)
