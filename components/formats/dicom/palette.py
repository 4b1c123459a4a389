"""Indices into a DICOM file's own colour tables to colours (PS3.3, C.7.6.3.1.5 and C.7.9.2).

Leaves out: the standard's well-known palettes, and tables laid over grey images.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.header import (
    LUT_DATA,
    LUT_DESCRIPTORS,
    MAX_LUT_BYTES,
    SEGMENTED_LUT_DATA,
    Header,
)

_COLOURS = ("Red", "Green", "Blue")
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


def coloured(indices: NDArray[np.integer[Any]], header: Header) -> NDArray[np.integer[Any]]:
    """The colours (H W 3) of indices (H W), of as many bits as the tables have.

    Raises
    ------
    BrokenDicom
        If a table is missing or damaged; ValueError, if the tables' lengths don't fit each other.
    """
    from pydicom.dataset import Dataset
    from pydicom.pixels import apply_color_lut

    tables = Dataset()
    for colour, descriptor_tag, data_tag, segmented_tag in zip(
        _COLOURS, LUT_DESCRIPTORS, LUT_DATA, SEGMENTED_LUT_DATA, strict=True
    ):
        entries, first, bits = _descriptor(header, descriptor_tag)
        table = _swapped(header, data_tag)
        if not table:
            table = _expanded(_swapped(header, segmented_tag), entries, bits)
        setattr(tables, f"{colour}PaletteColorLookupTableDescriptor", [entries % 2**16, first, bits])
        setattr(tables, f"{colour}PaletteColorLookupTableData", table)
    return np.asarray(apply_color_lut(indices, tables))


def _descriptor(header: Header, tag: int) -> tuple[int, int, int]:
    """How many entries a table has, the index of its first, and its bits."""
    raw = header.values.raw(tag, 6)
    if len(raw) != 6:
        raise BrokenDicom("a colour table isn't described")
    element = header.values.elements[tag]
    signed = element.vr == b"SS" or (not element.vr and header.signed)
    entries, first, bits = struct.unpack(header.values.order + ("HhH" if signed else "HHH"), raw)
    if bits not in (8, 16):
        raise BrokenDicom(f"a colour table of {bits} bits")
    return entries or 2**16, first, bits


def _swapped(header: Header, tag: int) -> bytes:
    """A table's bytes, lower bytes first whatever the file's order."""
    raw = header.values.raw(tag, MAX_LUT_BYTES)
    if header.values.order == "<" or len(raw) % 2:
        return raw
    return np.frombuffer(raw, dtype="<u2").byteswap().tobytes()


def _expanded(segmented: bytes, entries: int, bits: int) -> bytes:
    """A table of segments to one of entries; it ends when there are as many as described."""
    width = bits // 8
    codes = np.frombuffer(segmented[: len(segmented) // width * width], dtype=f"<u{width}").tolist()
    values = _segments(codes, 0, len(codes), entries, may_refer=True)
    if len(values) != entries:
        raise BrokenDicom("a colour table whose segments don't make up its entries")
    return np.asarray(values, dtype=f"<u{width}").tobytes()


def _segments(codes: list[int], at: int, segments: int, entries: int, *, may_refer: bool) -> list[int]:
    """The values of up to so many segments from `at`, up to so many entries."""
    values: list[int] = []
    while segments > 0 and at + 1 < len(codes) and len(values) < entries:
        kind, length = codes[at], min(codes[at + 1], entries - len(values))
        if kind == _DISCRETE:
            values += codes[at + 2 : at + 2 + length]
            at += 2 + codes[at + 1]
        elif kind == _LINEAR and values and at + 2 < len(codes):
            values += (
                np.rint(np.linspace(values[-1], codes[at + 2], codes[at + 1] + 1))[1 : length + 1].astype(int).tolist()
            )
            at += 3
        elif kind == _INDIRECT and may_refer and at + 3 < len(codes):
            to = codes[at + 2] | codes[at + 3] << 16
            values += _segments(codes, to, codes[at + 1], entries - len(values), may_refer=False)
            at += 4
        else:
            raise BrokenDicom("a colour table whose segments are damaged")
        segments -= 1
    return values
