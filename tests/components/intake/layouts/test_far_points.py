"""Outlines of XML files with points that no image reaches: a fault of the sheet, never a crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from components.contract import Contract
from components.intake.validate_data import check_data
from tests.components.intake.raw_trees import SQUARE, Tree, ddti_xml, region


@pytest.mark.parametrize("far", [1e308, -1e308, 1e200, 1e12])
@pytest.mark.parametrize("turned", [False, True])
def test_a_point_that_no_image_reaches_is_a_broken_outline(
    far: float, turned: bool, tree: Tree, contract_of: Callable[[str], Contract], contracts: Path
) -> None:
    raw = tree("ddti")
    corners = [(far, -far), (-far, far), (10.0, 90.0)]
    outline = region(*[(y, x) if turned else (x, y) for x, y in corners])
    marks = {"1": json.dumps([SQUARE, outline]), "2": json.dumps([SQUARE])}
    (raw / "1.xml").write_text(ddti_xml(marks))
    checked = check_data(contract_of("ddti"), raw, contracts=contracts)
    found = [(one.code, one.file) for one in checked.faults if one.severity == "error"]
    assert found == [("broken_outline", "1.xml")]
    assert list(checked.facts.frame()["image_id"]) == ["1_2", "2_1", "2_2"]


def test_a_point_a_little_outside_is_cut_off(
    tree: Tree, contract_of: Callable[[str], Contract], contracts: Path
) -> None:
    raw = tree("ddti")
    outline = region((-5, 30), (60, 30), (60, 9000), (-5, 9000))
    (raw / "1.xml").write_text(ddti_xml({"1": json.dumps([outline]), "2": json.dumps([SQUARE])}))
    checked = check_data(contract_of("ddti"), raw, contracts=contracts)
    assert checked.sound
    assert checked.facts.frame().set_index("image_id").loc["1_1", "objects"] == 1
