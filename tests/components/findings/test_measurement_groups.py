"""Tests of one object's groups: numbers with their units, lines where they were measured, and what is said beside."""

from __future__ import annotations

import io
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from highdicom.sr import srread
from pydicom import dcmread

from components.findings.finding import Finding, Origin
from components.findings.measure import TOO_RAGGED, Line, measure
from components.findings.measurement_groups import MAX_REGION_POINTS, SCHEME, _ring
from components.findings.measurement_report import to_report
from tests.components.findings.dicom_files import complaints, make_source


@pytest.fixture()
def groups(findings: list[Finding], origin: Origin) -> list[list[Any]]:
    """Of each object its groups, as highdicom reads them."""
    content: Any = srread(io.BytesIO(to_report(make_source(), findings, origin))).content
    regions, others = content.get_planar_roi_measurement_groups(), content.get_image_measurement_groups()
    return [[regions[0], others[0]], [regions[1], others[1]], [others[2]]]


def read_off(group: Any) -> dict[str, tuple[float, str]]:
    """By name the values and units of a group's measurements."""
    return {each.name.meaning: (each.value, each.unit.value) for each in group.get_measurements()}


def test_millimetres_are_only_where_the_file_states_them(groups: list[list[Any]], findings: list[Finding]) -> None:
    for own, finding, area_unit, unit in zip(groups, findings, ("mm2", "{pixels}"), ("mm", "{pixels}"), strict=False):
        found = finding.measurements
        assert found.longest is not None and found.perpendicular is not None
        lengths = [each.length_px if each.length_mm is None else each.length_mm for each in _two(found)]
        area = found.area_px if found.area_mm2 is None else found.area_mm2
        outline, diameters = read_off(own[0]), read_off(own[1])
        assert outline["Area"] == (pytest.approx(area), area_unit)
        assert diameters["Long axis"] == (pytest.approx(lengths[0]), unit)
        assert diameters["Short axis"] == (pytest.approx(lengths[1]), unit)


def own_codes(group: Any) -> dict[str, str]:
    """By name the values of a group's evaluations in this software's own codes."""
    found = group.get_qualitative_evaluations()
    return {each.name.value: each.value.value for each in found if each.name.scheme_designator == SCHEME}


def _two(found: Any) -> tuple[Line, Line]:
    return found.longest, found.perpendicular


def test_lines_lie_where_they_were_measured(groups: list[list[Any]], findings: list[Finding]) -> None:
    for own, finding in zip(groups[:2], findings, strict=False):
        drawn = [each.referenced_coordinates[0].value for each in own[1].get_measurements()]
        for points, line in zip(drawn, _two(finding.measurements), strict=True):
            np.testing.assert_allclose(points, [line.from_xy, line.to_xy], rtol=1e-6)


def test_the_region_is_the_outer_outline_in_pixel_corners(groups: list[list[Any]], findings: list[Finding]) -> None:
    ring = groups[1][0].roi.value
    assert (ring[0] == ring[-1]).all()
    x, y = ring[:-1].T
    enclosed = abs(x @ np.roll(y, 1) - y @ np.roll(x, 1)) / 2
    assert enclosed == findings[1].mask.sum()
    assert (ring.min(axis=0).tolist(), ring.max(axis=0).tolist()) == ([30, 18], [51, 39])


def test_what_is_known_of_the_outline_stands_beside_it(
    groups: list[list[Any]], findings: list[Finding], origin: Origin
) -> None:
    told = [own_codes(each[0]) for each in groups]
    assert told == [
        {"RELIANCE": "PASSED", "VERDICT": "ACCEPTED"},
        {"RELIANCE": "HELD_BACK"},
        {"RELIANCE": "NOT_CALIBRATED"},
    ]
    assert read_off(groups[0][0])["Confidence of outline, an expected IoU"] == (0.875, "1")
    comments = [
        each.TextValue for own in groups for each in own[0][0].ContentSequence if each.name.meaning == "Comment"
    ]
    assert all(each.startswith(". ".join(origin.cautions)) for each in comments)
    assert "millimetres from DICOM ultrasound region 1. prediction " + "ab" * 16 in comments[0]
    assert comments[1].endswith(f"no millimetres: the file states no scale. WARNING: {findings[1].warning}")
    algorithm = [each.TextValue for each in groups[0][0][0].ContentSequence if each.name.value == "111002"]
    assert f"weights sha256 {origin.model_digest}" in algorithm
    assert any(each.startswith("SEMIAUTOMATIC") for each in algorithm)


