"""After each change of the ledger, services are told which model to serve."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from components.in_service import IN_SERVICE, read_in_service
from components.release.records.ledger import LEDGER, RELEASED, append, read_ledger
from components.release.records.promotion import sync_service

FIRST, SECOND = "a" * 64, "b" * 64


def move(root: Path, action: Literal["promote", "rollback", "refuse"], source: str | None, target: str | None) -> str:
    """An entry of the ledger, and then what follows from it; returns the entry's digest."""
    entry = append(
        root / LEDGER,
        action=action,
        who="anna",
        source=source,
        target=target,
        candidate=target,
        gate_sha256="0" * 64,
        reason="passed",
        package_sha256="c" * 64 if target == FIRST else None,
    )
    sync_service(root, read_ledger(root / LEDGER))
    return entry.digest


def test_the_model_in_use_is_named_by_what_the_ledger_says(tmp_path: Path) -> None:
    path = tmp_path / RELEASED / IN_SERVICE
    sync_service(tmp_path, read_ledger(tmp_path / LEDGER))
    assert not path.exists(), "nothing was promoted yet"
    entry = move(tmp_path, "promote", None, FIRST)
    named = read_in_service(path)
    assert named is not None
    assert (named.digest, named.folder, named.files_sha256, named.entry) == (FIRST, FIRST[:12], "c" * 64, entry)
    before = path.stat().st_mtime_ns
    move(tmp_path, "refuse", FIRST, FIRST)
    assert path.stat().st_mtime_ns == before, "a refusal moves nothing, and wakes no service"
    move(tmp_path, "promote", FIRST, SECOND)
    move(tmp_path, "rollback", SECOND, FIRST)
    named = read_in_service(path)
    assert named is not None and named.digest == FIRST
    path.write_text("{")
    sync_service(tmp_path, read_ledger(tmp_path / LEDGER))
    assert read_in_service(path) == named, "a broken file is written anew"
