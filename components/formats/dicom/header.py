"""The elements of a DICOM file to what its pixels are: syntax, size, depth, colours, number of frames.

Values are copied out by a list of tags, each up to a length; no other value is looked at. Leaves out: pixels
(pixels.py), frames within the pixel data (fragments.py).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from components.errors import ImageError
from components.formats.dicom.elements import (
    LONG_VRS,
    PIXEL_DATA,
    SHORT_VRS,
    UNDEFINED,
    BrokenDicom,
    Element,
    Walk,
)
from components.formats.limits import SourceLimits

IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
NATIVE = frozenset({IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED})
PREAMBLE_BYTES, PREFIX = 128, b"DICM"
_META_GROUP, _TRANSFER_SYNTAX = 0x0002, 0x00020010
MODALITY, REGIONS, PIXEL_SPACING = 0x00080060, 0x00186011, 0x00280030
SAMPLES, PHOTOMETRIC, PLANAR, FRAMES = 0x00280002, 0x00280004, 0x00280006, 0x00280008
ROWS, COLUMNS = 0x00280010, 0x00280011
ALLOCATED, STORED, SIGNED = 0x00280100, 0x00280101, 0x00280103
LUT_DESCRIPTORS = (0x00281101, 0x00281102, 0x00281103)
LUT_DATA = (0x00281201, 0x00281202, 0x00281203)
SEGMENTED_LUT_DATA = (0x00281221, 0x00281222, 0x00281223)
_FLOAT_PIXELS = (0x7FE00008, 0x7FE00009)
_WANTED = frozenset(
    {MODALITY, REGIONS, PIXEL_SPACING, SAMPLES, PHOTOMETRIC, PLANAR, FRAMES, ROWS, COLUMNS, ALLOCATED, STORED, SIGNED}
    | {*LUT_DESCRIPTORS, *LUT_DATA, *SEGMENTED_LUT_DATA, *_FLOAT_PIXELS, PIXEL_DATA}
)
MAX_TEXT_BYTES, MAX_LUT_BYTES = 1024, 2 * 2**17


@dataclass(frozen=True, slots=True)
class Values:
    """Some elements of one level of a file, read by tag."""

    data: bytes = field(repr=False)
    order: str
    elements: Mapping[int, Element] = field(repr=False)

    def number(self, tag: int, default: int | None = None) -> int:
        """The first unsigned 16-bit number of an element.

        Raises
        ------
        BrokenDicom
            If there is none, and no default.
        """
        raw = self.raw(tag, MAX_TEXT_BYTES)
        if len(raw) >= 2:
            return int(struct.unpack_from(self.order + "H", raw)[0])
        if default is None:
            raise BrokenDicom(f"the element ({tag >> 16:04X},{tag & 0xFFFF:04X}) is missing")
        return default

    def real(self, tag: int) -> float | None:
        """The 64-bit number of an element; None where there is none."""
        raw = self.raw(tag, MAX_TEXT_BYTES)
        return float(struct.unpack_from(self.order + "d", raw)[0]) if len(raw) == 8 else None

    def whole(self, tag: int) -> int | None:
        """The number, signed or not, of 16 or 32 bits, of an element; None where there is none."""
        raw = self.raw(tag, MAX_TEXT_BYTES)
        form = {2: "H", 4: "l"}.get(len(raw))
        return None if form is None else int(struct.unpack_from(self.order + form, raw)[0])

    def text(self, tag: int) -> str:
        """The text of an element, without padding; "" where there is none."""
        return self.raw(tag, MAX_TEXT_BYTES).decode("ascii", "replace").strip(" \0")

    def raw(self, tag: int, max_bytes: int) -> bytes:
        """The bytes of an element; none where it is missing.

        Raises
        ------
        BrokenDicom
            If it is longer than `max_bytes`, or than the file.
        """
        element = self.elements.get(tag)
        if element is None:
            return b""
        if element.length > max_bytes or element.start + element.length > len(self.data):
            raise BrokenDicom(f"the element ({tag >> 16:04X},{tag & 0xFFFF:04X}) is too long")
        return self.data[element.start : element.start + element.length]


@dataclass(frozen=True, slots=True)
class Header:
    """What a DICOM file says of its pixels. `values` holds the elements of its top level; `walk` reads sequences."""

    syntax: str
    values: Values
    walk: Walk = field(repr=False)
    pixel_data: Element
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    planar: int
    bits_allocated: int
    bits_stored: int
    signed: bool

    @property
    def data(self) -> bytes:
        """The file's bytes, inflated."""
        return self.values.data


def has_prefix(data: bytes) -> bool:
    """Whether bytes have the preamble and prefix of a DICOM file (PS3.10, 7.1)."""
    return data[PREAMBLE_BYTES : PREAMBLE_BYTES + len(PREFIX)] == PREFIX


def looks_headless(data: bytes) -> bool:
    """Whether bytes begin as a DICOM dataset does, without the preamble: with group 2 or 8 and a plausible value."""
    start = _first_element(data, 0)
    return start is not None and start[0] in (_META_GROUP, 0x0008)


