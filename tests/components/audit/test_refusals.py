"""Refusals are entered, but can't fill the disk."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from components.audit.log import AuditLog
from components.audit.reading import read
from components.audit.refusals import Refusals
from components.errors import AuditError


def entered(folder: Path) -> list[tuple[str, str | None, int]]:
    found = [found.line.entry for found in read(folder, kinds=("refused",))]
    return [(entry.code, entry.who, entry.times) for entry in found]


def test_the_first_is_entered_at_once_and_the_others_are_counted(tmp_path: Path) -> None:
    now_s = [0.0]
    with AuditLog.open(tmp_path / "audit") as log:
        refusals = Refusals(log, every_s=60, clock_s=lambda: now_s[0])
        for _ in range(1000):
            refusals.note("token_unknown")
        assert entered(log.folder) == [("token_unknown", None, 1)]
        refusals.note("role_missing", who="anna")
        now_s[0] = 61
        refusals.note("token_unknown")
        refusals.note("token_unknown")
        refusals.flush()
        refusals.close()
    assert entered(tmp_path / "audit") == [
        ("token_unknown", None, 1),
        ("role_missing", "anna", 1),
        ("token_unknown", None, 1000),
        ("token_unknown", None, 1),
    ]


def until(folder: Path, wanted: list[tuple[str, str | None, int]]) -> None:
    """Wait until the log has these entries, a few seconds at most."""
    end_s = time.monotonic() + 10
    while entered(folder) != wanted:
        assert time.monotonic() < end_s, f"{entered(folder)} isn't {wanted}"
        time.sleep(0.005)


def test_what_was_counted_is_entered_in_time_though_nobody_is_refused_again(tmp_path: Path) -> None:
    now_s = [0.0]
    with AuditLog.open(tmp_path / "audit") as log:
        refusals = Refusals(log, every_s=60, look_s=0.01, clock_s=lambda: now_s[0])
        for _ in range(10_000):
            refusals.note("token_unknown")
        now_s[0] = 59
        time.sleep(0.05)
        assert entered(log.folder) == [("token_unknown", None, 1)], "a minute isn't over"
        now_s[0] = 60
        until(log.folder, [("token_unknown", None, 1), ("token_unknown", None, 9_999)])
        refusals.note("token_unknown")
        now_s[0] = 120
        until(log.folder, [("token_unknown", None, 1), ("token_unknown", None, 9_999), ("token_unknown", None, 1)])
        refusals.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "sonoforge-refusals"]


def test_what_could_not_be_entered_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [0.0]
    with AuditLog.open(tmp_path / "audit") as log:
        refusals = Refusals(log, every_s=60, look_s=0.01, clock_s=lambda: now_s[0])

        def full(entry: object) -> None:
            raise AuditError("no room", expected="room", remedy="make room")

        with monkeypatch.context() as patched:
            patched.setattr(log, "append", full)
            with pytest.raises(AuditError):
                refusals.note("token_unknown")
            refusals.note("token_unknown")
            now_s[0] = 60
            time.sleep(0.05)
        now_s[0] = 120
        until(log.folder, [("token_unknown", None, 2)])
        refusals.close()
