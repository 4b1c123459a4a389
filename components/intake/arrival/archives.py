"""An archive from outside, to a folder of its files; nothing is ever written outside the target.

Archives come from strangers: absolute paths, `..`, links, devices, encrypted members, names that are double, deep, not
UTF-8 or hold control characters, bombs and lists without end are refused before or while unpacking. Archives within an
archive stay files. Leaves out: folders (copies.py), and what the files mean.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import shutil
import struct
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from components.errors import LayoutError

MAX_FILES = 1_000_000
MAX_BYTES = 500 * 2**30
# Images hardly compress; a few hundred times is what bombs do. Small archives are let be.
MAX_RATIO, RATIO_FROM_BYTES = 200, 100 * 2**20
MAX_DEPTH, MAX_SHOWN = 100, 200
# The list of a zip's files is read at once, as is a name in a tar's header: no reader bounds either by itself.
MAX_DIRECTORY_BYTES = 256 * 2**20
# Of one member of a tar: names, attributes and lists of holes take some kilobytes.
MAX_HEADER_BYTES = 2**20
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
_TYPE_MASK, _PLAIN = 0o170000, (0, 0o100000)
_COMPRESSED: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZ": bz2.open, b"\xfd7": lzma.open}
_END, _END_BYTES, _END64, _END64_BYTES, _COMMENT_BYTES = b"PK\5\6", 22, b"PK\6\6", 56 + 20, 2**16
_IN_DIRECTORY = b"PK\1\2"


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
            _check_directory(archive, max_files)
            with zipfile.ZipFile(archive) as zipped:
                for name, opened in _zip_members(archive, zipped):
                    _write(name, opened, target, budget)
        else:
            with _Stream(archive) as stream, tarfile.TarFile(fileobj=stream, mode="r") as tarred:
                for name, opened in _tar_members(archive, tarred, stream):
                    _write(name, opened, target, budget)
                # Only at its end does a compressed stream compare its checksum.
                while chunk := stream.read(_CHUNK_BYTES):
                    budget.wrote(len(chunk))
    except DAMAGED as error:
        raise _not_whole(archive, error) from None
    except OSError as error:
        if error.errno not in _ARCHIVES_FAULT:
            raise
        raise _not_whole(archive, error) from None


class _Stream(io.RawIOBase):
    """The bytes of a tar file, decompressed, of which never more than a chunk is read at once.

    tarfile reads a name as long as its header says at once, and a list of holes as far as it goes on: one of gigabytes
    would fill the memory. So all that is read before a member's content begins is bounded too.
    """

    def __init__(self, archive: Path) -> None:
        super().__init__()
        with archive.open("rb") as file:
            opener = _COMPRESSED.get(file.read(2), open)
        self._file = opener(archive, "rb")
        self._header_left_bytes: int | None = MAX_HEADER_BYTES

    def expect(self, *, header: bool) -> None:
        """Say whether a member's header or its content is read from now on."""
        self._header_left_bytes = MAX_HEADER_BYTES if header else None

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _CHUNK_BYTES:
            raise ValueError(f"a header of {size:,} bytes")
        if self._header_left_bytes is not None:
            self._header_left_bytes -= size
            if self._header_left_bytes < 0:
                raise ValueError(f"a header of more than {MAX_HEADER_BYTES:,} bytes")
        return self._file.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        self._file.close()
        super().close()


def _check_directory(archive: Path, max_files: int) -> None:
    """Refuse a zip whose list of files is too long to be read: zipfile makes an object of each entry at once."""
    with archive.open("rb") as file:
        size_bytes = file.seek(0, io.SEEK_END)
        file.seek(max(0, size_bytes - _END_BYTES - _COMMENT_BYTES - _END64_BYTES))
        tail = file.read()
        at = tail.rfind(_END) if tail[-_END_BYTES : -_END_BYTES + 4] != _END else len(tail) - _END_BYTES
        if at < 0 or at + _END_BYTES > len(tail):
            return  # no zip, as zipfile will say
        (directory_bytes,) = struct.unpack_from("<L", tail, at + 12)
        behind = len(tail) - at
        if at >= _END64_BYTES and tail.startswith(_END64, at - _END64_BYTES):
            (directory_bytes,) = struct.unpack_from("<Q", tail, at - _END64_BYTES + 40)
            behind += _END64_BYTES
        if directory_bytes > MAX_DIRECTORY_BYTES:
            raise _refused(archive, f"a list of files of {directory_bytes:,} bytes")
        file.seek(max(0, size_bytes - behind - directory_bytes))
        number = sum(block.count(_IN_DIRECTORY) for block in iter(lambda: file.read(_CHUNK_BYTES), b""))
    if number > max_files + 1:  # one may stand in a comment by chance
        raise _refused(archive, f"more than {max_files:,} files")


def _zip_members(archive: Path, zipped: zipfile.ZipFile) -> Iterator[tuple[str, IO[bytes]]]:
    for member in zipped.infolist():
        if member.is_dir():
            continue
        if (member.external_attr >> 16) & _TYPE_MASK not in _PLAIN:
            raise _refused(archive, f"{member.filename!r}, which is a link or a device")
        if member.flag_bits & 1:
            raise _refused(archive, f"the encrypted file {member.filename!r}")
        with zipped.open(member) as opened:
            yield member.filename, opened


def _tar_members(archive: Path, tarred: tarfile.TarFile, stream: _Stream) -> Iterator[tuple[str, IO[bytes]]]:
    while True:
        stream.expect(header=True)
        member = tarred.next()
        stream.expect(header=False)
        if member is None:
            return
        tarred.members.clear()  # type: ignore[attr-defined] # else all are kept
        if member.isdir():
            continue
        opened = tarred.extractfile(member) if member.isreg() else None
        if opened is None:
            raise _refused(archive, f"{member.name!r}, which is a link or a device")
        with opened:
            yield member.name, opened


def _write(name: str, opened: IO[bytes], target: Path, budget: _Budget) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or not path.parts:
        raise _refused(budget.archive, f"the path {_shown(name)}")
    if len(path.parts) > MAX_DEPTH:
        raise _refused(budget.archive, f"more than {MAX_DEPTH} folders within one another: {_shown(name)}")
    # Cc are control characters, Cs what stands for bytes that aren't UTF-8.
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in name):
        raise _refused(budget.archive, f"the name {_shown(name)}, with control characters or not in UTF-8")
    budget.file()
    place = target.joinpath(*path.parts)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            while chunk := opened.read(_CHUNK_BYTES):
                budget.wrote(len(chunk))
                file.write(chunk)
    except (FileExistsError, NotADirectoryError):
        raise _refused(budget.archive, f"the path {_shown(name)} twice") from None


def _shown(name: str) -> str:
    return ascii(name) if len(name) <= MAX_SHOWN else f"{name[:MAX_SHOWN]!a}…"


def _not_whole(archive: Path, error: Exception) -> LayoutError:
    return _refused(archive, f"not a whole archive ({type(error).__name__}: {error})")


def _refused(archive: Path, found: str) -> LayoutError:
    return LayoutError(
        f"{archive.name}: {found}",
        expected="a whole zip or tar file of plain files within one folder",
        remedy="fetch it again from the source; if it stays so, unpack it yourself, look at it, and import the folder",
    )
