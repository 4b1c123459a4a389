"""An image's id stands for all that an answer about it depends on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from components.audit.pixels import pixels_sha256
from components.formats import Region, open_source
from components.types import Image
from serving.engine.seen import Seen, image_id, see
from serving.schema.answers import IMAGE_ID

WEIGHTS = "a" * 64


def ids(seen: Sequence[Seen], *, weights: str = WEIGHTS, runtime: str = "onnxruntime") -> set[str]:
    """The ids of what was seen."""
    return {image_id(each, model_digest=weights, runtime=runtime) for each in seen}


def test_an_id_stands_for_pixels_weights_frame_and_scale(image: Image) -> None:
    other = image.copy()
    other[0, 0, 0] ^= 1
    seen = Seen(pixels_sha256(image))
    fine = Region((0, 0, 90, 60), 0.1, 0.1, "DICOM ultrasound region 1")
    regions = [
        fine,
        replace(fine, x_mm=0.2),
        replace(fine, source="TIFF resolution"),
        replace(fine, x_mm=None, y_mm=None, why="no unit of length"),
        replace(fine, x_mm=None, y_mm=None, why="a spectrum"),
    ]
    found = [
        seen,
        Seen(pixels_sha256(other)),
        Seen(pixels_sha256(image.reshape(90, 60, 3))),
        replace(seen, frames=2),
        replace(seen, frame=1, frames=2),
        *(replace(seen, regions=(region,)) for region in regions),
        replace(seen, regions=(fine, fine)),
    ]
    assert len(ids(found) | ids(found, weights="b" * 64) | ids(found, runtime="openvino")) == 3 * len(found)
    assert all(re.fullmatch(IMAGE_ID, one) for one in ids(found))
    assert ids([seen]) == ids([Seen(pixels_sha256(image.copy()))])


def test_a_frame_is_seen_with_the_digest_of_its_own_pixels(image: Image, png: bytes) -> None:
    pixels, seen = see(open_source(png, name="image"), 0)
    assert (pixels == image).all() and seen == Seen(pixels_sha256(image))
