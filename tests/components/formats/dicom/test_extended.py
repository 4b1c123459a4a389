"""Sequential JPEGs come out as Pillow has them at 8 bits, and as they went in at 12."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage

from components.formats.dicom.elements import BrokenDicom
from components.formats.dicom.extended import decode_extended
from tests.components.formats import files


def waves(height_px: int = 43, width_px: int = 61) -> NDArray[np.uint8]:
    y, x = np.mgrid[:height_px, :width_px]
    return (128 + 90 * np.sin(x / 9) * np.cos(y / 7) + (x * 7 + y * 3) % 50).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(
    "options", [{"quality": 30}, {"quality": 95}, {"restart_marker_blocks": 3}, {"optimize": True}]
)
@pytest.mark.parametrize("colour", [False, True])
def test_eight_bits_are_what_pillow_reads(options: dict[str, object], colour: bool) -> None:
    grey = waves()
    pixels = np.stack([grey, grey[::-1], grey[:, ::-1]], axis=2) if colour else grey
    encoded = files.pillow_file(pixels, "JPEG", **({"subsampling": 0} if colour else {}), **options)
    with PilImage.open(io.BytesIO(encoded)) as image:
        image.draft("YCbCr" if colour else "L", image.size)
        expected = np.asarray(image).reshape(*grey.shape, -1)
    found = decode_extended(encoded, expected.shape)
    assert np.abs(found.astype(int) - expected).max() <= 1, "transforms may differ by one (T.83)"


def test_twelve_bits_come_back_within_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = waves(40, 48).astype(np.int64) * 16
    encoded = files.extended_jpeg(pixels)
    found = decode_extended(encoded, (40, 48, 1))[..., 0]
    assert np.abs(found.astype(int) - pixels).max() <= 2
    monkeypatch.setattr("components.formats.dicom.extended.CHUNK_BYTES", 11)
    np.testing.assert_array_equal(decode_extended(encoded, (40, 48, 1))[..., 0], found)


def test_damage_is_refused() -> None:
    encoded = files.extended_jpeg(waves(40, 48).astype(np.int64) * 16)
    for data, shape in ((encoded[:-200], (40, 48, 1)), (encoded, (48, 40, 1)), (encoded[:90], (40, 48, 1))):
        with pytest.raises(BrokenDicom):
            decode_extended(data, shape)
    with pytest.raises(BrokenDicom, match="sizes of components"):
        halved = files.pillow_file(np.stack([waves()] * 3, axis=2), "JPEG", subsampling=2)
        decode_extended(halved, (43, 61, 3))
