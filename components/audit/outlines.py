"""Masks to what the log says of them: their sha256, and how far a final one is from the one proposed.

Leaves out: the masks themselves, which no log keeps.
"""

from __future__ import annotations

import hashlib

from components.audit.entries import Edit, Sha256
from components.masks import Overlap, to_rle
from components.types import Mask


def mask_sha256(mask: Mask) -> Sha256:
    """The sha256 by which a mask (H W) is known: of `HEIGHT WIDTH COUNTS`, the run lengths as COCO compresses them.

    Equal masks have equal digests, whoever encoded them: the run lengths are made anew.
    """
    rle = to_rle(mask)
    return rle_sha256((rle["size"][0], rle["size"][1]), rle["counts"])


def rle_sha256(size_hw: tuple[int, int], counts: str) -> Sha256:
    """The same of run lengths that `to_rle` made, and of no others: a client may write one mask in many ways."""
    return hashlib.sha256(f"{size_hw[0]} {size_hw[1]} {counts}".encode("ascii")).hexdigest()


def edit_of(overlap: Overlap) -> Edit:
    """How far a final mask is from the proposed one, by what they have in common."""
    return Edit(
        dice=overlap.dice,
        iou=overlap.iou,
        changed_share=(overlap.union_px - overlap.common_px) / overlap.image_px if overlap.image_px else 0.0,
    )
