"""Pixels to the sha256 by which the log knows an image, whichever model outlined it.

Leaves out: the service's `image_id`, which also stands for the model and for what a file says of the image.
"""

from __future__ import annotations

import hashlib

from components.audit.entries import Sha256
from components.types import Image


def pixels_sha256(image: Image) -> Sha256:
    """The sha256 of `HEIGHT WIDTH`, a line's end, and the decoded pixels (H W 3) row by row, RGB, a byte each."""
    digest = hashlib.sha256(f"{image.shape[0]} {image.shape[1]}\n".encode("ascii"))
    digest.update(image.tobytes() if not image.flags.c_contiguous else image.data)
    return digest.hexdigest()
