"""Digests of masks, and how far two are apart."""

from __future__ import annotations

import hashlib

import numpy as np

from components.audit.outlines import edit_of, mask_sha256, rle_sha256
from components.masks import from_rle, overlap, to_rle


def test_a_mask_has_one_digest_however_it_was_encoded() -> None:
    mask = np.zeros((4, 6), dtype=bool)
    mask[1:3, 2:5] = True
    other = mask.copy()
    other[0, 0] = True
    assert mask_sha256(mask) == mask_sha256(np.asfortranarray(mask)) != mask_sha256(other)
    assert mask_sha256(np.zeros((4, 6), dtype=bool)) != mask_sha256(np.zeros((6, 4), dtype=bool))
    # Runs of 1, 1, 1, 0 and 1 pixels: the same mask as runs of 1, 1 and 2.
    clumsy = from_rle({"size": [1, 4], "counts": "111O0"})
    assert mask_sha256(clumsy) == mask_sha256(np.array([[0, 1, 0, 0]], dtype=bool))


def test_the_digest_is_the_documented_one() -> None:
    expected = hashlib.sha256(b"1 4 112").hexdigest()
    mask = np.array([[0, 1, 0, 0]], dtype=bool)
    assert mask_sha256(mask) == rle_sha256((1, 4), to_rle(mask)["counts"]) == expected


def test_edits_by_hand() -> None:
    proposed, final = np.zeros((4, 5), dtype=bool), np.zeros((4, 5), dtype=bool)
    proposed[0, :4] = True  # 4 pixels, 3 of them in both, 1 of the final 4 is new
    final[0, 1:5] = True
    edit = edit_of(overlap(proposed, final))
    assert (edit.dice, edit.iou, edit.changed_share) == (6 / 8, 3 / 5, 2 / 20)
    same = edit_of(overlap(final, final))
    assert (same.dice, same.iou, same.changed_share) == (1, 1, 0)


def test_two_empty_masks_have_no_dice() -> None:
    empty = np.zeros((4, 5), dtype=bool)
    edit = edit_of(overlap(empty, empty))
    assert (edit.dice, edit.iou, edit.changed_share) == (None, None, 0)
    assert edit_of(overlap(empty, ~empty)).dice == 0
