"""Appending: durable, in order, from many threads; refused where it can't be."""

from __future__ import annotations

import errno
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.anchor import anchor_of, leave_ends, read_ends
from components.audit import log as log_module
from components.audit.entries import Start, Stop
from components.audit.log import AuditLog
from components.audit.reading import read
from components.audit.verifying import verify
from components.errors import AuditError
from tests.components.audit.predictions import predicted


def test_a_receipt_names_the_line_that_is_on_the_disk(tmp_path: Path) -> None:
    with AuditLog.open(tmp_path / "audit") as log:
        receipt = log.append(predicted())
        (found,) = read(log.folder, kinds=("prediction",))
        assert (found.line.n, found.line.digest) == (receipt.n, receipt.digest) == (2, log.head.digest)
        assert found.line.entry == predicted()
        # What was told can't be cut unnoticed even if the process is killed now.
        assert read_ends(tmp_path / "audit/x") == ((2, receipt.digest),)
    assert oct((tmp_path / "audit/audit-000001.jsonl").stat().st_mode)[-3:] in ("640", "600")


def test_many_threads_append_and_each_gets_its_own_line(tmp_path: Path) -> None:
    with AuditLog.open(tmp_path / "audit", max_file_bytes=20_000) as log, ThreadPoolExecutor(32) as pool:
        receipts = list(pool.map(lambda number: log.append(predicted(number)), range(320)))
    lines = {found.line.n: found.line for found in read(tmp_path / "audit")}
    for number, receipt in enumerate(receipts):
        assert lines[receipt.n].digest == receipt.digest and lines[receipt.n].entry == predicted(number)
    found = verify(tmp_path / "audit")
    assert found.is_sound and found.files > 3 and found.entries == 320 + found.files == len(lines)


def test_what_waits_together_is_synced_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with AuditLog.open(tmp_path / "audit") as log:
        synced, slow = [], threading.Event()
        fsync = os.fsync

        def slowly(file: int) -> None:
            slow.wait(0.02)
            synced.append(file)
            fsync(file)

        monkeypatch.setattr(os, "fsync", slowly)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda number: log.append(predicted(number)), range(64)))
        assert 4 <= len(synced) < 64 / 2


def test_a_log_goes_on_after_it_was_closed(folder: Path) -> None:
    before = verify(folder)
    with AuditLog.open(folder, max_file_bytes=4_000) as log:
        assert log.head.digest == before.head
        log.append(Start(version="0.1.0", model=None))
    assert verify(folder, head=before.head).since_head == 1


def test_a_clock_that_was_set_back_puts_no_entry_before_another(tmp_path: Path) -> None:
    now = [datetime(2026, 11, 22, 12, tzinfo=UTC)]
    with AuditLog.open(tmp_path / "audit", clock=lambda: now[0]) as log:
        log.append(Stop(why="one"))
        now[0] -= timedelta(hours=1)
        log.append(Stop(why="two"))
    with AuditLog.open(tmp_path / "audit", clock=lambda: now[0]) as log:
        log.append(Stop(why="three"))
    assert {found.line.at for found in read(tmp_path / "audit")} == {"2026-11-22T12:00:00.000Z"}


def test_one_writer_at_a_time(tmp_path: Path) -> None:
    with AuditLog.open(tmp_path / "audit"), pytest.raises(AuditError, match="another process writes") as caught:
        AuditLog.open(tmp_path / "audit")
    assert "SONOFORGE_AUDIT" in caught.value.remedy
    AuditLog.open(tmp_path / "audit").close()


