"""After a crash: nothing that was told is lost, what was half written is kept aside, and a log that isn't whole is not
written on."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from components.anchor import START, anchor_of, leave_ends, read_ends
from components.audit.lines import file_name, seal
from components.audit.log import AuditLog
from components.audit.reading import read
from components.audit.verifying import verify
from components.errors import AuditError
from tests.components.audit.predictions import predicted

WRITER = """
import sys, threading
from pathlib import Path
from components.audit.entries import Stop
from components.audit.log import AuditLog
log = AuditLog.open(Path(sys.argv[1]), max_file_bytes=20_000)
print("open", flush=True)
def write(name):
    number = 0
    while True:
        receipt = log.append(Stop(why=f"{name} {number}"))
        sys.stdout.write(f"{receipt.n} {receipt.digest}\\n")
        sys.stdout.flush()
        number += 1
for name in "abcdefgh":
    threading.Thread(target=write, args=(name,)).start()
"""


def last_file(folder: Path) -> Path:
    return sorted(folder.glob("audit-*.jsonl"))[-1]


def test_kill_9_in_the_middle_loses_nothing_that_was_told(tmp_path: Path, root: Path) -> None:
    told: dict[int, str] = {}
    for lines in (5, 200):
        command = [sys.executable, "-c", WRITER, str(tmp_path / "audit")]
        with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None and child.stdout.readline() == "open\n"
            seen = [child.stdout.readline() for _ in range(lines)]
            child.send_signal(signal.SIGKILL)
            seen += child.stdout.read().splitlines(keepends=True)
        told |= {int(line.split()[0]): line.split()[1] for line in seen if line.endswith("\n")}
        before = verify(tmp_path / "audit")
        assert all("without its end" in fault.found for fault in before.faults)
        with AuditLog.open(tmp_path / "audit", max_file_bytes=20_000):
            pass
        assert verify(tmp_path / "audit").is_sound
    kept = {found.line.n: found.line.digest for found in read(tmp_path / "audit")}
    assert told.items() <= kept.items() and len(told) >= 205
    assert list(kept) == list(range(1, len(kept) + 1))


def test_a_torn_line_is_kept_aside_and_that_is_entered(folder: Path) -> None:
    torn = b'{"n":99,"previous":"0123'
    path = last_file(folder)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    (fault,) = verify(folder).faults
    assert (fault.file, fault.line) == (path.name, whole.count(b"\n") + 1) and "start the service" in fault.remedy
    AuditLog.open(folder).close()
    (found,) = read(folder, kinds=("recovered",))
    entry = found.line.entry
    assert (entry.file, entry.torn_bytes) == (path.name, len(torn))
    assert entry.torn_sha256 == hashlib.sha256(torn).hexdigest()
    assert (folder / entry.kept).read_bytes() == torn
    assert path.read_bytes().startswith(whole) and verify(folder).is_sound


def test_what_was_put_aside_must_stay_as_it_was(folder: Path) -> None:
    path = last_file(folder)
    path.write_bytes(path.read_bytes() + b'{"n":99')
    AuditLog.open(folder).close()
    (found,) = read(folder, kinds=("recovered",))
    kept = folder / found.line.entry.kept
    kept.write_bytes(b'{"n":98')
    (changed,) = verify(folder).faults
    assert (changed.file, changed.line) == (found.file, found.number) and kept.name in changed.found
    kept.unlink()
    (gone,) = verify(folder).faults
    assert (gone.file, gone.line, gone.found) == (found.file, found.number, f"no {kept.name}")
    assert found.line.entry.torn_sha256[:12] in gone.expected


@pytest.mark.parametrize("begun", [b"", b'{"n":1', b"\0" * 700])
def test_a_file_that_was_only_begun_is_begun_again(folder: Path, begun: bytes) -> None:
    end = verify(folder).head
    following = folder / file_name(int(last_file(folder).stem[6:]) + 1)
    following.write_bytes(begun)
    with AuditLog.open(folder, max_file_bytes=1) as log:
        log.append(predicted(50))
    found = verify(folder, head=end)
    assert found.is_sound and following.read_bytes().startswith(b'{"n":')
    assert len(list(folder.glob("*.torn"))) == bool(begun)


@pytest.mark.parametrize("begun", [b"", b'{"n":1'])
def test_a_crash_before_the_very_first_line(tmp_path: Path, begun: bytes) -> None:
    folder = tmp_path / "audit"
    folder.mkdir()
    (folder / file_name(1)).write_bytes(begun)
    leave_ends(folder / file_name(1), (0, START), (1, "a" * 64))
    AuditLog.open(folder).close()
    assert verify(folder).is_sound


def test_pages_that_a_power_cut_lost_of_untold_lines_are_put_aside(folder: Path) -> None:
    """The writer said where the log would end, and died; of its lines the disk has the second, and not the first."""
    before = verify(folder)
    (last, digest) = (before.last, before.head)
    first, first_digest = seal(
        predicted(50).model_dump_json().encode(), n=last + 1, previous=digest, at="2099-01-01T00:00:00.000Z"
    )
    second, second_digest = seal(
        predicted(51).model_dump_json().encode(), n=last + 2, previous=first_digest, at="2099-01-01T00:00:00.000Z"
    )
    path = last_file(folder)
    path.write_bytes(path.read_bytes() + b"\0" * len(first) + second)
    ends = ((last, digest), (last + 1, first_digest), (last + 2, second_digest))
    leave_ends(folder / file_name(1), *ends)
    AuditLog.open(folder).close()
    found = verify(folder)
    assert found.is_sound and found.last == last + 1
    assert [kept.read_bytes() for kept in folder.glob("*.torn")] == [b"\0" * len(first) + second]


def test_untold_lines_that_are_whole_stay(folder: Path) -> None:
    before = verify(folder)
    line, digest = seal(
        predicted(50).model_dump_json().encode(), n=before.last + 1, previous=before.head, at="2099-01-01T00:00:00.000Z"
    )
    leave_ends(folder / file_name(1), (before.last, before.head), (before.last + 1, digest))
    path = last_file(folder)
    path.write_bytes(path.read_bytes() + line)
    with AuditLog.open(folder) as log:
        assert log.head.n == before.last + 1
    assert verify(folder).is_sound


def damaged(folder: Path, damage: str) -> None:
    path = last_file(folder)
    lines = path.read_bytes().splitlines(keepends=True)
    if damage == "cut":
        path.write_bytes(b"".join(lines[:-1]))
    elif damage == "changed":
        path.write_bytes(b"".join([*lines[:-1], lines[-1].replace(b"anna", b"bert")]))
    elif damage == "added":
        path.write_bytes(b"".join([*lines, b'{"n":1}\n']))
    elif damage == "not its first line":
        path.write_bytes(b"".join(lines[1:]))
    elif damage == "all files":
        for each in folder.glob("*.jsonl"):
            each.unlink()
    elif damage == "broken end":
        anchor_of(path).write_text("{")


@pytest.mark.parametrize("damage", ["cut", "changed", "added", "not its first line", "all files", "broken end"])
def test_a_log_that_isnt_as_it_was_left_isnt_written_on(folder: Path, damage: str) -> None:
    damaged(folder, damage)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(AuditError) as caught:
        AuditLog.open(folder)
    assert "backup" in caught.value.remedy
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    assert not verify(folder).is_sound
    # The lock is free again.
    with pytest.raises(AuditError, match=r"ends with|holds no|begins|isn't what was written"):
        AuditLog.open(folder)


def test_what_was_changed_is_never_accepted(folder: Path) -> None:
    damaged(folder, "added")
    anchor_of(folder / "x").unlink()
    with pytest.raises(AuditError, match="isn't what was written"):
        AuditLog.open(folder, accept=("anna", "please"))


def test_the_end_that_is_left_is_one(folder: Path) -> None:
    found = verify(folder)
    assert read_ends(folder / "x") == ((found.last, found.head),)
