"""What the command says of objects, in words and as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from components.artefacts import ModelDescription
from components.findings.finding import Finding
from components.findings.measure import measure
from components.formats import Spacing
from components.promptable.calibration import UNCALIBRATED
from pipelines.commands.segment_told import as_json, tell


@pytest.fixture
def findings() -> list[Finding]:
    """A calibrated square in millimetres, and two parts that nobody judged."""
    square, parts = np.zeros((20, 30), dtype=bool), np.zeros((20, 30), dtype=bool)
    square[2:12, 3:13] = parts[1:4, 20:26] = parts[15, 5] = True
    return [
        Finding(
            "cyst",
            square,
            measure(square, Spacing(0.5, 0.5, "DICOM ultrasound region 1")),
            quality=0.9,
            confidence=0.25,
            abstain=True,
            reasons=("too low",),
        ),
        Finding("other", parts, measure(parts), quality=0.5, reasons=(UNCALIBRATED,)),
        Finding("none", square & parts, measure(square & parts), quality=0.1, reasons=(UNCALIBRATED,)),
    ]


def test_measures_are_told_where_asked_for(findings: list[Finding], capsys: pytest.CaptureFixture[str]) -> None:
    tell(None, findings, measured=True)
    assert capsys.readouterr().out.splitlines() == [
        UNCALIBRATED,
        "object 1: 100 px, quality 0.900, confidence 0.250",
        "  area 25.0 mm²",
        "  longest 7.1 mm, from (13.0, 2.0) to (3.0, 12.0)",
        "  perpendicular 7.1 mm, from (3.0, 2.0) to (13.0, 12.0)",
        "  millimetres from DICOM ultrasound region 1",
        "  WARNING: don't rely on this outline: too low",
        "object 2: 19 px, quality 0.500",
        "  longest 6.7 px, from (26.0, 1.0) to (20.0, 4.0)",
        "  perpendicular 3.4 px, from (22.5, 1.0) to (24.0, 4.0)",
        "  2 parts: the area counts all, the diameters are of the largest",
        "  no millimetres: the file states no scale",
        "object 3: 0 px, quality 0.100",
        "  nothing to measure",
    ]
    tell(None, findings, measured=False)
    assert "longest" not in capsys.readouterr().out


def test_json_always_has_the_measures(findings: list[Finding]) -> None:
    description = ModelDescription(
        kind="student",
        name="hiera_mini",
        config={},
        image_size_px=64,
        preprocess_version=1,
        phantom=True,
        base="scratch",
        trained_on=("busi",),
        provenance={},
        weights_sha256="a" * 64,
    )
    told: dict[str, Any] = as_json(
        None, findings, description, ref="the champion", out=Path("o.png"), at={"frame": 2, "frames": 5}
    )
    assert told["image"] == {"width": 30, "height": 20, "frame": 2, "frames": 5, "guard": None}
    assert told["model"]["digest"] == "a" * 64
    first, _, third = told["objects"]
    assert first["box"] == (3, 2, 13, 12) and first["reasons"] == ["too low"]
    assert first["measurements"]["area_mm2"] == 25.0
    assert third["measurements"]["longest"] is None and third["box"] is None
