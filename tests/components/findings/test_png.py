"""Masks in a PNG are the masks, and the file says where it comes from."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image as PilImage

from components.findings.finding import Finding, Origin
from components.findings.measure import measure
from components.findings.png import to_mask_png
from components.types import Mask

ORIGIN = Origin("hiera_mini", "3", "a" * 64, "0.1.0", phantom=True)


def finding(mask: Mask, prediction: str | None) -> Finding:
    """An object with this mask."""
    return Finding("lesion", mask, measure(mask), prediction=prediction)


@pytest.mark.parametrize("objects", [1, 2])
def test_masks_and_origin_are_read_back(objects: int) -> None:
    masks = [np.zeros((6, 8), dtype=bool) for _ in range(objects)]
    masks[0][1:4, 1:5] = True
    masks[-1][3:6, 4:8] = True
    findings = [finding(mask, digit * 32) for mask, digit in zip(masks, "cb", strict=False)]
    picture = PilImage.open(io.BytesIO(to_mask_png(findings, ORIGIN)))
    values = np.asarray(picture)
    assert values.dtype == np.uint8 and picture.mode == "L"
    if objects == 1:
        np.testing.assert_array_equal(values, np.where(masks[0], 255, 0))
    else:
        assert values[1, 1] == 1 and values[5, 7] == 2 and values[3, 4] == 2, "the later one is on top"
        np.testing.assert_array_equal(values > 0, masks[0] | masks[1])
    assert picture.text["sonoforge:model_digest"] == "a" * 64
    assert picture.text["sonoforge:prediction"] == " ".join(sorted(digit * 32 for digit in "cb"[:objects]))
    assert "Phantom-trained" in picture.text["sonoforge:caution"]
