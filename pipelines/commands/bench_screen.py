"""What `sonoforge bench` shows: how far it is while it measures, and its tables when it is done.

Leaves out: what stands in the tables (components/evaluation/benchmarking/screen.py).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.console import Console, JustifyMethod

    from components.evaluation.benchmarking.record import Record
    from components.evaluation.benchmarking.tables import Table

EVERY_S = 30.0
"""How often something is said where no terminal shows one line that changes."""
NO_TERMINAL_COLUMNS = 80


class Progress:
    """Lines of progress: on a terminal one line that the next overwrites, elsewhere a line now and then."""

    def __init__(self, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream, self._clock = stream, clock
        self._overwrites = stream.isatty()
        self._said_s: float | None = None

    def tell(self, line: str) -> None:
        """Say how far it is, if it is time to."""
        if self._overwrites:
            # A line that is longer than the terminal goes on below, and what went on isn't overwritten.
            columns = _columns(self._stream) - 1
            self._write(f"\r\033[K{line if len(line) <= columns else line[: columns - 1] + '…'}")
        elif self._said_s is None or self._clock() - self._said_s >= EVERY_S:
            self._said_s = self._clock()
            self._write(f"{line}\n")

    def end(self) -> None:
        """Leave a terminal's line empty."""
        if self._overwrites:
            self._write("\r\033[K")

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _columns(stream: TextIO) -> int:
    try:
        return os.get_terminal_size(stream.fileno()).columns or NO_TERMINAL_COLUMNS
    except OSError:
        return NO_TERMINAL_COLUMNS


def show(record: Record) -> None:
    """Print a record: the machine, all its tables, and what explains them."""
    from components.evaluation.benchmarking.screen import beside, deciding, notes
    from components.evaluation.benchmarking.tables import machine_line

    console = plain_console()
    console.print(machine_line(record))
    print_tables(console, [*beside(record), *deciding(record)])
    for note in notes(record):
        console.print(note)


def plain_console() -> Console:
    """A console that colours no numbers."""
    from rich.console import Console

    return Console(highlight=False, markup=False)


def print_tables(console: Console, tables: Iterable[Table], *, words: int = 2) -> None:
    """Print tables without frames, whose first columns are words and all others numbers."""
    from rich import box
    from rich.table import Table as Drawn

    for each in tables:
        drawn = Drawn(
            title=each.title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0)
        )
        for index, heading in enumerate(each.headings):
            # Words may go on below; a name or a number in two pieces can't be read.
            is_words = index < words and any(" " in row[index] for row in each.rows)
            side: JustifyMethod = "left" if index < words else "right"
            drawn.add_column(heading, justify=side, overflow="fold", no_wrap=not is_words)
        for row in each.rows:
            drawn.add_row(*row)
        console.print()
        console.print(drawn)
    console.print()
