import errno
import os
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from components.errors import SonoForgeError, TemporaryFilesError
from components.evaluation.scoring.table import StoredCases
from components.intake.measuring.facts_table import Facts
from components.stored_list import StoredList
from components.unnamed import UnnamedFile


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def full(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, with room for files but not for a byte in them."""
    device = partial(Path("/dev/full").open, "r+b", buffering=0)
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: device())
    return folder


def test_it_has_no_name_and_keeps_what_is_written(folder: Path) -> None:
    with UnnamedFile() as file:
        assert file.write(b"one two") == 7
        assert file.write_at(b"six", 4) == 3
        assert not list(folder.iterdir())
        file.seek(0)
        assert file.read() == b"one six"


@pytest.mark.parametrize(
    "kept", [lambda: StoredList([bytes(2**17)]), lambda: Facts([{"image_id": "a"}]), lambda: StoredCases([])]
)
def test_a_full_folder_is_named(full: Path, kept: Any) -> None:
    with pytest.raises(TemporaryFilesError, match=os.strerror(errno.ENOSPC)) as told:
        kept()
    assert str(full) in told.value.found
    assert "TMPDIR" in told.value.remedy


def test_a_limit_of_the_process_is_not_the_folder_s_fault(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(OSError, match="Too many open files"):
        UnnamedFile()


def test_a_folder_that_is_missing_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(folder / "missing"))
    with pytest.raises(SonoForgeError, match=r"missing: No such file"):
        StoredList([1])


def test_no_folder_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/missing"])
    with pytest.raises(TemporaryFilesError, match="anywhere"):
        StoredList([1])
