"""Finding entries, one at a time."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from components.audit.entries import Feedback, Judgement
from components.audit.lines import log_files, seal
from components.audit.log import AuditLog
from components.audit.reading import TAIL_BYTES, last_line, log_id, read
from components.audit.verifying import verify
from components.errors import AuditError
from tests.components.audit.predictions import predicted

BEGUN = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def hourly(tmp_path: Path) -> Path:
    """A prediction and what became of it each hour, over some files."""
    now = [BEGUN]
    with AuditLog.open(tmp_path / "audit", max_file_bytes=3_000, clock=lambda: now[0]) as log:
        for number in range(8):
            log.append(predicted(number))
            judged = Judgement(index=0, verdict="accepted")
            log.append(Feedback(prediction=f"{number:032x}", who="anna", role="use", objects=(judged,)))
            now[0] += timedelta(hours=1)
    return tmp_path / "audit"


def test_entries_come_by_time_kind_and_what_they_hold(hourly: Path) -> None:
    since, until = BEGUN + timedelta(hours=3), BEGUN + timedelta(hours=5)
    found = list(read(hourly, since=since, until=until, kinds=("prediction",)))
    assert [each.line.entry for each in found] == [predicted(3), predicted(4)]
    about = list(read(hourly, containing=[f"{6:032x}"]))
    assert [each.line.entry.kind for each in about] == ["prediction", "feedback"]
    assert len(list(read(hourly, kinds=("feedback",), containing=[f"{6:032x}", f"{7:032x}"]))) == 2
    assert len(list(read(hourly))) == verify(hourly).entries
    assert list(read(hourly, since=BEGUN + timedelta(days=1))) == []


def test_files_that_end_before_a_time_arent_read(hourly: Path) -> None:
    log_files(hourly)[0][1].write_text("nobody looks here\n")
    assert list(read(hourly, since=BEGUN + timedelta(hours=7)))
    with pytest.raises(AuditError, match=r"audit-000001\.jsonl, line 1,"):
        list(read(hourly))


def test_a_found_entry_says_where_it_stands(hourly: Path) -> None:
    for found in read(hourly):
        raw = (hourly / found.file).read_bytes().splitlines(keepends=True)[found.number - 1]
        assert raw[-67:-3].decode() == found.line.digest


def test_a_line_that_is_being_written_isnt_read(folder: Path) -> None:
    whole = len(list(read(folder)))
    path = log_files(folder)[-1][1]
    path.write_bytes(path.read_bytes() + b'{"n":99')
    assert len(list(read(folder))) == whole
    assert last_line(folder).number == whole


def test_the_head_is_the_last_whole_line(folder: Path) -> None:
    found = verify(folder)
    assert (last_line(folder).line.digest, last_line(folder).number) == (found.head, found.last)
    assert log_id(folder) == found.log
    (folder / "audit-000099.jsonl").write_bytes(b"")
    assert last_line(folder).line.digest == found.head


def test_the_head_may_be_a_long_line(tmp_path: Path) -> None:
    with AuditLog.open(tmp_path / "audit") as log:
        log.append(predicted(clicks=3_000))
        assert (tmp_path / "audit/audit-000001.jsonl").stat().st_size > TAIL_BYTES
        assert last_line(log.folder).line.digest == log.head.digest


def test_what_isnt_there_or_isnt_sound_is_said(folder: Path, tmp_path: Path) -> None:
    for find in (lambda place: list(read(place)), last_line):
        with pytest.raises(AuditError, match="no log in"):
            find(tmp_path / "none")
    assert log_id(tmp_path / "none") is None
    path = log_files(folder)[-1][1]
    line, _ = seal(b"{}", n=1, previous="0" * 64, at="2099-01-01T00:00:00.000Z")
    path.write_bytes(path.read_bytes() + line)
    for find in (lambda place: list(read(place)), last_line):
        with pytest.raises(AuditError, match="isn't what was written there"):
            find(folder)
    shutil.rmtree(folder)
