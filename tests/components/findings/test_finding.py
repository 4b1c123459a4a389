"""Tests of what is said of an object whatever the file."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.findings.finding import (
    CORRECTED,
    LABEL_CHARS,
    NOT_CALIBRATED,
    RESEARCH_ONLY,
    Finding,
    Origin,
    labels,
    measured,
)
from components.findings.measure import measure


def test_labels_fit_on_a_line_of_any_file(findings: list[Finding]) -> None:
    assert labels(findings) == ["nodule one two", "Zyste 結節", "object 3"]
    long = replace(findings[0], name="n" * 63 + " \x00 tail")
    assert labels([long, replace(long, name="\\\u200b")]) == ["n" * 63, "object 2"]
    assert max(map(len, labels([long]))) <= LABEL_CHARS


def test_what_passes_has_no_warning_and_what_nobody_judged_has_one(findings: list[Finding]) -> None:
    relied_on, held_back, unjudged = (finding.warning for finding in findings)
    assert relied_on is None
    assert held_back == "don't rely on this outline: confidence 0.25 is below the threshold 0.70"
    assert unjudged == NOT_CALIBRATED
    assert replace(findings[2], reasons=("no calibration",)).warning == "no calibration"


def test_measures_are_in_the_unit_that_is_known(findings: list[Finding]) -> None:
    in_mm, in_px, none = (measured(finding) for finding in findings)
    found = findings[0].measurements
    assert found.area_mm2 is not None and found.longest is not None and found.perpendicular is not None
    assert in_mm == f"{found.area_mm2:.1f} mm², {found.longest.length_mm:.1f} x {found.perpendicular.length_mm:.1f} mm"
    assert "mm" not in in_px and in_px.startswith(f"{findings[1].mask.sum()} px")
    assert none == "nothing outlined"
    mask = findings[1].mask.copy()
    mask[:3, :3] = True
    of_two = measured(replace(findings[1], measurements=measure(mask)))
    assert of_two.endswith(f"{in_px.split(', ')[1]} of the largest of 2 parts")


def test_what_a_person_corrected_has_no_word_of_the_model(corrected: Finding) -> None:
    assert (corrected.warning, corrected.became) == (None, f"edited: {CORRECTED}")
    assert measured(corrected).endswith("mm (longest set by hand)")
    with pytest.raises(AssertionError):
        replace(corrected, confidence=0.9)


def test_what_is_too_ragged_has_an_area(findings: list[Finding]) -> None:
    ragged = replace(findings[1].measurements, longest=None, perpendicular=None, parts=0)
    assert measured(replace(findings[1], measurements=ragged)) == f"{ragged.area_px} px, diameters not measured"


def test_a_model_that_saw_phantoms_says_so(origin: Origin) -> None:
    assert origin.cautions[0] == RESEARCH_ONLY
    assert "phantom" in origin.cautions[1].lower()
    assert replace(origin, phantom=False).cautions == (RESEARCH_ONLY,)
    assert origin.told == "hiera_mini 7, weights 0618a7670618"
