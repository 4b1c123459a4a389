"""The ultrasound regions of a DICOM file, or its pixel spacing, to regions in millimetres.

Regions (PS3.3, C.8.5.5) come first. Only two-dimensional tissue and colour flow are pictures of space: along one axis
of M-mode, Doppler curves and waveforms runs time. Without any region, Pixel Spacing (0028,0030) counts where the
modality is ultrasound. Imager Pixel Spacing (0018,1164) never does: it lies in the detector's plane of a projection,
and ultrasound has none. Where one region can't be placed, or there are too many, the file has no scale at all: nobody
knows what the missing one covers. Leaves out: other units than centimetres.
"""

from __future__ import annotations

import math
from itertools import islice

from components.formats.dicom.header import MODALITY, PIXEL_SPACING, REGIONS, Header, Values, in_items
from components.formats.regions import Region

_FORMAT, _TYPE = 0x00186012, 0x00186014
_X0, _Y0, _X1, _Y1 = 0x00186018, 0x0018601A, 0x0018601C, 0x0018601E
_UNITS_X, _UNITS_Y, _DELTA_X, _DELTA_Y = 0x00186024, 0x00186026, 0x0018602C, 0x0018602E
TWO_DIMENSIONAL, TISSUE_OR_FLOW, CENTIMETRES = 1, (1, 2), 3
MM_PER_CM = 10.0
MAX_REGIONS = 64
# From a 50 MHz eye probe to a whole abdomen on a thumbnail; one axis no more than ten times the other.
LEAST_MM, MOST_MM, MOST_RATIO = 0.001, 10.0, 10.0
ABSURD = "its scale is absurd"
MISPLACED = "its corners aren't those of a part of the frame, so that no scale can be trusted"
TOO_MANY = f"the file states more than {MAX_REGIONS} regions, so that no scale can be trusted"


def regions_of(header: Header) -> tuple[Region, ...]:
    """The regions of each frame, in the file's order; without any, the whole frame if Pixel Spacing gives its scale.

    One region of the whole frame, without a scale, where one can't be placed or there are more than `MAX_REGIONS`.

    Raises
    ------
    BrokenDicom
        If the sequence of regions is damaged.
    """
    whole = (0, 0, header.columns, header.rows)
    if REGIONS in header.values.elements:
        found = []
        for number, item in enumerate(islice(in_items(header, REGIONS), MAX_REGIONS + 1), start=1):
            source = f"DICOM ultrasound region {number}"
            if number > MAX_REGIONS:
                return (Region(whole, None, None, "DICOM ultrasound regions", TOO_MANY),)
            region = _region(item, source, header)
            if region is None:
                return (Region(whole, None, None, source, MISPLACED),)
            found.append(region)
        return tuple(found)
    if header.values.text(MODALITY) != "US" or PIXEL_SPACING not in header.values.elements:
        return ()
    y_mm, x_mm = _spacing(header.values.text(PIXEL_SPACING))
    return (_scaled(whole, x_mm, y_mm, "DICOM Pixel Spacing"),)


def _region(item: Values, source: str, header: Header) -> Region | None:
    """One region; None where its corners aren't those of a part of the frame."""
    corners = [item.whole(tag) for tag in (_X0, _Y0, _X1, _Y1)]
    if any(corner is None for corner in corners):
        return None
    x0, y0, x1, y1 = (int(corner or 0) for corner in corners)
    # The maximum is the last pixel inside (C.8.5.5.1.2); some scanners state the one after it, at the frame's edge.
    box = (x0, y0, min(x1 + 1, header.columns), min(y1 + 1, header.rows))
    if not (0 <= box[0] < box[2] and 0 <= box[1] < box[3]):
        return None
    why = _why_not_space(item)
    if why is not None:
        return Region(box, None, None, source, why)
    deltas = [item.real(tag) for tag in (_DELTA_X, _DELTA_Y)]
    x_mm, y_mm = (math.nan if delta is None else abs(delta) * MM_PER_CM for delta in deltas)
    return _scaled(box, x_mm, y_mm, source)


def _why_not_space(item: Values) -> str | None:
    if item.number(_FORMAT, 0) != TWO_DIMENSIONAL:
        return "it isn't a two-dimensional picture"
    if item.number(_TYPE, 0) not in TISSUE_OR_FLOW:
        return "it shows neither tissue nor colour flow"
    if (item.number(_UNITS_X, 0), item.number(_UNITS_Y, 0)) != (CENTIMETRES, CENTIMETRES):
        return "its scale isn't in centimetres"
    return None


def _scaled(box: tuple[int, int, int, int], x_mm: float, y_mm: float, source: str) -> Region:
    """A region with its scale, unless that can't be true."""
    both = (x_mm, y_mm)
    if not all(LEAST_MM <= value_mm <= MOST_MM for value_mm in both) or max(both) > MOST_RATIO * min(both):
        return Region(box, None, None, source, ABSURD)
    return Region(box, x_mm, y_mm, source)


def _spacing(text: str) -> tuple[float, float]:
    """Row and column spacing in millimetres; not numbers where the text isn't two."""
    try:
        y_mm, x_mm = (float(part) for part in text.split("\\"))
    except ValueError:
        return math.nan, math.nan
    return y_mm, x_mm
