"""Objects as a model outlines them, on an image drawn here, and who outlined them."""

from __future__ import annotations

import numpy as np
import pytest

from components.findings.finding import Finding, Origin
from components.findings.measure import measure, with_lines
from components.formats import Spacing
from components.types import Image

HEIGHT_PX, WIDTH_PX = 48, 64


@pytest.fixture()
def image() -> Image:
    """A grey image (48 64 3) whose pixels all differ from an outline's colours."""
    grey = np.random.default_rng(5).integers(1, 90, (HEIGHT_PX, WIDTH_PX, 1), dtype=np.uint8)
    return np.repeat(grey, 3, axis=2)


@pytest.fixture()
def origin() -> Origin:
    """A model that was trained on phantoms."""
    return Origin("hiera_mini", "7", "0618a767" * 8, "0.1.0", phantom=True)


@pytest.fixture()
def findings() -> list[Finding]:
    """A calibrated object with a hole, one that isn't to be relied on and overlaps it, and nothing at all."""
    rows, columns = np.mgrid[:HEIGHT_PX, :WIDTH_PX]
    ring = (((columns - 20) / 14) ** 2 + ((rows - 22) / 9) ** 2 < 1) & (np.hypot(columns - 20, rows - 22) > 3)
    disc = np.hypot(columns - 40, rows - 28) < 11
    nothing = np.zeros_like(disc)
    return [
        Finding(
            "nodule \u202eone\\two",
            ring,
            measure(ring, Spacing(0.11, 0.13, "DICOM ultrasound region 1")),
            quality=0.9,
            confidence=0.875,
            abstain=False,
            prediction="ab" * 16,
            verdict="accepted",
        ),
        Finding(
            "Zyste 結節",
            disc,
            measure(disc),
            quality=0.4,
            confidence=0.25,
            abstain=True,
            reasons=("confidence 0.25 is below the threshold 0.70",),
        ),
        Finding(" \n", nothing, measure(nothing)),
    ]


@pytest.fixture()
def corrected(findings: list[Finding]) -> Finding:
    """An object whose outline a person changed, and whose longest diameter a person set."""
    found = findings[0]
    measurements = with_lines(found.measurements, longest=((6.0, 20.0), (36.0, 24.0)))
    return Finding("by hand", found.mask, measurements, prediction="cd" * 16, verdict="edited", corrected=True)