def read_header(data: bytes, *, name: str, limits: SourceLimits, also: Collection[int] = ()) -> Header:
    """Find the pixel data, and read what it says of it; of the top level's other elements where those in `also` lie.

    Raises
    ------
    BrokenDicom
        If the bytes don't follow the standard, or say too little.
    ImageError
        If there is more in it than `limits` allow once it is inflated.
    """
    start = PREAMBLE_BYTES + len(PREFIX) if has_prefix(data) else 0
    syntax, start = _meta(data, start)
    if syntax == DEFLATED:
        data, start = _inflated(memoryview(data)[start:], name=name, limits=limits), 0
    first = _first_element(data, start)
    if first is None:
        raise BrokenDicom("no element follows where the dataset should begin")
    # As files are, not as they say: some state explicit VR and leave it out.
    _, order, explicit = first
    if syntax == BIG_ENDIAN:
        order = ">"
    walk = Walk(data, order, explicit)
    wanted = _WANTED.union(also)
    found = {element.tag: element for element in walk.top(start, len(data)) if element.tag in wanted}
    values = Values(data, order, found)
    if PIXEL_DATA not in found:
        raise BrokenDicom("it holds no pixels that are whole numbers")
    if found[PIXEL_DATA].vr not in ((b"OB", b"OW", b"UN") if explicit else (b"",)):
        raise BrokenDicom("its pixel data is of no kind that pixels have")
    if not syntax and found[PIXEL_DATA].length == UNDEFINED:
        raise BrokenDicom("it is compressed and doesn't state how")
    return _header(syntax or (BIG_ENDIAN if order == ">" else EXPLICIT if explicit else IMPLICIT), values, walk)


def _header(syntax: str, values: Values, walk: Walk) -> Header:
    frames = values.text(FRAMES)
    try:
        frames_number = int(frames or 1) or 1
    except ValueError:
        raise BrokenDicom("the number of frames isn't a number") from None
    samples = values.number(SAMPLES)
    header = Header(
        syntax=syntax,
        values=values,
        walk=walk,
        pixel_data=values.elements[PIXEL_DATA],
        rows=values.number(ROWS),
        columns=values.number(COLUMNS),
        frames=frames_number,
        samples=samples,
        photometric=values.text(PHOTOMETRIC),
        planar=values.number(PLANAR, None if syntax in NATIVE else 0) if samples > 1 else 0,
        bits_allocated=values.number(ALLOCATED),
        bits_stored=values.number(STORED),
        signed=values.number(SIGNED) == 1,
    )
    if header.samples not in (1, 3):
        raise BrokenDicom(f"{header.samples} samples a pixel")
    if header.bits_allocated not in (1, 8, 16, 32) or not 1 <= header.bits_stored <= header.bits_allocated:
        raise BrokenDicom(f"{header.bits_stored} bits stored in {header.bits_allocated}")
    if header.bits_allocated == 1 and header.samples != 1:
        raise BrokenDicom("single bits of several samples a pixel")
    if header.planar not in (0, 1):
        raise BrokenDicom(f"the planar configuration {header.planar}")
    return header


def _first_element(data: bytes, at: int) -> tuple[int, str, bool] | None:
    """Group, byte order and whether the VR is explicit, of the element at `at`, if it can be one."""
    if len(data) < at + 8:
        return None
    little = int.from_bytes(data[at : at + 2], "little")
    if data[at + 4 : at + 6] in LONG_VRS | SHORT_VRS:
        big = int.from_bytes(data[at : at + 2], "big")
        # A dataset's first group is 2 or 8: in the wrong byte order it would be 0x0200 or 0x0800.
        return (little, "<", True) if little < big else (big, ">", True)
    length = int.from_bytes(data[at + 4 : at + 8], "little")
    if little % 2 == 0 and (length == UNDEFINED or at + 8 + length <= len(data)):
        return little, "<", False
    return None


def _meta(data: bytes, start: int) -> tuple[str, int]:
    """The transfer syntax that the file meta information (PS3.10, 7.1) states, and where the dataset begins."""
    first = _first_element(data, start)
    if first is None or first[0] != _META_GROUP:
        return "", start
    walk = Walk(data, "<", first[2])
    syntax, at = "", start
    # The dataset behind it may be encoded otherwise, so no element of it is asked for.
    while int.from_bytes(data[at : at + 2], "little") == _META_GROUP:
        element = walk.element(at, explicit=walk.explicit)
        if element.tag == _TRANSFER_SYNTAX:
            syntax = Values(data, "<", {element.tag: element}).text(element.tag)
        at = element.start + element.length
    return syntax, at


def _inflated(compressed: memoryview, *, name: str, limits: SourceLimits) -> bytes:
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(compressed, limits.inflated_bytes + 1)
    except zlib.error:
        raise BrokenDicom("its deflated part is damaged") from None
    if len(data) > limits.inflated_bytes:
        raise ImageError(
            f"{name}: a deflated DICOM of more than {limits.inflated_bytes:,} bytes once inflated",
            expected=f"at most {limits.inflated_bytes:,} bytes",
            remedy="export it without compression, or as shorter sequences",
        )
    return data


def in_items(header: Header, tag: int) -> Iterable[Values]:
    """The items of a sequence of the top level."""
    element = header.values.elements.get(tag)
    if element is None:
        return
    for item in header.walk.items(element):
        yield Values(header.data, header.values.order, {inside.tag: inside for inside in item})
