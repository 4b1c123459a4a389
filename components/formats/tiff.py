"""A TIFF to its pages, each a frame, by Pillow.

The chain of directories is followed here, since Pillow counts pages in time by the square of their number; a page is
then decoded from a copy of the file whose header points at its directory alone. Leaves out: thumbnails that hang below
a page (SubIFDs), and what else a page says.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass, field

from PIL import Image as PilImage

from components.errors import ImageError
from components.formats.limits import SourceLimits, check_frames, check_size, not_readable
from components.formats.stills import pil_errors, pil_to_rgb
from components.types import Image

_BYTE_ORDERS = {b"II": "<", b"MM": ">"}
_MAGIC = (b"II*\0", b"MM\0*", b"MM*\0", b"II\0*", b"MM\0+", b"II+\0")
_BIG = 43
_COMPRESSION, _TILE_WIDTH, _TILE_LENGTH = 259, 322, 323
_SHORT = 3
# None, CCITT, LZW, JPEG, deflate, PackBits, Zstandard. Others can ask for any memory (LZMA), or are read by code that
# nobody looks after (the old JPEG).
COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32771, 32773, 32946, 50000})
LARGEST_TILE_PX, MAX_TAGS = 4096, 2000


@dataclass(frozen=True, slots=True)
class Tiff:
    """An opened TIFF: where the directory of each page lies."""

    data: bytes = field(repr=False)
    directories: tuple[int, ...] = field(repr=False)
    size_hw: tuple[int, int]
    name: str
    limits: SourceLimits

    @property
    def frames(self) -> int:
        """How many pages there are."""
        return len(self.directories)

    def frame(self, index: int) -> Image:
        """One page, H W 3.

        Raises
        ------
        ImageError
            If it is damaged; ImageTooLargeError, if it has too many pixels.
        """
        with pil_errors(self.name, self.limits), self._page(index) as image:
            check_size(image.width, image.height, name=self.name, limits=self.limits)
            image.load()
            return pil_to_rgb(image, name=self.name)

    def _page(self, index: int) -> PilImage.Image:
        layout = _Layout.of(self.data)
        _check_page(self.data, layout, self.directories[index], name=self.name)
        file = io.BytesIO(self.data)
        file.seek(layout.first_at)
        file.write(layout.pack(layout.offset, self.directories[index]))
        file.seek(0)
        return PilImage.open(file, formats=("TIFF",))


def is_tiff(data: bytes) -> bool:
    """Whether a file begins as a TIFF."""
    return data.startswith(_MAGIC)


def open_tiff(data: bytes, *, name: str, limits: SourceLimits) -> Tiff:
    """Find the pages, and read the first one's size.

    Raises
    ------
    ImageError
        If there is no page, or the first is damaged; ImageTooLargeError, if it has too many pixels;
        TooManyFramesError, if there are too many pages.
    """
    directories = _directories(data, limits=limits)
    check_frames(len(directories), name=name, limits=limits)
    tiff = Tiff(data, directories, (0, 0), name, limits)
    with pil_errors(name, limits), tiff._page(0) as image:
        check_size(image.width, image.height, name=name, limits=limits)
        return Tiff(data, directories, (image.height, image.width), name, limits)


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand in a file of this byte order and width of offsets."""

    order: str
    count: str
    offset: str
    entry: str
    first_at: int

    @classmethod
    def of(cls, data: bytes) -> _Layout:
        order = _BYTE_ORDERS[data[:2]]
        if data[2] == _BIG:  # as Pillow tells it
            return cls(order, "Q", "Q", "HHQ8s", 8)
        return cls(order, "H", "L", "HHL4s", 4)

    def unpack(self, form: str, data: bytes, at: int) -> tuple[int, ...]:
        return struct.unpack_from(self.order + form, data, at)

    def pack(self, form: str, value: int) -> bytes:
        return struct.pack(self.order + form, value)


def _directories(data: bytes, *, limits: SourceLimits) -> tuple[int, ...]:
    """Where each directory of the chain begins, one more than the limit at most; a loop ends the chain."""
    layout = _Layout.of(data)
    entry_bytes = struct.calcsize(layout.order + layout.entry)
    found: dict[int, None] = {}
    try:
        (at,) = layout.unpack(layout.offset, data, layout.first_at)
        while at and at not in found and len(found) <= limits.frames:
            (entries,) = layout.unpack(layout.count, data, at)
            found[at] = None
            after = at + struct.calcsize(layout.order + layout.count) + entries * entry_bytes
            (at,) = layout.unpack(layout.offset, data, after)
    except struct.error:
        pass  # a chain that leads out of the file ends there, as Pillow takes it too
    return tuple(found)


def _check_page(data: bytes, layout: _Layout, at: int, *, name: str) -> None:
    """Refuse what libtiff would need any amount of memory for.

    Raises
    ------
    ImageError
        If the page is compressed in a way not in COMPRESSIONS, or has larger tiles than LARGEST_TILE_PX.
    """
    entry_bytes = struct.calcsize(layout.order + layout.entry)
    (entries,) = layout.unpack(layout.count, data, at)
    if entries > MAX_TAGS:
        raise not_readable(name, f"a TIFF of {entries:,} tags a page")
    start = at + struct.calcsize(layout.order + layout.count)
    for number in range(min(entries, (len(data) - start) // entry_bytes)):
        tag, kind, _ = layout.unpack(layout.entry[:3], data, start + number * entry_bytes)
        if tag not in (_COMPRESSION, _TILE_WIDTH, _TILE_LENGTH):
            continue
        value_at = start + number * entry_bytes + entry_bytes - struct.calcsize(layout.order + layout.offset)
        (value,) = layout.unpack("H" if kind == _SHORT else "L", data, value_at)
        if tag == _COMPRESSION and value not in COMPRESSIONS:
            raise not_readable(name, f"a TIFF of compression {value}")
        if tag != _COMPRESSION and value > LARGEST_TILE_PX:
            raise ImageError(
                f"{name}: tiles of {value:,} pixels a side",
                expected=f"at most {LARGEST_TILE_PX:,}",
                remedy="store the image in strips, or as PNG",
            )
