"""What the benchmark shows fits a terminal of eighty columns, and says how far it is also where there is none."""

from __future__ import annotations

import io

import pytest

from components.evaluation.benchmarking.tables import Table
from pipelines.commands import bench_screen
from pipelines.commands.bench_screen import EVERY_S, Progress, plain_console, print_tables


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_line_on_a_terminal_is_no_longer_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench_screen, "_columns", lambda _stream: 10)
    terminal = _Terminal()
    progress = Progress(terminal)
    progress.tell("123456789")
    progress.tell("1234567890")
    progress.end()
    assert terminal.getvalue().split("\r\033[K") == ["", "123456789", "12345678…", ""]


def test_without_a_terminal_a_line_comes_now_and_then() -> None:
    now_s = iter([0.0, EVERY_S - 1, EVERY_S, EVERY_S, EVERY_S + 1])
    stream = io.StringIO()
    progress = Progress(stream, lambda: next(now_s))
    for line in ("first", "too soon", "second", "too soon, too"):
        progress.tell(line)
    progress.end()
    assert stream.getvalue() == "first\nsecond\n"


def test_words_wrap_and_names_and_numbers_do_not(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "36")
    row = ("a_rather_long_name", "torch folded", "1,234")
    print_tables(plain_console(), [Table("title", ("model", "run by", "ms"), (row,))])
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= 36
    assert any(line.startswith("a_rather_long_name  torch ") and line.rstrip().endswith("1,234") for line in shown)
