"""Regions come out half-open and in millimetres, only of pictures of space, only in numbers that can be true."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from components.formats import Region, open_source, spacing_at
from components.formats.dicom.ultrasound import ABSURD, MAX_REGIONS, MISPLACED, TOO_MANY
from tests.components.formats import files

FRAMES = np.zeros((2, 60, 80), dtype=np.uint8)


def regions_of(*items: Dataset, **changes: object) -> tuple[Region, ...]:
    """The regions that a file with these items states."""
    said = {"SequenceOfUltrasoundRegions": list(items)} if items else {}
    return open_source(files.dicom(FRAMES, **said, **changes), name="x").regions


def test_the_last_pixel_belongs_to_a_region() -> None:
    first, second = regions_of(files.region((0, 0, 39, 59), (0.01, 0.02)), files.region((40, 0, 79, 59), (-0.03, 0.03)))
    assert first == Region((0, 0, 40, 60), 0.1, 0.2, "DICOM ultrasound region 1")
    assert second.box == (40, 0, 80, 60)
    assert second.x_mm == pytest.approx(0.3), "a negative delta says which way the axis runs"


def test_a_corner_beyond_the_frame_is_the_frames_edge() -> None:
    (only,) = regions_of(files.region((0, 0, 80, 60), (0.01, 0.01)))
    assert only.box == (0, 0, 80, 60)


@pytest.mark.parametrize("box", [(30, 0, 20, 9), (0, 9, 9, 0), (90, 0, 95, 5), (0, 60, 5, 65)])
def test_one_region_without_a_place_leaves_the_file_without_a_scale(box: tuple[int, int, int, int]) -> None:
    found = regions_of(files.region((0, 0, 79, 59), (0.01, 0.01)), files.region(box, (0.05, 0.05)))
    assert found == (Region((0, 0, 80, 60), None, None, "DICOM ultrasound region 2", MISPLACED),)
    assert spacing_at(found, (10, 10, 20, 20)) == f"DICOM ultrasound region 2: {MISPLACED}"


def test_a_missing_corner_leaves_the_file_without_a_scale() -> None:
    broken = files.region((0, 0, 9, 9), (0.05, 0.05))
    del broken.RegionLocationMaxX1
    (only,) = regions_of(files.region((0, 0, 79, 59), (0.01, 0.01)), broken)
    assert (only.x_mm, only.why) == (None, MISPLACED)


def test_more_regions_than_are_read_leave_the_file_without_a_scale() -> None:
    small = [files.region((0, 0, 1, 1), (0.01, 0.01)) for _ in range(MAX_REGIONS - 1)]
    around = files.region((0, 0, 79, 59), (0.01, 0.01))
    assert len(regions_of(around, *small)) == MAX_REGIONS
    other = files.region((20, 10, 70, 50), (0.09, 0.09))
    assert regions_of(around, *small, other) == (
        Region((0, 0, 80, 60), None, None, "DICOM ultrasound regions", TOO_MANY),
    )


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"RegionSpatialFormat": 2}, "two-dimensional"),
        ({"RegionSpatialFormat": 3, "RegionDataType": 3}, "two-dimensional"),
        ({"RegionDataType": 3}, "neither tissue nor"),
        ({"PhysicalUnitsXDirection": 4}, "centimetres"),
        ({"PhysicalUnitsYDirection": 0}, "centimetres"),
        ({"PhysicalDeltaX": 0.0}, ABSURD),
        ({"PhysicalDeltaX": math.nan}, ABSURD),
        ({"PhysicalDeltaY": math.inf}, ABSURD),
        ({"PhysicalDeltaY": 5.0}, ABSURD),
        ({"PhysicalDeltaX": 1e-9}, ABSURD),
        ({"PhysicalDeltaX": 0.2, "PhysicalDeltaY": 0.01}, ABSURD),
    ],
)
def test_what_has_no_scale_to_be_trusted_says_why(changes: dict[str, object], why: str) -> None:
    (only,) = regions_of(files.region((0, 0, 39, 59), (0.01, 0.01), **changes))
    assert only.x_mm is None and only.y_mm is None
    assert only.why is not None and why in only.why


def test_colour_flow_is_a_picture_of_space() -> None:
    (only,) = regions_of(files.region((0, 0, 39, 59), (0.01, 0.01), RegionDataType=2))
    assert only.x_mm == pytest.approx(0.1)


def test_pixel_spacing_counts_only_without_regions_and_only_for_ultrasound() -> None:
    (only,) = regions_of(PixelSpacing=[0.2, 0.1])
    assert only == Region((0, 0, 80, 60), 0.1, 0.2, "DICOM Pixel Spacing"), "rows come first in Pixel Spacing"
    assert regions_of(PixelSpacing=[0.2, 0.1], Modality="OT") == ()
    assert regions_of(ImagerPixelSpacing=[0.2, 0.1]) == ()
    trace = files.region((0, 0, 39, 59), (0.01, 0.01), RegionSpatialFormat=3)
    (first,) = regions_of(trace, PixelSpacing=[0.2, 0.1])
    assert first.x_mm is None, "a file that states regions states no scale beside them"
    (absurd,) = regions_of(PixelSpacing=[0, 0])
    assert absurd.why == ABSURD


@settings(max_examples=40)
@given(st.integers(0, 79), st.integers(0, 59), st.integers(0, 79), st.integers(0, 59), st.floats(-2, 2))
def test_any_region_lies_in_the_frame_and_has_both_scales_or_a_reason(
    x0: int, y0: int, x1: int, y1: int, delta_cm: float
) -> None:
    (region,) = regions_of(files.region((x0, y0, x1, y1), (delta_cm, delta_cm)))
    placed = x0 <= x1 and y0 <= y1
    assert region.box == ((x0, y0, x1 + 1, y1 + 1) if placed else (0, 0, 80, 60))
    assert (region.x_mm is None) == (region.y_mm is None) == (region.why is not None)
    assert (region.why == MISPLACED) == (not placed)
    if region.x_mm is not None:
        assert math.isclose(region.x_mm, abs(delta_cm) * 10)
