"""Encoded images and masks to tar shards, each file's place known, and the spool that an interrupted try leaves.

A shard is a plain tar file of at most `SHARD_LIMIT_BYTES`: `<image_id>.image.png`, then `<image_id>.mask.png`, image by
image, in the naming of WebDataset. Half a million small files are slow to list, upload and check in object storage; a
few hundred shards aren't, and by a place (offset, size) one image is one read, or one ranged request, without
unpacking. Equal images give equal bytes: members carry no owner and no time. Where a shard ends follows from the ids of
the images near its end, so that an image more or less changes its own shard, rarely the next, and storage that goes by
content keeps the others. Leaves out: reading (components/intake/form/records.py) and encoding (harmonise.py).
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from components.types import Span

SHARDS = "shards"
SHARD_LIMIT_BYTES = 256 * 2**20
SHARD_MIN_BYTES = 64 * 2**20
# One image in so many may begin a shard once the last one is large enough.
BEGINNERS = 256
_END = b"\0" * (2 * tarfile.BLOCKSIZE)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an image and its mask lie: the shard's path under the harmonised folder, and their bytes in it."""

    shard: str
    image_span: Span
    mask_span: Span


def image_member(image_id: str) -> str:
    """The name of an image in its shard. WebDataset ends a sample's key at the first dot, so the id's dots are written
    as %2E."""
    return f"{image_id.replace('.', '%2E')}.image.png"


def mask_member(image_id: str) -> str:
    """The name of an instance mask in its shard."""
    return f"{image_id.replace('.', '%2E')}.mask.png"


class ShardWriter:
    """Writes shards into the folder `shards` of a harmonised dataset, in the order in which images are added.

    `digests` holds the sha256 of each finished shard by its path under `folder`.
    """

    def __init__(self, folder: Path, *, limit_bytes: int = SHARD_LIMIT_BYTES, min_bytes: int = SHARD_MIN_BYTES) -> None:
        self.digests: dict[str, str] = {}
        self._folder = folder
        self._limit_bytes = limit_bytes
        self._min_bytes = min_bytes
        self._file: BinaryIO | None = None
        self._name = ""
        self._size_bytes = 0
        self._sha256 = hashlib.sha256()
        (folder / SHARDS).mkdir()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._finish()

    def add(self, image_id: str, image_png: bytes, mask_png: bytes) -> Place:
        """Append an image and its mask; both always lie in one shard."""
        members = (image_member(image_id), image_png), (mask_member(image_id), mask_png)
        size_bytes = sum(len(_header(*one)) + len(one[1]) + len(_padding(one[1])) for one in members)
        if self._file is None or self._ends_before(image_id, size_bytes):
            self._finish()
            self._begin()
        image_span, mask_span = (self._append(*one) for one in members)
        return Place(self._name, image_span, mask_span)

    def _ends_before(self, image_id: str, more_bytes: int) -> bool:
        if self._size_bytes + more_bytes + len(_END) > self._limit_bytes:
            return True
        return self._size_bytes >= self._min_bytes and zlib.crc32(image_id.encode()) % BEGINNERS == 0

    def _begin(self) -> None:
        self._name = f"{SHARDS}/{len(self.digests):06}.tar"
        self._file = (self._folder / self._name).open("wb")
        self._size_bytes = 0
        self._sha256 = hashlib.sha256()

    def _append(self, name: str, content: bytes) -> Span:
        self._write(_header(name, content))
        span = Span(self._size_bytes, len(content), zlib.crc32(content))
        self._write(content)
        self._write(_padding(content))
        return span

    def _write(self, data: bytes) -> None:
        assert self._file is not None
        self._file.write(data)
        self._sha256.update(data)
        self._size_bytes += len(data)

    def _finish(self) -> None:
        if self._file is None:
            return
        self._write(_END)
        self._file.close()
        self._file = None
        self.digests[self._name] = self._sha256.hexdigest()


def _header(name: str, content: bytes) -> bytes:
    """A tar member's header: a plain file of user 0, mode 644, time 0; names over 100 characters as POSIX has them."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(content: bytes) -> bytes:
    return b"\0" * (-len(content) % tarfile.BLOCKSIZE)


class Spool:
    """One growing file for the encoded images of a try under way, in the order in which they got done."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)

    def close(self) -> None:
        """Close the file; what it holds stays."""
        self._file.close()

    def add(self, data: bytes) -> Span:
        """Append bytes; they are handed to the system before this returns."""
        offset_bytes = self._file.seek(0, os.SEEK_END)
        view = memoryview(data)
        while view:
            view = view[self._file.write(view) :]
        return Span(offset_bytes, len(data), zlib.crc32(data))

    def get(self, span: Span) -> bytes | None:
        """The bytes that were added as `span`, or None where a crash lost them."""
        offset_bytes, size_bytes, crc32 = span
        with self._path.open("rb") as file:
            file.seek(offset_bytes)
            data = file.read(size_bytes)
        return data if len(data) == size_bytes and zlib.crc32(data) == crc32 else None
