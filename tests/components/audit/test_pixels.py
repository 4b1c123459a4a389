"""An image's digest is the documented one, and no other image's."""

from __future__ import annotations

import hashlib

import numpy as np

from components.audit.pixels import pixels_sha256


def test_the_digest_is_the_documented_one() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    expected = hashlib.sha256(b"2 4\n" + bytes(range(24))).hexdigest()
    assert pixels_sha256(image) == pixels_sha256(np.asfortranarray(image)) == expected
    changed = image.copy()
    changed[1, 3, 2] ^= 1
    assert len({pixels_sha256(each) for each in (image, changed, image.reshape(4, 2, 3))}) == 3
