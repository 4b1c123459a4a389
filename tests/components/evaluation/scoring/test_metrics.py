"""Metrics: by hand, against MONAI and SciPy's distance maps, and the properties that must hold of any masks.

surface-distance isn't compared: it weighs pieces of outline between pixels, which is another definition.
benchmarks/metrics.py shows its numbers beside ours.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from monai.metrics import compute_dice, compute_hausdorff_distance, compute_iou, compute_surface_dice
from scipy import ndimage

from components.evaluation.comparing.statistics import Bootstrap, cluster_mean, paired_differences
from components.evaluation.scoring import metrics
from components.evaluation.scoring.cases import METRIC_COLUMNS
from components.evaluation.scoring.metrics import Score, Tolerances
from components.types import Mask

SIZE_HW = (12, 16)
HIGHER_IS_BETTER = frozenset({"dice", "iou", "nsd_px", "nsd_mm"})
LOWER_IS_BETTER = frozenset({"hd95_px", "hd_px", "hd95_mm", "hd_mm", "area_error_share", "miss", "false_region"})
UNDEFINED = ("dice", "iou", "nsd_px", "hd95_px", "hd_px", "area_error_share")
TOLERANCES = Tolerances(px=1.0, mm=1.0)


def score_case(
    truth: Mask,
    prediction: Mask,
    *,
    spacing_mm: tuple[float, float] | None = None,
    tolerances: Tolerances = TOLERANCES,
) -> Score:
    return metrics.score_case(truth, prediction, tolerances=tolerances, spacing_mm=spacing_mm)


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


def test_by_hand_nsd_of_two_squares_side_by_side() -> None:
    # 4 by 4 pixels each, moved by one: of the 12 boundary pixels of each, 6 lie on the other's boundary, in the upper
    # and lower row; the outer column's 4 lie 1 px beside it, and the inner column's other 2 are 1 px below or above.
    truth, prediction = square(2, 2, 6, 6), square(3, 2, 7, 6)
    assert metrics.nsd(truth, prediction, tolerance=0.5) == 12 / 24
    assert metrics.nsd(truth, prediction, tolerance=1.0) == 1
    score = score_case(truth, prediction, spacing_mm=(5.0, 0.5), tolerances=Tolerances(px=0.5, mm=0.5))
    assert (score["nsd_px"], score["nsd_mm"]) == (12 / 24, 1)
    # Now 5 mm sideways and 0.5 mm up: only the outer columns are too far.
    assert score_case(truth, prediction, spacing_mm=(0.5, 5.0))["nsd_mm"] == 16 / 24
    assert math.isnan(score_case(truth, prediction)["nsd_mm"])


def test_by_hand_a_paper_sized_lesion_moved_sideways() -> None:
    # A rectangle of 200 by 100 px in an image of 562 by 471, moved right by 10 px. Of its 596 boundary pixels, 2 * 190
    # lie on the other's rows above and below, and the left column's inner 98 are 10 px from the other's. The upper and
    # lower row's outermost 10 pixels are 1 to 10 px away: within 3 px lie 3 of them in each of the two rows.
    truth, prediction = (square(x, 150, x + 200, 250, (471, 562)) for x in (120, 130))
    score = score_case(truth, prediction, spacing_mm=(0.5, 0.1), tolerances=Tolerances(px=3.0, mm=0.3))
    assert (score["hd_px"], score["hd95_px"]) == (10, 10)
    inner = 190 + 190 + 2 * 3
    # The inner side's column lies within the other object, 10 px from its left column but for what is near its rows.
    near_rows = 2 * 2 + 2 * 1  # 1 and 2 px above and below: corners are counted in the rows; 3 px away from a row too
    assert score["nsd_px"] == (inner + near_rows) / 596
    # In millimetres 3 px sideways are 0.3 mm, exactly the tolerance; a pixel upwards is 0.5 mm.
    assert score["nsd_mm"] == inner / 596
    assert score["hd_mm"] == pytest.approx(1.0)
    assert score["dice"] == 2 * 190 * 100 / (2 * 200 * 100)


def test_by_hand_a_tolerance_in_millimetres_includes_its_own_length() -> None:
    # 3 pixels of 0.1 mm are 0.30000000000000004 in floating point.
    score = score_case(square(2, 2, 3, 3), square(5, 2, 6, 3), spacing_mm=(0.1, 0.1), tolerances=Tolerances(1, 0.3))
    assert (score["nsd_px"], score["nsd_mm"]) == (0, 1)


def test_a_missed_object_is_the_worst_case() -> None:
    score = score_case(square(2, 2, 6, 6), EMPTY, spacing_mm=(1.0, 2.0))
    assert (score["dice"], score["iou"], score["area_error_share"], score["miss"]) == (0, 0, 1, 1)
    assert (score["nsd_px"], score["nsd_mm"]) == (0, 0)
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
    assert score["nsd_px"] == 0 and math.isnan(score["nsd_mm"])
    assert score["hd_px"] == math.hypot(12, 16)


def test_nothing_where_there_is_nothing_is_undefined() -> None:
    score = score_case(EMPTY, EMPTY, spacing_mm=(1.0, 1.0))
    assert all(math.isnan(score[name]) for name in (*UNDEFINED, "nsd_mm", "hd_mm", "hd95_mm"))
    assert score["miss"] == score["false_region"] == 0


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="pixels"):
        score_case(EMPTY, np.zeros((3, 3), dtype=bool))


def as_monai(*masks: Mask) -> list[torch.Tensor]:
    return [torch.from_numpy(mask.astype(np.float32))[None, None] for mask in masks]  # 1 1 H W


@settings(deadline=None, max_examples=60)
@given(mask_pairs())
def test_it_agrees_with_monai(pair: tuple[Mask, Mask]) -> None:
    truth, prediction = pair
    if not truth.any() or not prediction.any():
        return  # MONAI answers NaN or infinity there; ours is settled above
    score = score_case(truth, prediction)
    y, y_hat = as_monai(truth, prediction)
    assert score["dice"] == pytest.approx(float(compute_dice(y_hat, y)), abs=1e-6)
    assert score["iou"] == pytest.approx(float(compute_iou(y_hat, y)), abs=1e-6)
    for name, percentile in (("hd95_px", 95), ("hd_px", None)):
        theirs = compute_hausdorff_distance(y_hat, y, include_background=True, percentile=percentile)
        assert score[name] == pytest.approx(float(theirs), abs=1e-4)


SPACINGS_MM = ((0.25, 0.25), (0.1, 0.3), (2.0, 0.7))


@settings(deadline=None, max_examples=40)
@given(mask_pairs(), st.sampled_from(SPACINGS_MM), st.sampled_from((0.05, 0.45, 1.05, 3.3)))
def test_nsd_and_millimetres_agree_with_monai(
    pair: tuple[Mask, Mask], spacing_mm: tuple[float, float], tolerance: float
) -> None:
    truth, prediction = pair
    if not truth.any() or not prediction.any():
        return
    score = score_case(truth, prediction, spacing_mm=spacing_mm, tolerances=Tolerances(tolerance, tolerance))
    y, y_hat = as_monai(truth, prediction)
    for name, spacing in (("nsd_px", None), ("nsd_mm", list(spacing_mm))):
        theirs = compute_surface_dice(y_hat, y, [tolerance], include_background=True, spacing=spacing)
        assert score[name] == pytest.approx(float(theirs), abs=1e-6)
    for name, percentile in (("hd95_mm", 95), ("hd_mm", None)):
        theirs = compute_hausdorff_distance(
            y_hat, y, include_background=True, percentile=percentile, spacing=list(spacing_mm)
        )
        assert score[name] == pytest.approx(float(theirs), abs=1e-4)


def lesion(size_hw: tuple[int, int], centre_xy: tuple[float, float], radii_px: tuple[float, float], seed: int) -> Mask:
    """A ragged ellipse, by its polar equation."""
    y, x = np.mgrid[: size_hw[0], : size_hw[1]] + 0.5
    angle = np.arctan2((y - centre_xy[1]) / radii_px[1], (x - centre_xy[0]) / radii_px[0])
    rng = np.random.default_rng(seed)
    waves = sum(rng.normal(0, 0.02) * np.cos(k * angle + rng.uniform(0, 6)) for k in range(3, 40))
    return np.asarray(np.hypot((x - centre_xy[0]) / radii_px[0], (y - centre_xy[1]) / radii_px[1]) <= 1 + waves)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.05, 0.12)])
def test_distances_of_paper_sized_masks_are_exact(spacing: tuple[float, float]) -> None:
    """Against SciPy's exact distance map of the whole image, up to the image's edge."""
    size_hw = (700, 800)
    truth = lesion(size_hw, (400, 350), (300, 200), seed=1)
    specks = np.random.default_rng(3).random(size_hw) < 0.001
    for prediction in (lesion(size_hw, (412, 361), (320, 220), seed=2), specks, square(0, 690, 5, 700, size_hw)):
        found = metrics.outline_distances(truth, prediction, spacing=spacing)
        outlines = [mask & ~ndimage.binary_erosion(mask) for mask in (truth, prediction)]
        maps = [ndimage.distance_transform_edt(~outline, sampling=spacing) for outline in outlines]
        np.testing.assert_allclose(found.there, maps[0][outlines[1]], rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.back, maps[1][outlines[0]], rtol=0, atol=1e-9)


@given(mask_pairs())
def test_it_is_symmetric(pair: tuple[Mask, Mask]) -> None:
    one, other = score_case(*pair), score_case(pair[1], pair[0])
    for name in UNDEFINED:
        assert one[name] == pytest.approx(other[name], nan_ok=True)


@given(mask_pairs())
def test_a_mask_agrees_with_itself(pair: tuple[Mask, Mask]) -> None:
    if pair[0].any():
        score = score_case(pair[0], pair[0])
        assert (score["dice"], score["iou"], score["hd_px"], score["hd95_px"], score["miss"]) == (1, 1, 0, 0, 0)
        assert score["nsd_px"] == 1


@given(mask_pairs())
def test_dice_follows_from_iou(pair: tuple[Mask, Mask]) -> None:
    score = score_case(*pair)
    assert score["dice"] == pytest.approx(2 * score["iou"] / (1 + score["iou"]), nan_ok=True)


def worse_or_equal(name: str, now: float, before: float) -> bool:
    return now >= before - 1e-9 if name in LOWER_IS_BETTER else now <= before + 1e-9


def test_every_metric_column_has_a_direction() -> None:
    score = score_case(square(2, 2, 9, 6), square(3, 1, 12, 6), spacing_mm=(1.0, 1.0))
    assert set(score) == HIGHER_IS_BETTER | LOWER_IS_BETTER >= set(METRIC_COLUMNS.values())


@settings(deadline=None)
@given(st.lists(mask_pairs(), min_size=1, max_size=6), st.data())
def test_deleting_a_prediction_never_improves_an_aggregate(pairs: list[tuple[Mask, Mask]], data: st.DataObject) -> None:
    """Whatever the masks, spacings, groups and datasets: no mean, interval or paired difference gets better."""
    pairs = [(truth | (np.indices(truth.shape).sum(axis=0) == 0), prediction) for truth, prediction in pairs]
    spacings = [data.draw(st.sampled_from((*SPACINGS_MM, None))) for _ in pairs]
    groups, datasets = ([data.draw(st.sampled_from("abc")) for _ in pairs] for _ in range(2))
    which = data.draw(st.integers(0, len(pairs) - 1))
    before = [score_case(*pair, spacing_mm=spacing) for pair, spacing in zip(pairs, spacings, strict=True)]
    after: list[Score] = list(before)
    after[which] = score_case(pairs[which][0], np.zeros_like(pairs[which][1]), spacing_mm=spacings[which])
    bootstrap = Bootstrap(resamples=20, confidence=0.9, seed=1)
    for name in before[0]:
        old, new = [s[name] for s in before], [s[name] for s in after]
        one, other = (cluster_mean(v, groups, strata=datasets, bootstrap=bootstrap) for v in (old, new))
        assert (one.n, one.undefined) == (other.n, other.undefined), f"{name}: nothing drops out of a mean"
        pooled = (np.nanmean(new), np.nanmean(old)) if one.n else (0.0, 0.0)
        assert worse_or_equal(name, float(pooled[0]), float(pooled[1])), name
        if one.n:
            assert worse_or_equal(name, other.mean, one.mean), name
            both = np.array([old, new]).T
            paired = paired_differences(both, np.full_like(both, 0.5), groups, strata=datasets, bootstrap=bootstrap)
            assert worse_or_equal(name, paired[1].mean, paired[0].mean), name
        if math.isfinite(one.low):
            assert worse_or_equal(name, other.low, one.low) and worse_or_equal(name, other.high, one.high), name


def test_single_metrics_say_what_the_score_says() -> None:
    truth, prediction = square(2, 2, 9, 6), square(3, 1, 12, 6)
    score = score_case(truth, prediction)
    for name in ("dice", "iou", "hd95_px", "hd_px", "area_error_share"):
        assert getattr(metrics, name)(truth, prediction) == score[name]
    assert metrics.is_miss(truth, EMPTY)
    assert metrics.is_false_region(EMPTY, prediction)