def test_an_object_is_one_by_its_tracking_identifier(groups: list[list[Any]]) -> None:
    for own, label in zip(groups, ("nodule one two", "Zyste 結節", "object 3"), strict=True):
        assert {each.tracking_identifier for each in own} == {label}
        assert len({each.tracking_uid for each in own}) == 1


def test_a_diameter_set_by_hand_names_no_algorithm(corrected: Finding, origin: Origin, tmp_path: Path) -> None:
    made = to_report(make_source(), [corrected], origin)
    content: Any = srread(io.BytesIO(made)).content
    (outline,) = content.get_planar_roi_measurement_groups()
    measured, by_hand = content.get_image_measurement_groups()
    assert (list(read_off(measured)), list(read_off(by_hand))) == (["Short axis"], ["Long axis"])
    assert own_codes(by_hand) == {"SET_BY": "PERSON"} and own_codes(measured) == {}
    algorithms = [
        any(each.name.value == "111001" for each in group[0].ContentSequence) for group in (measured, by_hand)
    ]
    assert algorithms == [True, False]
    assert own_codes(outline) == {"RELIANCE": "CORRECTED", "VERDICT": "EDITED"}
    assert list(read_off(outline)) == ["Area"], "no confidence"
    assert b"edited: manually corrected" in made
    assert complaints(made, tmp_path) == []


def test_an_outline_too_ragged_is_only_in_the_segmentation(findings: list[Finding], origin: Origin) -> None:
    comb = np.zeros((300, 1000), dtype=bool)
    comb[:, ::2] = comb[-1] = True
    finding = replace(findings[1], mask=comb, measurements=measure(comb))
    made = to_report(make_source(Rows=300, Columns=1000, PixelData=bytes(300_000)), [finding], origin)
    assert TOO_RAGGED.encode() in made
    assert not [each for each in dcmread(io.BytesIO(made)).iterall() if each.keyword == "GraphicData"]


def test_simplifying_takes_no_square_of_the_points() -> None:
    comb = np.zeros((2, 60_000), dtype=bool)
    comb[0, ::2] = comb[1] = True
    start = time.process_time()
    ring, off_px = _ring(comb)
    assert time.process_time() - start < 2
    assert len(ring) <= MAX_REGION_POINTS + 1 and off_px == 1
    assert (ring.min(axis=0).tolist(), ring.max(axis=0).tolist()) == ([0, 0], [60_000, 2])


def test_an_outline_that_no_element_can_hold_is_simplified(findings: list[Finding], origin: Origin) -> None:
    comb = np.zeros((4, 9000), dtype=bool)
    comb[1, ::2] = comb[2:] = True
    finding = replace(findings[1], mask=comb, measurements=measure(comb))
    made = to_report(make_source(Rows=4, Columns=9000, PixelData=bytes(36000)), [finding], origin)
    assert b"too many points and is simplified, by up to 1 px" in made
    (points,) = (
        np.reshape(element.value, (-1, 2))
        for element in dcmread(io.BytesIO(made)).iterall()
        if element.keyword == "GraphicData" and len(element.value) > 4
    )
    assert 4 < len(points) <= MAX_REGION_POINTS + 1
    assert (points[0] == points[-1]).all()
    assert (points.min(axis=0).tolist(), points.max(axis=0).tolist()) == ([0, 1], [9000, 4])
