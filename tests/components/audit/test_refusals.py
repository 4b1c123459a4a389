"""Refusals are entered, but can't fill the disk."""

from __future__ import annotations

from pathlib import Path

from components.audit.log import AuditLog
from components.audit.reading import read
from components.audit.refusals import Refusals


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
        refusals.flush()
    assert entered(tmp_path / "audit") == [
        ("token_unknown", None, 1),
        ("role_missing", "anna", 1),
        ("token_unknown", None, 1000),
        ("token_unknown", None, 1),
    ]
