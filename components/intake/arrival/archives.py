"""A folder or an archive from outside, to a plain copy of its files; nothing is ever written outside the target.

Archives come from strangers: absolute paths, `..`, links, devices, encrypted members, double names and bombs are
refused before or while unpacking. Leaves out: what the files mean.
"""

from __future__ import annotations

import errno
import filecmp
import lzma
import shutil
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from components.artefacts import replacing
from components.errors import LayoutError

MAX_FILES = 1_000_000
MAX_BYTES = 500 * 2**30
# Images hardly compress; a few hundred times is what bombs do. Small archives are let be.
MAX_RATIO, RATIO_FROM_BYTES = 200, 100 * 2**20
_CHUNK_BYTES = 2**20
# What the readers of archives raise on damaged ones: their own errors, and whatever their parsing stumbles over: names
# that don't decode (ValueError), fields cut short (IndexError, struct.error), sizes that no file has.
DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,
    LookupError,
    ArithmeticError,
    TypeError,
    RuntimeError,
    MemoryError,
)
# gzip and bz2 tell of damaged streams without a number; a place before a file's start and a name that no file may have
# come from the archive, too. Any other number is the disk's, such as no space left.
_ARCHIVES_FAULT = (None, errno.EINVAL, errno.ENAMETOOLONG, errno.EILSEQ)
_SYMLINK, _TYPE_MASK = 0o120000, 0o170000


@dataclass(slots=True)
class _Budget:
    """How much may still be written, and the archive that it is about."""

    archive: Path
    max_bytes: int
    max_files: int
    written_bytes: int = 0
    files: int = 0

    def file(self) -> None:
        self.files += 1
        if self.files > self.max_files:
            raise _refused(self.archive, f"more than {self.max_files:,} files")

    def wrote(self, number: int) -> None:
        self.written_bytes += number
        size = max(1, self.archive.stat().st_size)
        if self.written_bytes > self.max_bytes:
            raise _refused(self.archive, f"unpacks to more than {self.max_bytes:,} bytes")
        if self.written_bytes > RATIO_FROM_BYTES and self.written_bytes > MAX_RATIO * size:
            raise _refused(self.archive, f"unpacks to more than {MAX_RATIO} times its size")


def is_archive(path: Path) -> bool:
    """Whether a file is named like an archive that can be unpacked."""
    return path.name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz"))


