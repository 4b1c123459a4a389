"""Whatever was done to a log, verify says where."""

from __future__ import annotations

import shutil
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.anchor import START, anchor_of, leave_ends
from components.audit import verifying
from components.audit.entries import NewFile, Stop
from components.audit.lines import MAX_LINE_BYTES, file_name, log_files, seal
from components.audit.log import AuditLog
from components.audit.verifying import MAX_FAULTS, verify
from tests.components.audit.predictions import predicted

QUICK = settings(max_examples=25)
AT = "2099-01-01T00:00:00.000Z"


@contextmanager
def copied(written: Path) -> Iterator[Path]:
    with TemporaryDirectory() as scratch:
        shutil.copytree(written.parent, scratch, dirs_exist_ok=True)
        yield Path(scratch) / "audit"


def places(folder: Path) -> list[tuple[Path, int]]:
    """Every line, as its file and its index there."""
    return [(path, n) for _, path in log_files(folder) for n in range(path.read_bytes().count(b"\n"))]


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def test_a_whole_log_is_sound(written: Path) -> None:
    found = verify(written)
    assert found.is_sound and found.entries == found.last == len(places(written))
    assert found.files == len(log_files(written)) and found.log is not None and found.since_head is None


@QUICK
@given(st.data())
def test_any_changed_byte_is_found_in_its_line(written: Path, data: st.DataObject) -> None:
    with copied(written) as folder:
        path, index = data.draw(st.sampled_from(places(folder)))
        lines = lines_of(path)
        byte = data.draw(st.integers(0, len(lines[index]) - 2))
        changed = bytearray(lines[index])
        changed[byte] = data.draw(st.integers(0, 255).filter(lambda value: value not in (changed[byte], 10)))
        path.write_bytes(b"".join([*lines[:index], bytes(changed), *lines[index + 1 :]]))
        (fault,) = verify(folder).faults
        assert (fault.file, fault.line) == (path.name, index + 1)


@QUICK
@given(st.data())
def test_a_removed_line_is_found_where_it_is_missing(written: Path, data: st.DataObject) -> None:
    with copied(written) as folder:
        every = places(folder)
        at = data.draw(st.integers(0, len(every) - 1))
        path, index = every[at]
        lines = lines_of(path)
        path.write_bytes(b"".join(lines[:index] + lines[index + 1 :]))
        faults = verify(folder).faults
        assert faults
        if at + 1 < len(every):
            later_path, later = every[at + 1]
            shifted = later if later_path == path else later + 1
            assert (faults[0].file, faults[0].line) == (later_path.name, shifted)
        else:
            assert "says that it ended with" in faults[0].expected


@QUICK
@given(st.data())
def test_moved_and_repeated_lines_are_found(written: Path, data: st.DataObject) -> None:
    with copied(written) as folder:
        every = places(folder)
        first, second = sorted(data.draw(st.sets(st.integers(0, len(every) - 1), min_size=2, max_size=2)))
        contents = {path: lines_of(path) for _, path in log_files(folder)}
        (a, i), (b, j) = every[first], every[second]
        if data.draw(st.booleans()):
            contents[a][i], contents[b][j] = contents[b][j], contents[a][i]
            where = (a.name, i + 1)
        else:
            contents[b].insert(j + 1, contents[a][i])
            where = (b.name, j + 2)
        for path, lines in contents.items():
            path.write_bytes(b"".join(lines))
        faults = verify(folder).faults
        assert (faults[0].file, faults[0].line) == where


@QUICK
@given(st.integers(0, 10_000_000), st.booleans())
def test_a_cut_tail_is_found(written: Path, cut: int, also_files: bool) -> None:
    with copied(written) as folder:
        path = log_files(folder)[-1][1]
        data = path.read_bytes()
        kept = cut % len(data)
        path.write_bytes(data[:kept])
        if also_files and not kept:
            path.unlink()
        found = verify(folder)
        assert not found.is_sound
        assert any("says that it ended with" in fault.expected for fault in found.faults)


@pytest.mark.parametrize("number", [1, 3])
def test_a_forged_line_at_the_end_is_found(folder: Path, number: int) -> None:
    before = verify(folder)
    path = log_files(folder)[-1][1]
    forged, digest = seal(predicted(7).model_dump_json().encode(), n=before.last + number, previous=before.head, at=AT)
    path.write_bytes(path.read_bytes() + forged)
    fault = verify(folder).faults[0]
    assert (fault.file, fault.line) == (path.name, len(lines_of(path)))
    # Who may write beside the folder, too, forges that: only a head that was kept elsewhere shows what isn't there.
    if number == 1:
        leave_ends(path, (before.last + 1, digest))
        assert verify(folder).is_sound


def test_a_log_that_was_written_anew_is_found_by_a_head_that_was_kept(folder: Path, tmp_path: Path) -> None:
    head = verify(folder).head
    assert verify(folder, head=head).since_head == 0
    with AuditLog.open(folder) as log:
        log.append(predicted(99))
    assert verify(folder, head=head).since_head == 1
    with AuditLog.open(tmp_path / "new/audit") as log:
        log.append(predicted(1))
    shutil.rmtree(folder)
    shutil.copytree(tmp_path / "new", tmp_path, dirs_exist_ok=True)
    assert verify(folder).is_sound
    (fault,) = verify(folder, head=head).faults
    assert head[:12] in fault.found


