"""A pass is the product's own way: the same mask, and times of its parts that add up."""

from __future__ import annotations

import numpy as np

from components.evaluation.benchmarking.passes import BOX, SCAN_HW, mask_of, one_batch, one_pass, scan
from components.evaluation.benchmarking.shapes import unet
from components.preprocess import decode_image
from components.promptable.predict import segment

NETWORK = unet((4, 8), 64).eval()


def test_the_mask_is_that_of_predicting() -> None:
    image = decode_image(scan(), name="scan.png")
    assert image.shape == (*SCAN_HW, 3)
    for dtype in ("float32", "bfloat16"):
        found = mask_of(NETWORK, scan(), BOX, dtype=dtype)
        assert found.mask.shape == SCAN_HW
    expected = segment(NETWORK, image, [BOX])[0]
    assert np.array_equal(mask_of(NETWORK, scan(), BOX).mask, expected.mask)


def test_parts_are_within_the_whole() -> None:
    times_ms = one_pass(NETWORK, scan(), BOX)
    assert times_ms["click"] > 0
    assert times_ms["encoder"] + times_ms["click"] < times_ms["file_to_mask"]
    assert set(one_batch(NETWORK, scan(), 3)) == {"batch"}