def test_it_may_be_closed_by_another_thread_and_twice(tmp_path: Path) -> None:
    log = AuditLog.open(tmp_path / "audit")
    with ThreadPoolExecutor(1) as pool:
        pool.submit(log.close).result()
    log.close()
    with pytest.raises(AuditError, match="closed"):
        log.append(predicted())
    AuditLog.open(tmp_path / "audit").close()


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the disk takes half of what is written to it, and no more."""
    write = os.write

    def fails(file: int, data: bytes) -> int:
        if len(data) > 1:
            return write(file, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", fails)


@pytest.mark.parametrize("max_file_bytes", [1 << 20, 200])
def test_a_full_disk_refuses_and_leaves_no_half_line(
    tmp_path: Path, max_file_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with AuditLog.open(tmp_path / "audit", max_file_bytes=max_file_bytes) as log:
        log.append(predicted(1))
        before = {path.name: path.read_bytes() for path in log.folder.iterdir()}
        full_disk(monkeypatch)
        for _ in range(2):
            with pytest.raises(AuditError, match="No space left") as caught:
                log.append(predicted(2))
            assert "make room" in caught.value.remedy and log.fault is None
            assert {path.name: path.read_bytes() for path in log.folder.iterdir()} == before
        monkeypatch.undo()
        log.append(predicted(3))
    assert verify(tmp_path / "audit").is_sound
    predictions = [found.line.entry for found in read(tmp_path / "audit", kinds=("prediction",))]
    assert predictions == [predicted(1), predicted(3)]


def test_a_disk_that_fails_altogether_ends_the_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with AuditLog.open(tmp_path / "audit") as log:
        log.append(predicted(1))
        full_disk(monkeypatch)
        monkeypatch.setattr(os, "ftruncate", fails)
        with pytest.raises(AuditError, match="No space left"):
            log.append(predicted(2))
        monkeypatch.undo()
        assert log.fault is not None
        with pytest.raises(AuditError):
            log.append(predicted(3))
    # The half line is put aside when the log is opened again.
    with AuditLog.open(tmp_path / "audit") as log:
        log.append(predicted(4))
    assert [found.line.entry.kind for found in read(tmp_path / "audit")] == [
        "file",
        "prediction",
        "recovered",
        "prediction",
    ]
    assert verify(tmp_path / "audit").is_sound


def test_a_folder_that_cant_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file/audit", Path("/sys/audit")):
        with pytest.raises(AuditError, match="can't be written") as caught:
            AuditLog.open(folder)
        assert "no prediction may be given" in caught.value.remedy


def test_an_entry_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with AuditLog.open(tmp_path / "audit") as log:
        log.append(predicted(clicks=16_384))  # Of 64 objects, the most clicks that a request may have.
        monkeypatch.setattr(log_module, "MAX_LINE_BYTES", 2_000)
        with pytest.raises(AuditError, match="an entry of"):
            log.append(predicted(clicks=64))
    assert verify(tmp_path / "audit").is_sound


@pytest.mark.parametrize("damage", ["longer", "shorter", "moved", "gone", "another end", "no end"])
def test_who_changes_the_file_under_the_writer_stops_it(tmp_path: Path, damage: str) -> None:
    with AuditLog.open(tmp_path / "audit") as log:
        log.append(predicted(1))
        path = log.folder / "audit-000001.jsonl"
        data = path.read_bytes()
        if damage in ("longer", "shorter"):
            with path.open("r+b") as file:
                file.truncate(len(data) - 1 if damage == "shorter" else len(data) + 1)
        elif damage == "moved":
            path.rename(tmp_path / "elsewhere")
            path.write_bytes(data)
        elif damage == "gone":
            path.unlink()
        elif damage == "another end":
            leave_ends(path, (1, "a" * 64))
        else:
            anchor_of(path).unlink()
        with pytest.raises(AuditError, match="changed by somebody else"):
            log.append(predicted(2))
        assert log.fault is not None


def test_a_file_that_stands_where_the_next_one_would_is_left_alone(tmp_path: Path) -> None:
    with AuditLog.open(tmp_path / "audit", max_file_bytes=200) as log:
        foreign = log.folder / "audit-000002.jsonl"
        foreign.write_text("mine")
        with pytest.raises(AuditError, match="changed by somebody else"):
            log.append(predicted(1))
        assert foreign.read_text() == "mine"


def test_a_forked_child_is_told_to_open_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with AuditLog.open(tmp_path / "audit") as log:
        pid = os.getpid()
        monkeypatch.setattr(os, "getpid", lambda: pid + 1)
        with pytest.raises(AuditError, match="before a fork"):
            log.append(predicted())
        log.close()
        monkeypatch.undo()
        log.append(predicted())


def test_whoever_waits_is_told_if_the_one_who_writes_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_wait = threading.Event()

    def interrupted(*_: object, **__: object) -> None:
        others_wait.wait(10)
        raise KeyboardInterrupt

    with AuditLog.open(tmp_path / "audit") as log, ThreadPoolExecutor(4) as pool:
        monkeypatch.setattr(log_module.Tail, "write", interrupted)
        asked = [pool.submit(log.append, predicted(number)) for number in range(4)]
        while len(log._waiting) < 3:
            time.sleep(0.001)
        others_wait.set()
        raised = [type(each.exception()) for each in asked]
        assert sorted(kind.__name__ for kind in raised) == ["AuditError"] * 3 + ["KeyboardInterrupt"]
        monkeypatch.undo()
        assert log.fault is not None
        with pytest.raises(AuditError, match="closed"):
            log.append(predicted())
    assert verify(tmp_path / "audit").entries == 1


@pytest.mark.parametrize("appointed", [False, True])
def test_who_is_interrupted_while_waiting_keeps_nobody_else_from_writing(
    tmp_path: Path, appointed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, write = threading.Event(), log_module.Tail.write

    def slowly(*arguments: Any, **named: Any) -> Any:
        go_on.wait(10)
        return write(*arguments, **named)

    def interrupted(event: threading.Event) -> None:
        if appointed:
            go_on.set()
            event.wait(10)
        raise KeyboardInterrupt

    with AuditLog.open(tmp_path / "audit") as log, ThreadPoolExecutor(2) as pool:
        monkeypatch.setattr(log_module.Tail, "write", slowly)
        first = pool.submit(log.append, predicted(1))
        while not log._led or log._waiting:
            time.sleep(0.001)
        with monkeypatch.context() as patch:
            patch.setattr(log_module, "_wait", interrupted)
            with pytest.raises(KeyboardInterrupt):
                log.append(predicted(2))
        go_on.set()
        assert first.result().n == 2 and log.append(predicted(3)).n == 3
    assert verify(tmp_path / "audit").is_sound


def test_closing_waits_for_what_is_being_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, write = AuditLog.open(tmp_path / "audit"), log_module.Tail.write
    begun = threading.Event()

    def slowly(*arguments: Any, **named: Any) -> Any:
        begun.set()
        time.sleep(0.05)
        return write(*arguments, **named)

    monkeypatch.setattr(log_module.Tail, "write", slowly)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(log.append, predicted(number)) for number in range(8)]
        begun.wait(10)
        log.close()
        kinds = {type(each.exception()) for each in asked}
    assert kinds <= {type(None), AuditError} and verify(tmp_path / "audit").is_sound
    assert verify(tmp_path / "audit").entries == 1 + sum(each.exception() is None for each in asked) > 1


def test_what_is_there_can_be_accepted_with_a_reason(folder: Path) -> None:
    with pytest.raises(AuditError, match="ends where it was left"):
        AuditLog.open(folder, accept=("anna", "why not"))
    anchor_of(folder / "x").unlink()
    with pytest.raises(AuditError, match="is gone") as caught:
        AuditLog.open(folder)
    assert "sonoforge audit accept" in caught.value.remedy
    AuditLog.open(folder, accept=("anna", "restored from Monday's backup")).close()
    assert verify(folder).is_sound
    (found,) = read(folder, kinds=("accepted",))
    assert (found.line.entry.who, found.line.entry.left) == ("anna", None)
