"""Archives from strangers: refused with an error for a person, and nothing is ever written outside the target."""

from __future__ import annotations

import errno
import gzip
import io
import tarfile
import tempfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import LayoutError
from components.intake.arrival import archives
from components.intake.arrival.archives import unpack


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


def _encrypted(path: Path) -> Path:
    """A zip whose one member says that it is encrypted, in both of its headers."""
    data = bytearray(_zip(path, {"a.png": b"x" * 20}).read_bytes())
    for header, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(header) + at] |= 1
    path.write_bytes(data)
    return path


def _long_name(path: Path, kind: bytes) -> Path:
    """A compressed tar whose first header announces a name, or a further header, of four gigabytes, and begins it."""
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = kind, 2**32
    path.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + b"a" * 2**22))
    return path


def _sparse(path: Path) -> Path:
    """A tar of 2 kB with a file of a terabyte of nothing."""
    info = tarfile.TarInfo("a.png")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 0
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"\x80" + (2**40).to_bytes(11, "big")
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}".encode() + b"\0 "
    path.write_bytes(bytes(header) + b"\0" * 1024)
    return path


def _endless_holes(path: Path, *, holes_bytes: int) -> Path:
    """A compressed tar whose one file is said to have more and more holes, in valid headers of so many bytes."""
    info = tarfile.TarInfo("a.png")
    info.type = tarfile.GNUTYPE_SPARSE
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # more of the list follows
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}".encode() + b"\0 "
    holes = b"00000000001\0" * 42 + b"\1" + b"\0" * 7
    path.write_bytes(gzip.compress(bytes(header) + holes * (holes_bytes // len(holes)), compresslevel=1))
    return path


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
    "zip with a device": lambda p: _zip(p / "a.zip", {"dev": b""}, mode=0o060644),
    "zip with a pipe": lambda p: _zip(p / "a.zip", {"pipe": b""}, mode=0o010644),
    "zip with an encrypted file": lambda p: _encrypted(p / "a.zip"),
    "zip with a line feed in a name": lambda p: _zip(p / "a.zip", {"a\nb.png": b"x"}),
    "zip with a terminal's escape in a name": lambda p: _zip(p / "a.zip", {"\x1b[2Ja.png": b"x"}),
    "zip with a name of 300 letters": lambda p: _zip(p / "a.zip", {"a" * 300: b"x"}),
    "zip with deep folders": lambda p: _zip(p / "a.zip", {"/".join(["d"] * depth): b"x" for depth in (1500, 20)}),
    "zip with an empty name": lambda p: _zip(p / "a.zip", {"./.": b"x"}),
    "tar with a pipe": lambda p: _tar(p / "a.tar", "pipe", tarfile.FIFOTYPE),
    "tar with a control character": lambda p: _tar(p / "a.tar", "a\rb.png"),
    "tar with a name that isn't UTF-8": lambda p: _tar(p / "a.tar", "a\udcff.png"),
    "tar with a name of 300 letters": lambda p: _tar(p / "a.tar", "a" * 300),
    "tar with deep folders": lambda p: _tar(p / "a.tar", "d/" * 1500 + "a.png"),
    "tar with a name of gigabytes": lambda p: _long_name(p / "a.tar.gz", tarfile.GNUTYPE_LONGNAME),
    "tar with a header of gigabytes": lambda p: _long_name(p / "a.tar.gz", tarfile.XHDTYPE),
    "tar with a global header of gigabytes": lambda p: _long_name(p / "a.tar.gz", tarfile.XGLTYPE),
    "tar that is sparse": lambda p: _sparse(p / "a.tar"),
    "tar with holes without end": lambda p: _endless_holes(p / "a.tar.gz", holes_bytes=2 * archives.MAX_HEADER_BYTES),
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


def test_a_list_of_files_without_end_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "t").mkdir()
    archive = _zip(tmp_path / "a.zip", {str(number): b"" for number in range(300)})
    unpack(archive, tmp_path / "t", max_files=300)
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(LayoutError, match="more than 200 files"):
        unpack(archive, tmp_path / "t", max_files=200)
    monkeypatch.setattr(archives, "MAX_DIRECTORY_BYTES", 1000)
    with pytest.raises(LayoutError, match="a list of files of"):
        unpack(archive, tmp_path / "t")


def test_a_zip_of_many_files_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From 65,536 entries on a zip has another end."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as zipped:
        for number in range(66_000):
            zipped.writestr(str(number), b"")
    (tmp_path / "t").mkdir()
    with pytest.raises(LayoutError, match="more than 65,990 files"):
        unpack(tmp_path / "a.zip", tmp_path / "t", max_files=65_990)
    assert list((tmp_path / "t").iterdir()) == []
    written: list[str] = []
    monkeypatch.setattr(archives, "_write", lambda name, *_: written.append(name))
    unpack(tmp_path / "a.zip", tmp_path / "t", max_files=66_000)
    assert len(written) == 66_000


def test_a_tar_of_many_files_takes_no_memory_for_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as tarred:
        for number in range(5_000):
            tarred.addfile(tarfile.TarInfo(str(number)))
    written: list[str] = []
    monkeypatch.setattr(archives, "_write", lambda name, *_: written.append(name))
    tracemalloc.start()
    try:
        unpack(tmp_path / "a.tar", tmp_path)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert written == [str(number) for number in range(5_000)]
    assert peak_bytes < 2_000_000


def test_a_header_that_goes_on_is_refused_before_it_fills_the_memory(tmp_path: Path) -> None:
    archive = _endless_holes(tmp_path / "a.tar.gz", holes_bytes=16 * archives.MAX_HEADER_BYTES)
    (tmp_path / "target").mkdir()
    tracemalloc.start()
    with pytest.raises(LayoutError, match="a header of more than 1,048,576 bytes"):
        unpack(archive, tmp_path / "target")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # A hole takes a tuple and two numbers; unbounded these came to four times the headers.
    assert peak_bytes < 16 * archives.MAX_HEADER_BYTES


def test_names_that_differ_in_case_are_two_files_and_an_inner_archive_stays_one(tmp_path: Path) -> None:
    (tmp_path / "t").mkdir()
    inner = _zip(tmp_path / "inner.zip", {"a.png": b"x"}).read_bytes()
    unpack(_zip(tmp_path / "a.zip", {"A.png": b"1", "a.png": b"2", "é/inner.zip": inner}), tmp_path / "t")
    files = {path.relative_to(tmp_path / "t").as_posix(): path.read_bytes() for path in (tmp_path / "t").rglob("*.*")}
    assert files == {"A.png": b"1", "a.png": b"2", "é/inner.zip": inner}
