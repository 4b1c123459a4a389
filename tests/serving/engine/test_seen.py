"""An image's id stands for all that an answer about it depends on."""

from __future__ import annotations

import re

from components.formats import Region
from components.types import Image
from serving.engine.seen import Seen, image_id
from serving.schema.answers import IMAGE_ID

WEIGHTS = "a" * 64


def test_an_id_stands_for_pixels_weights_frame_and_scale(image: Image) -> None:
    other = image.copy()
    other[0, 0, 0] ^= 1
    fine, coarse = (Region((0, 0, 90, 60), mm, mm, "DICOM ultrasound region 1") for mm in (0.1, 0.2))
    ids = [
        image_id(image, Seen(), model_digest=WEIGHTS),
        image_id(other, Seen(), model_digest=WEIGHTS),
        image_id(image.reshape(90, 60, 3), Seen(), model_digest=WEIGHTS),
        image_id(image, Seen(), model_digest="b" * 64),
        image_id(image, Seen(frame=1, frames=2), model_digest=WEIGHTS),
        image_id(image, Seen(regions=(fine,)), model_digest=WEIGHTS),
        image_id(image, Seen(regions=(coarse,)), model_digest=WEIGHTS),
    ]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(IMAGE_ID, one) for one in ids)
    assert image_id(image.copy(), Seen(), model_digest=WEIGHTS) == ids[0]
