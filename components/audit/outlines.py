"""Masks to what the log says of them: their sha256, and how far a final one is from the one proposed.

Leaves out: the masks themselves, which no log keeps.
"""

from __future__ import annotations

import hashlib

import numpy as np

from components.audit.entries import Edit, Sha256
from components.masks import to_rle
from components.types import Mask


def mask_sha256(mask: Mask) -> Sha256:
    """The sha256 by which a mask (H W) is known: of `HEIGHT WIDTH COUNTS`, the run lengths as COCO compresses them.

    Equal masks have equal digests, whoever encoded them: the run lengths are made anew.
    """
    rle = to_rle(mask)
    height_px, width_px = rle["size"]
    return hashlib.sha256(f"{height_px} {width_px} {rle['counts']}".encode("ascii")).hexdigest()


def edit_between(proposed: Mask, final: Mask) -> Edit:
    """How far a final mask (H W) is from the proposed one (H W) of the same image."""
    assert proposed.shape == final.shape, "masks of one image"
    both, either = int(np.count_nonzero(proposed & final)), int(np.count_nonzero(proposed | final))
    total = int(np.count_nonzero(proposed)) + int(np.count_nonzero(final))
    return Edit(
        dice=2 * both / total if total else None,
        iou=both / either if either else None,
        changed_share=(either - both) / proposed.size if proposed.size else 0.0,
    )
