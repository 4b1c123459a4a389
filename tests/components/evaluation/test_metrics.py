"""Metrics: by hand, against MONAI, and the properties that must hold of any masks."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_dice, compute_hausdorff_distance, compute_iou

from components.evaluation import metrics
from components.evaluation.metrics import Score, score_case
from components.types import Mask

SIZE_HW = (12, 16)
LOWER_IS_BETTER = frozenset({"hd95_px", "hd_px", "hd95_mm", "hd_mm", "area_error_share", "miss", "false_region"})


def square(x0: int, y0: int, x1: int, y1: int, size_hw: tuple[int, int] = SIZE_HW) -> Mask:
    mask = np.zeros(size_hw, dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


EMPTY = np.zeros(SIZE_HW, dtype=bool)


@st.composite
def mask_pairs(draw: st.DrawFn) -> tuple[Mask, Mask]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 14)), draw(st.integers(1, 14)))
    density = draw(st.floats(0.0, 1.0)), draw(st.floats(0.0, 1.0))
    return rng.random(shape) < density[0], rng.random(shape) < density[1]


def test_by_hand_two_squares_side_by_side() -> None:
    # 4 by 4 pixels each, moved by one: 12 in common, 20 in the union; each outline is 1 px from the other's side.
    score = score_case(square(2, 2, 6, 6), square(3, 2, 7, 6))
    assert score["dice"] == 24 / 32
    assert score["iou"] == 12 / 20
    assert score["hd_px"] == 1
    assert score["hd95_px"] == 1
    assert score["area_error_share"] == 0
    assert score["miss"] == 0
    assert math.isnan(score["hd_mm"])


def test_by_hand_a_speck_moves_hd_but_not_hd95() -> None:
    truth = square(10, 10, 50, 50, (100, 100))
    prediction = truth.copy()
    prediction[90, 30] = True
    score = score_case(truth, prediction)
    assert score["hd_px"] == 41  # from (90, 30) straight up to the outline's last row, 49
    assert score["hd95_px"] == 0


def test_by_hand_spacing_is_row_then_column() -> None:
    score = score_case(square(2, 2, 3, 3), square(5, 6, 6, 7), spacing_mm=(0.5, 2.0))
    assert score["hd_px"] == 5
    assert score["hd_mm"] == pytest.approx(math.hypot(4 * 0.5, 3 * 2.0))


def test_by_hand_area_error_is_of_the_larger_area() -> None:
    assert score_case(square(0, 0, 4, 4), square(0, 0, 4, 2))["area_error_share"] == 0.5
    assert score_case(square(0, 0, 4, 2), square(0, 0, 4, 4))["area_error_share"] == 0.5


def test_a_missed_object_is_the_worst_case() -> None:
    score = score_case(square(2, 2, 6, 6), EMPTY, spacing_mm=(1.0, 2.0))
    assert (score["dice"], score["iou"], score["area_error_share"], score["miss"]) == (0, 0, 1, 1)
    assert score["hd95_px"] == score["hd_px"] == math.hypot(12, 16)
    assert score["hd_mm"] == math.hypot(12, 32)
    assert score["false_region"] == 0


def test_a_prediction_beside_the_object_is_a_miss_too() -> None:
    score = score_case(square(2, 2, 4, 4), square(8, 8, 10, 10))
    assert score["miss"] == 1
    assert score["hd_px"] < math.hypot(12, 16)


def test_a_region_where_there_is_nothing_is_counted_apart() -> None:
    score = score_case(EMPTY, square(2, 2, 6, 6))
    assert (score["dice"], score["iou"], score["false_region"], score["miss"]) == (0, 0, 1, 0)
    assert score["hd_px"] == math.hypot(12, 16)


def test_nothing_where_there_is_nothing_is_undefined() -> None:
    score = score_case(EMPTY, EMPTY)
    assert all(math.isnan(score[name]) for name in ("dice", "iou", "hd95_px", "hd_px", "area_error_share"))
    assert score["miss"] == score["false_region"] == 0


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="pixels"):
        score_case(EMPTY, np.zeros((3, 3), dtype=bool))


@settings(deadline=None, max_examples=60)
@given(mask_pairs())
def test_it_agrees_with_monai(pair: tuple[Mask, Mask]) -> None:
    truth, prediction = pair
    if not truth.any() or not prediction.any():
        return  # MONAI answers NaN or infinity there; ours is settled above
    score = score_case(truth, prediction)
    y, y_hat = (torch.from_numpy(mask.astype(np.float32))[None, None] for mask in (truth, prediction))
    assert score["dice"] == pytest.approx(float(compute_dice(y_hat, y)), abs=1e-6)
    assert score["iou"] == pytest.approx(float(compute_iou(y_hat, y)), abs=1e-6)
    for name, percentile in (("hd95_px", 95), ("hd_px", None)):
        theirs = compute_hausdorff_distance(y_hat, y, include_background=True, percentile=percentile)
        assert score[name] == pytest.approx(float(theirs), abs=1e-4)


@given(mask_pairs())
def test_it_is_symmetric(pair: tuple[Mask, Mask]) -> None:
    one, other = score_case(*pair), score_case(pair[1], pair[0])
    for name in ("dice", "iou", "hd95_px", "hd_px", "area_error_share"):
        assert one[name] == pytest.approx(other[name], nan_ok=True)


@given(mask_pairs())
def test_a_mask_agrees_with_itself(pair: tuple[Mask, Mask]) -> None:
    if pair[0].any():
        score = score_case(pair[0], pair[0])
        assert (score["dice"], score["iou"], score["hd_px"], score["hd95_px"], score["miss"]) == (1, 1, 0, 0, 0)


@given(mask_pairs())
def test_dice_follows_from_iou(pair: tuple[Mask, Mask]) -> None:
    score = score_case(*pair)
    assert score["dice"] == pytest.approx(2 * score["iou"] / (1 + score["iou"]), nan_ok=True)


def worse_or_equal(name: str, now: float, before: float) -> bool:
    return now >= before - 1e-9 if name in LOWER_IS_BETTER else now <= before + 1e-9


@given(st.lists(mask_pairs(), min_size=1, max_size=6), st.data())
def test_deleting_a_prediction_never_improves_an_aggregate(pairs: list[tuple[Mask, Mask]], data: st.DataObject) -> None:
    pairs = [(truth | (np.indices(truth.shape).sum(axis=0) == 0), prediction) for truth, prediction in pairs]
    which = data.draw(st.integers(0, len(pairs) - 1))
    before = [score_case(*pair, spacing_mm=(0.1, 0.3)) for pair in pairs]
    after: list[Score] = list(before)
    after[which] = score_case(pairs[which][0], np.zeros_like(pairs[which][1]), spacing_mm=(0.1, 0.3))
    for name in before[0]:
        old, new = [s[name] for s in before], [s[name] for s in after]
        assert np.isfinite(new).sum() == len(new)  # nothing drops out of a mean
        assert worse_or_equal(name, float(np.mean(new)), float(np.mean(old))), name


def test_single_metrics_say_what_the_score_says() -> None:
    truth, prediction = square(2, 2, 9, 6), square(3, 1, 12, 6)
    score = score_case(truth, prediction)
    for name in ("dice", "iou", "hd95_px", "hd_px", "area_error_share"):
        assert getattr(metrics, name)(truth, prediction) == score[name]
    assert metrics.is_miss(truth, EMPTY)
    assert metrics.is_false_region(EMPTY, prediction)
