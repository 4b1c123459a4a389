"""Archives from strangers: refused with an error for a person, and nothing is ever written outside the target."""

from __future__ import annotations

import errno
import io
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import LayoutError
from components.intake.arrival.archives import copy_folder, unpack


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

    monkeypatch.setattr("components.intake.arrival.archives._Budget.wrote", full)
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


def test_a_pipe_in_a_folder_is_refused_and_not_opened(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    os.mkfifo(source / "a.png")
    with pytest.raises(LayoutError, match="a pipe, a socket or a device"):
        copy_folder(source, target)


def _small_zip(compression: int) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", compression) as zipped:
        for number in range(3):
            zipped.writestr(f"a/é{number}.txt", b"hello" * 50)
    return whole.getvalue()


def _small_tar(mode: str) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode=mode, format=tarfile.PAX_FORMAT) as tarred:  # type: ignore[call-overload]
        for number in range(3):
            info = tarfile.TarInfo(f"a/é{'l' * 120 if number == 1 else ''}{number}.txt")
            info.size = 250
            tarred.addfile(info, io.BytesIO(b"hello" * 50))
    return whole.getvalue()


SMALL: list[tuple[str, bytes]] = [
    *((".zip", _small_zip(kind)) for kind in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA)),
    *((".tar", _small_tar(mode)) for mode in ("w", "w:gz", "w:bz2", "w:xz")),
]


@settings(max_examples=400, deadline=None)
@given(
    small=st.sampled_from(SMALL),
    # From the end too: a zip's directory, which most of its parsing is about, stands there.
    flips=st.lists(st.tuples(st.integers(-400, 10_000), st.integers(0, 255)), min_size=1, max_size=6),
    cut=st.integers(0, 2_000) | st.none(),
)
def test_any_damage_is_refused_or_harmless(
    small: tuple[str, bytes], flips: list[tuple[int, int]], cut: int | None
) -> None:
    ending, content = small
    damaged = bytearray(content)
    for place, value in flips:
        damaged[place % len(damaged)] = value
    with tempfile.TemporaryDirectory() as folder:
        archive, target = Path(folder) / f"a{ending}", Path(folder) / "box/target"
        target.mkdir(parents=True)
        archive.write_bytes(damaged[:cut])
        try:
            unpack(archive, target)
        except LayoutError as error:
            assert archive.name in error.found and error.remedy
        assert sorted(path.name for path in Path(folder).iterdir()) == [archive.name, "box"]
        assert [path.name for path in (Path(folder) / "box").iterdir()] == ["target"]
        assert not any(path.is_symlink() for path in target.rglob("*"))


def _central(**fields: int) -> bytes:
    """A zip of one member whose directory says something else than its file."""
    whole = bytearray(_small_zip(zipfile.ZIP_STORED))
    start = whole.index(b"PK\x01\x02")
    for place, value in fields.items():
        whole[start + int(place[1:])] = value
    return bytes(whole)


@pytest.mark.parametrize(
    "content",
    [
        _central(_46=0xFF, _8=0x00, _9=0x08, _47=0xFF),
        _central(_30=12),
        _small_zip(zipfile.ZIP_STORED)[:-6] + b"\xff\xff\xff\x7f\x00\x00",
        _central(_46=ord("/"), _47=ord("x")),
    ],
    ids=["a name that isn't UTF-8", "an extra field cut short", "a directory before the start", "another name"],
)
def test_damage_that_zipfile_stumbles_over_is_the_archives_fault(content: bytes, tmp_path: Path) -> None:
    archive = tmp_path / "a.zip"
    archive.write_bytes(content)
    (tmp_path / "target").mkdir()
    with pytest.raises(LayoutError, match=r"a\.zip: "):
        unpack(archive, tmp_path / "target")


def test_a_name_that_is_too_long_is_the_archives_fault(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    with pytest.raises(LayoutError, match="not a whole archive"):
        unpack(_zip(tmp_path / "a.zip", {"a" * 300: b"x"}), tmp_path / "target")
