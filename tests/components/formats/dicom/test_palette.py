"""Colour tables of every form give pydicom's colours; damaged ones are refused."""

from __future__ import annotations

import io
import struct

import numpy as np
import pydicom
import pytest
from pydicom.pixels import apply_color_lut, pixel_array

from components.errors import ImageError
from components.formats import open_source
from tests.components.formats import files

INDICES = np.arange(240, dtype=np.uint8).reshape(1, 12, 20)
COLOURS = ("Red", "Green", "Blue")


def palette(tables: list[bytes], *, bits: int = 16, entries: int = 256, first: int = 0, form: str = "") -> bytes:
    """Indices with their colour tables, as a file."""
    said: dict[str, object] = {}
    for colour, table in zip(COLOURS, tables, strict=True):
        said[f"{colour}PaletteColorLookupTableDescriptor"] = [entries, first, bits]
        said[f"{form}{colour}PaletteColorLookupTableData"] = table
    return files.dicom(INDICES, "PALETTE COLOR", **said)


def test_tables_of_both_depths_give_pydicoms_colours() -> None:
    rng = np.random.default_rng(1)
    for bits, dtype in ((16, "<u2"), (8, "<u1")):
        tables = [rng.integers(0, 2**bits, 256).astype(dtype).tobytes() for _ in COLOURS]
        for first in (0, 7):
            data = palette(tables, bits=bits, first=first)
            made = pydicom.dcmread(io.BytesIO(data))
            expected = apply_color_lut(pixel_array(made), made) >> (bits - 8)
            np.testing.assert_array_equal(open_source(data, name="x").frame(0), expected)


def test_segments_are_expanded() -> None:
    ramp = struct.pack("<7H", 0, 1, 0, 1, 255, 255 * 256, 0)[:12]
    data = palette([ramp] * 3, form="Segmented")
    found = open_source(data, name="x").frame(0)
    np.testing.assert_array_equal(found[..., 0], INDICES[0])
    made = pydicom.dcmread(io.BytesIO(data))
    np.testing.assert_array_equal(found, apply_color_lut(pixel_array(made), made) >> 8)


@pytest.mark.parametrize("segmented", [b"", struct.pack("<4H", 1, 65535, 9, 9), struct.pack("<4H", 7, 1, 1, 1)])
def test_damaged_tables_are_refused(segmented: bytes) -> None:
    with pytest.raises(ImageError):
        open_source(palette([segmented] * 3, form="Segmented"), name="x").frame(0)
    with pytest.raises(ImageError):
        open_source(palette([b"\0" * 100] * 3), name="x").frame(0)


def test_segments_that_refer_to_each_other_end() -> None:
    refers = struct.pack("<2H2H", 0, 1, 5, 0) + struct.pack("<2H2H", 2, 60000, 0, 0) * 50
    with pytest.raises(ImageError):
        open_source(palette([refers] * 3, form="Segmented"), name="x").frame(0)