@contextmanager
def opened_source(source: Path) -> Iterator[Path]:
    """The folder that a source is: itself, or a temporary one in which it is unpacked until the block is left.

    An archive may fill half of what is free there, and no more than `unpack` allows; then and otherwise it raises what
    `unpack` does.
    """
    if not (source.is_file() and is_archive(source)):
        yield source
        return
    with tempfile.TemporaryDirectory(prefix="sonoforge-") as folder:
        place = Path(folder)
        unpack(source, place, max_bytes=min(MAX_BYTES, shutil.disk_usage(place).free // 2))
        yield place


def unpack(archive: Path, target: Path, *, max_bytes: int = MAX_BYTES, max_files: int = MAX_FILES) -> None:
    """Unpack a zip or tar file into the existing, empty folder `target`.

    Raises
    ------
    LayoutError
        If it isn't a whole archive, or holds a member that may not be written. Some files may then be in `target`.
    """
    budget = _Budget(archive, max_bytes, max_files)
    try:
        if archive.name.lower().endswith(".zip"):
            with zipfile.ZipFile(archive) as zipped:
                for name, opened in _zip_members(archive, zipped):
                    _write(name, opened, target, budget)
        else:
            with tarfile.open(archive) as tarred:
                for name, opened in _tar_members(archive, tarred):
                    _write(name, opened, target, budget)
                _read_out(tarred, budget)
    except DAMAGED as error:
        raise _not_whole(archive, error) from None
    except OSError as error:
        if error.errno not in _ARCHIVES_FAULT:
            raise
        raise _not_whole(archive, error) from None


def _zip_members(archive: Path, zipped: zipfile.ZipFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in zipped.infolist():
        if member.is_dir():
            continue
        if (member.external_attr >> 16) & _TYPE_MASK == _SYMLINK:
            raise _refused(archive, f"the link {member.filename!r}")
        if member.flag_bits & 1:
            raise _refused(archive, f"the encrypted file {member.filename!r}")
        with zipped.open(member) as opened:
            yield member.filename, opened


def _tar_members(archive: Path, tarred: tarfile.TarFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in tarred:
        if member.isdir():
            continue
        opened = tarred.extractfile(member) if member.isreg() else None
        if opened is None:
            raise _refused(archive, f"{member.name!r}, which is a link or a device")
        with opened:
            yield member.name, opened


def _read_out(tarred: tarfile.TarFile, budget: _Budget) -> None:
    """Read what follows the last member: only at its end does a compressed stream compare its checksum."""
    assert tarred.fileobj is not None, "an open archive"
    while chunk := tarred.fileobj.read(_CHUNK_BYTES):
        budget.wrote(len(chunk))


def _write(name: str, opened: IO[bytes], target: Path, budget: _Budget) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
        raise _refused(budget.archive, f"the path {name!r}")
    budget.file()
    place = target.joinpath(*path.parts)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            while chunk := opened.read(_CHUNK_BYTES):
                budget.wrote(len(chunk))
                file.write(chunk)
    except (FileExistsError, NotADirectoryError):
        raise _refused(budget.archive, f"the path {name!r} twice") from None


def copy_folder(source: Path, target: Path, *, leave: Collection[Path] = ()) -> None:
    """Make the existing folder `target` a copy of the files of another but for those of `leave`.

    Links within the source become files, empty folders don't come along. What is there already and equal, from an
    interrupted copy, isn't written again; what doesn't belong there goes.

    Raises
    ------
    LayoutError
        If a link leads out of the folder, or nowhere, or to a folder; or if there is a pipe, a socket or a device.
    """
    top, left = source.resolve(), frozenset(leave)
    _clear_strangers(source, target)
    for path in sorted(source.rglob("*")):
        if path.is_symlink() and not (path.is_file() and path.resolve().is_relative_to(top)):
            raise LayoutError(
                f"{path} is a link that leads out of {source}, or not to a file",
                expected="plain files and folders",
                remedy="replace the link by the file that it means",
            )
        if not path.is_file() and not path.is_dir():
            raise LayoutError(
                f"{path} is a pipe, a socket or a device",
                expected="plain files and folders",
                remedy="remove it, or put the file there that it stands for",
            )
        if path.is_file() and path not in left:
            place = target / path.relative_to(source)
            place.parent.mkdir(parents=True, exist_ok=True)
            _copy_file(path, place)


def remove_files(files: Collection[Path], folder: Path) -> None:
    """Remove files below a folder, and the folders that they leave empty."""
    for path in files:
        path.unlink()
        for parent in path.parents:
            if parent == folder or any(parent.iterdir()):
                break
            parent.rmdir()


def _clear_strangers(source: Path, target: Path) -> None:
    for place in sorted(target.rglob("*"), reverse=True):
        meant = source / place.relative_to(target)
        if place.is_dir() and not meant.is_dir():
            place.rmdir()
        elif not place.is_dir() and not meant.is_file():
            place.unlink()


def _copy_file(path: Path, place: Path) -> None:
    if place.is_file() and filecmp.cmp(path, place, shallow=False):
        return
    # Contents only: a read-only original must not make a copy that can't be removed.
    with replacing(place) as beside:
        shutil.copyfile(path, beside)


def _not_whole(archive: Path, error: Exception) -> LayoutError:
    return _refused(archive, f"not a whole archive ({type(error).__name__}: {error})")


def _refused(archive: Path, found: str) -> LayoutError:
    return LayoutError(
        f"{archive.name}: {found}",
        expected="a whole zip or tar file of plain files within one folder",
        remedy="fetch it again from the source; if it stays so, unpack it yourself, look at it, and import the folder",
    )
