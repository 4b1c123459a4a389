"""Lossless JPEGs come back to the bit: those written sample by sample here, and those that GDCM wrote."""

from __future__ import annotations

import base64

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.lossless import decode_lossless
from tests.components.formats import files

# Written by GDCM 3.2.6 of the pixels that `by_gdcm` computes: 8 bits, three samples, predictor 1.
GDCM_COLOUR = (
    "/9j/7gAOQWRvYmUAZAAAAAAA/8MAEQgADAAUA1IRAEcRAEIRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAMCCP/aAAwDUgBHAEIAAQAAz/n/AD/ava"
    "vavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavava"
    "vavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavava"
    "vavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavava"
    "vavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavavava"
    "vavavavavavavavavavavavavavavavavav//ZAA=="
)


def by_gdcm() -> NDArray[np.integer]:
    return np.add.outer(np.arange(12), np.arange(20))[..., None] * np.array([3, 5, 7]) % 251


def test_what_gdcm_wrote_comes_back() -> None:
    found = decode_lossless(base64.b64decode(GDCM_COLOUR), (12, 20, 3))
    np.testing.assert_array_equal(found, by_gdcm())


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_every_predictor_depth_and_restart_comes_back(data: st.DataObject) -> None:
    depth, predictor = data.draw(st.integers(2, 16)), data.draw(st.integers(1, 7))
    height_px, width_px = data.draw(st.integers(1, 7)), data.draw(st.integers(1, 9))
    samples = data.draw(st.sampled_from([1, 3]))
    restart_rows = data.draw(st.integers(0, height_px))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    pixels = rng.integers(0, 2**depth, (height_px, width_px, samples))
    encoded = files.lossless_jpeg(pixels, depth, predictor=predictor, restart_rows=restart_rows)
    np.testing.assert_array_equal(decode_lossless(encoded, pixels.shape), pixels)


def test_a_frame_longer_than_a_chunk_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.formats.dicom.lossless.CHUNK_BYTES", 7)
    pixels = np.random.default_rng(1).integers(0, 256, (9, 11, 3))
    np.testing.assert_array_equal(decode_lossless(files.lossless_jpeg(pixels, 8), pixels.shape), pixels)


def test_a_frame_cut_short_or_of_another_size_is_refused() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (9, 11, 1))
    whole = files.lossless_jpeg(pixels, 8)
    for data, shape in ((whole[:-30], pixels.shape), (whole, (9, 12, 1)), (whole[:60], pixels.shape)):
        with pytest.raises(BrokenDicom):
            decode_lossless(data, shape)