def test_a_resealed_line_breaks_the_one_behind_it(folder: Path) -> None:
    path = log_files(folder)[0][1]
    lines = lines_of(path)
    forged, _ = seal(predicted(5, who="bert").model_dump_json().encode(), n=2, previous=verify_digest(lines[0]), at=AT)
    path.write_bytes(b"".join([lines[0], forged, *lines[2:]]))
    assert [(fault.file, fault.line) for fault in verify(folder).faults] == [(path.name, 3)]


def verify_digest(raw: bytes) -> str:
    return raw[-67:-3].decode()


def test_archived_files_and_those_that_are_left_are_verified_each(folder: Path, tmp_path: Path) -> None:
    archive = tmp_path / "elsewhere/audit-2026"
    archive.mkdir(parents=True)
    taken = [path for _, path in log_files(folder)][:2]
    for path in taken:
        shutil.move(path, archive / path.name)
    end = verify_digest(lines_of(archive / taken[-1].name)[-1])
    (missing,) = verify(folder).faults
    assert missing.found == "audit-000001.jsonl to audit-000002.jsonl: not here" and "--after" in missing.remedy
    assert verify(folder, after=end).is_sound
    assert not verify(folder, after="0" * 64).is_sound
    assert verify(archive, head=end).is_sound and not verify(archive).is_sound
    earlier = verify_digest(lines_of(archive / taken[-1].name)[-2])
    assert not verify(archive, head=earlier).is_sound
    # And the service writes on.
    with AuditLog.open(folder) as log:
        log.append(predicted(5))
    assert verify(folder, after=end).is_sound


def test_a_file_that_is_missing_in_between_is_said_once(folder: Path) -> None:
    log_files(folder)[1][1].unlink()
    (fault,) = verify(folder).faults
    assert (fault.file, fault.line) == (file_name(2), None)


def test_a_file_of_another_log_is_found(folder: Path, tmp_path: Path) -> None:
    number, path = log_files(folder)[-1]
    last = verify_digest(lines_of(log_files(folder)[-2][1])[-1])
    n = sum(len(lines_of(each)) for _, each in log_files(folder)[:-1]) + 1
    line, digest = seal(NewFile(log="f" * 32, file=number).model_dump_json().encode(), n=n, previous=last, at=AT)
    path.write_bytes(line)
    leave_ends(path, (n, digest))
    (fault,) = verify(folder).faults
    assert fault.found.endswith("of the log ffffffff")


def test_what_was_never_a_log_is_said(tmp_path: Path) -> None:
    (fault,) = verify(tmp_path / "none").faults
    assert fault.found == "no log"
    leave_ends(tmp_path / "none/x", (3, "a" * 64))
    (fault,) = verify(tmp_path / "none").faults
    assert "ended with entry 3" in fault.expected
    leave_ends(tmp_path / "none/x", (0, START))
    assert verify(tmp_path / "none").is_sound
    anchor_of(tmp_path / "none/x").write_text("{")
    assert "broken" in verify(tmp_path / "none").faults[0].expected


def test_times_that_go_back_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "audit"
    folder.mkdir()
    raw, digest = b"", START
    stop = Stop(why="x").model_dump_json().encode()
    entries = [
        (NewFile(log="f" * 32, file=1).model_dump_json().encode(), AT),
        (stop, AT),
        (stop, AT.replace("99", "98")),
    ]
    for n, (entry, at) in enumerate(entries, start=1):
        line, digest = seal(entry, n=n, previous=digest, at=at)
        raw += line
    (folder / file_name(1)).write_bytes(raw)
    leave_ends(folder / file_name(1), (3, digest))
    (fault,) = verify(folder).faults
    assert fault.line == 3 and "no time before" in fault.expected


def test_a_log_that_is_being_written_is_sound_meanwhile(tmp_path: Path) -> None:
    done = threading.Event()
    with AuditLog.open(tmp_path / "audit", max_file_bytes=5_000) as log:

        def writing() -> None:
            for number in range(150):
                log.append(predicted(number))
            done.set()

        thread = threading.Thread(target=writing)
        thread.start()
        seen = 0
        while not done.is_set():
            found = verify(log.folder)
            assert found.is_sound and found.last >= seen, found.faults
            seen = found.last
        thread.join()


def test_faults_and_memory_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "PAUSE_S", 0.0)
    folder = tmp_path / "audit"
    folder.mkdir()
    with (folder / file_name(1)).open("wb") as file:
        for _ in range(5_000):
            file.write(b"{}\n")
        file.write(b"x" * (3 * MAX_LINE_BYTES) + b"\n" + b"y" * 100)
    leave_ends(folder / file_name(1), (1, "a" * 64))
    tracemalloc.start()
    found = verify(folder)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.faults) == MAX_FAULTS and found.more_faults == 5_001 + 1 - MAX_FAULTS
    assert peak_bytes < 5 * MAX_LINE_BYTES
