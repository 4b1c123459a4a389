"""Archives from strangers: refused with an error for a person, and nothing is ever written outside the target."""

from __future__ import annotations

import errno
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.errors import LayoutError
from components.intake.archives import copy_folder, unpack


def _zip(path: Path, members: dict[str, bytes], *, mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            zipped.writestr(info, content, zipfile.ZIP_DEFLATED)
    return path


def _tar(path: Path, name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"x") -> Path:
    with tarfile.open(path, "w:gz" if path.name.endswith("gz") else "w") as tarred:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        info.size = len(content) if kind == tarfile.REGTYPE else 0
        tarred.addfile(info, io.BytesIO(content))
    return path


def _damaged_tar(path: Path, compression: str) -> Path:
    """A compressed tar whose middle was overwritten."""
    with tarfile.open(path, f"w:{compression}") as tarred:  # type: ignore[call-overload]
        info = tarfile.TarInfo("a")
        info.size = 300_000
        tarred.addfile(info, io.BytesIO(np.random.default_rng(0).bytes(300_000)))
    return _overwritten(path)


def _damaged_zip(path: Path, compression: int) -> Path:
    """A zip whose one member was overwritten in its middle."""
    with zipfile.ZipFile(path, "w", compression) as zipped:
        zipped.writestr("a", np.random.default_rng(0).bytes(300_000))
    return _overwritten(path)


def _overwritten(path: Path) -> Path:
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5_000] = b"\xa5" * 5_000
    content[-12:-4] = content[-12:-4] if path.suffix == ".zip" else b"\xa5" * 8
    path.write_bytes(content)
    return path


def test_a_full_disk_is_not_the_archives_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = _zip(tmp_path / "a.zip", {"a": b"x"})

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("components.intake.archives._Budget.wrote", full)
    (tmp_path / "target").mkdir()
    with pytest.raises(OSError, match="No space left"):
        unpack(archive, tmp_path / "target")


HOSTILE: dict[str, Callable[[Path], Path]] = {
    "zip with ..": lambda p: _zip(p / "a.zip", {"../evil.txt": b"x"}),
    "zip with a hidden ..": lambda p: _zip(p / "a.zip", {"a/../../evil.txt": b"x"}),
    "zip with an absolute path": lambda p: _zip(p / "a.zip", {"/tmp/evil.txt": b"x"}),
    "zip with backslashes": lambda p: _zip(p / "a.zip", {"..\\evil.txt": b"x"}),
    "zip with a link": lambda p: _zip(p / "a.zip", {"link": b"/etc/passwd"}, mode=0o120777),
    "zip with a file as folder": lambda p: _zip(p / "a.zip", {"a": b"x", "a/b": b"x"}),
    "tar with ..": lambda p: _tar(p / "a.tar", "../evil.txt"),
    "tar with an absolute path": lambda p: _tar(p / "a.tar.gz", "/tmp/evil.txt"),
    "tar with a link": lambda p: _tar(p / "a.tar", "link", tarfile.SYMTYPE, "/etc/passwd"),
    "tar with a hard link": lambda p: _tar(p / "a.tar", "link", tarfile.LNKTYPE, "../../etc/passwd"),
    "tar with a device": lambda p: _tar(p / "a.tar", "dev", tarfile.CHRTYPE),
    "no zip": lambda p: (p / "a.zip").write_bytes(b"PK nonsense") and p / "a.zip",  # type: ignore[dict-item,return-value]
    "xz cut up": lambda p: _damaged_tar(p / "a.tar.gz", "xz"),
    "gzip cut up": lambda p: _damaged_tar(p / "a.tar.gz", "gz"),
    "bzip2 cut up": lambda p: _damaged_tar(p / "a.tar.gz", "bz2"),
    "lzma zip cut up": lambda p: _damaged_zip(p / "a.zip", zipfile.ZIP_LZMA),
    "bzip2 zip cut up": lambda p: _damaged_zip(p / "a.zip", zipfile.ZIP_BZIP2),
    "no tar": lambda p: (p / "a.tgz").write_bytes(b"nonsense") and p / "a.tgz",  # type: ignore[dict-item,return-value]
}


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_a_hostile_archive_is_refused_and_writes_nothing_outside(kind: str, tmp_path: Path) -> None:
    place = tmp_path / "box"
    target = place / "inner" / "target"
    target.mkdir(parents=True)
    archive = HOSTILE[kind](tmp_path)
    with pytest.raises(LayoutError, match=archive.name):
        unpack(archive, target)
    outside = [path for path in place.rglob("*") if path.is_file() and not path.is_relative_to(target)]
    assert outside == []
    assert not (tmp_path / "evil.txt").exists()
    assert not Path("/tmp/evil.txt").exists()
    assert not any(path.is_symlink() for path in target.rglob("*"))


def test_limits_hold_while_unpacking(tmp_path: Path) -> None:
    bomb = _zip(tmp_path / "bomb.zip", {"zeros": b"\0" * 3_000_000})
    many = _zip(tmp_path / "many.zip", {f"{k}": b"x" for k in range(20)})
    for number, (archive, limits, said) in enumerate(
        [(bomb, {"max_bytes": 1_000_000}, "1,000,000 bytes"), (many, {"max_files": 10}, "10 files")]
    ):
        target = tmp_path / f"t{number}"
        target.mkdir()
        with pytest.raises(LayoutError, match=said):
            unpack(archive, target, **limits)


def test_a_cut_off_archive_is_refused(tmp_path: Path) -> None:
    whole = _tar(tmp_path / "a.tar.gz", "a.bin", content=bytes(range(256)) * 2000)
    whole.write_bytes(whole.read_bytes()[:-300])
    (tmp_path / "t").mkdir()
    with pytest.raises(LayoutError, match="not a whole archive"):
        unpack(whole, tmp_path / "t")


def test_links_out_of_a_folder_are_refused_and_inner_ones_become_files(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / "a").write_text("a")
    (source / "b").symlink_to("a")
    copy_folder(source, target)
    assert (target / "b").read_text() == "a"
    assert not (target / "b").is_symlink()
    (source / "c").symlink_to("/etc/passwd")
    with pytest.raises(LayoutError, match="leads out"):
        copy_folder(source, target)
