"""Cluster bootstrap: means by hand, intervals against theory, undefined values counted."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.comparing.statistics import (
    Bootstrap,
    cluster_mean,
    cluster_means,
    cluster_ratio,
    jensen_dice_bound,
    paired_differences,
)

BOOTSTRAP = Bootstrap(resamples=2000, confidence=0.95, seed=1)


def test_every_group_weighs_the_same() -> None:
    estimate = cluster_mean([1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"], bootstrap=BOOTSTRAP)
    assert estimate.mean == 0.5
    assert (estimate.n, estimate.groups, estimate.undefined) == (4, 2, 0)


def test_every_stratum_weighs_the_same_and_keeps_its_groups_apart() -> None:
    estimate = cluster_mean(
        [1.0, 0.0, 0.5, 0.5, 0.5, 0.5],
        ["1", "2", "1", "2", "3", "4"],
        strata=["x", "x", "y", "y", "y", "y"],
        bootstrap=BOOTSTRAP,
    )
    assert estimate.mean == 0.5
    assert estimate.groups == 6
    assert (estimate.low, estimate.high) == (0.25, 0.75)  # x gives 0, 0.5 or 1, y always 0.5


def test_undefined_values_are_counted_and_left_out() -> None:
    estimate = cluster_mean([1.0, math.nan, 0.0, math.nan], ["a", "a", "b", "c"], bootstrap=BOOTSTRAP)
    assert (estimate.mean, estimate.n, estimate.groups, estimate.undefined) == (0.5, 2, 2, 2)
    nothing = cluster_mean([math.nan], ["a"], bootstrap=BOOTSTRAP)
    assert math.isnan(nothing.mean)
    assert (nothing.n, nothing.undefined) == (0, 1)
    assert math.isnan(cluster_mean([], [], bootstrap=BOOTSTRAP).mean)


def test_one_group_has_no_interval() -> None:
    estimate = cluster_mean([0.2, 0.4], ["a", "a"], bootstrap=BOOTSTRAP)
    assert estimate.mean == pytest.approx(0.3)
    assert math.isnan(estimate.low)
    assert math.isnan(estimate.high)


def test_the_interval_is_that_of_theory() -> None:
    values = np.random.default_rng(0).normal(0.8, 0.1, size=400)
    estimate = cluster_mean(values, list(range(400)), bootstrap=BOOTSTRAP)
    error = values.std() / math.sqrt(400)
    assert estimate.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert estimate.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_copies_of_a_case_in_its_group_lend_no_confidence() -> None:
    values = np.random.default_rng(0).normal(0.8, 0.1, size=20)
    once = cluster_mean(values, list(range(20)), bootstrap=BOOTSTRAP)
    copied = cluster_mean(np.repeat(values, 10), np.repeat(np.arange(20), 10).tolist(), bootstrap=BOOTSTRAP)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))


def test_pairing_removes_what_both_models_share() -> None:
    rng = np.random.default_rng(0)
    hard = rng.normal(0.7, 0.2, size=60)
    first, second = hard + 0.05 + rng.normal(0, 0.01, 60), hard
    (difference,) = paired_differences(first[:, None], second[:, None], list(range(60)), bootstrap=BOOTSTRAP)
    assert difference.mean == pytest.approx(0.05, abs=0.01)
    assert difference.high - difference.low < 0.01
    gap = [[*first, math.nan], [*second, 1.0]]
    (with_gap,) = paired_differences(*(np.array(v)[:, None] for v in gap), list(range(61)), bootstrap=BOOTSTRAP)
    assert (with_gap.n, with_gap.undefined) == (60, 1)


def test_the_interval_depends_on_the_seed_alone() -> None:
    values = np.random.default_rng(0).random(30)
    assert cluster_mean(values, list(range(30)), bootstrap=BOOTSTRAP) == cluster_mean(
        values, list(range(30)), bootstrap=BOOTSTRAP
    )
    other = Bootstrap(resamples=2000, confidence=0.95, seed=2)
    assert cluster_mean(values, list(range(30)), bootstrap=other) != cluster_mean(
        values, list(range(30)), bootstrap=BOOTSTRAP
    )


def test_the_interval_depends_on_no_order_of_the_rows() -> None:
    rng = np.random.default_rng(3)
    values, below = rng.random(60), 1 + rng.random(60)
    groups, strata = [f"g{n % 13}" for n in range(60)], [f"s{n % 2}" for n in range(60)]
    turned = rng.permutation(60)
    names = [[one[at] for at in turned] for one in (groups, strata)]
    for before, after in (
        (
            cluster_mean(values, groups, strata=strata, bootstrap=BOOTSTRAP),
            cluster_mean(values[turned], names[0], strata=names[1], bootstrap=BOOTSTRAP),
        ),
        (
            cluster_ratio(values, below, groups, strata=strata, bootstrap=BOOTSTRAP),
            cluster_ratio(values[turned], below[turned], names[0], strata=names[1], bootstrap=BOOTSTRAP),
        ),
    ):
        assert [after.mean, after.low, after.high] == pytest.approx([before.mean, before.low, before.high], abs=1e-12)


def test_lists_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="2 values, 1 groups"):
        cluster_mean([0.1, 0.2], ["a"], bootstrap=BOOTSTRAP)


def test_ten_thousand_resamples_of_ten_thousand_cases_take_seconds_for_a_whole_table() -> None:
    values = np.random.default_rng(0).random((10_000, 10))
    start = time.perf_counter()
    cluster_means(values, list(range(10_000)), bootstrap=Bootstrap(10_000, 0.95, 0))
    assert time.perf_counter() - start < 20  # half a second on a free core; a column at a time took six


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_mean_dice_stays_under_the_jensen_bound(ious: list[float]) -> None:
    assert np.mean([2 * j / (1 + j) for j in ious]) <= jensen_dice_bound(float(np.mean(ious))) + 1e-12


def plainly(
    values: np.ndarray, groups: list[str], strata: list[str], bootstrap: Bootstrap
) -> tuple[float, float, float]:
    """The definition in loops, with draws of its own."""
    tree: dict[str, dict[str, list[float]]] = {}
    for value, group, stratum in zip(values, groups, strata, strict=True):
        if math.isfinite(value):
            tree.setdefault(stratum, {}).setdefault(group, []).append(value)
    means = [[float(np.mean(of)) for of in by_group.values()] for by_group in tree.values()]
    rng = np.random.default_rng(99)
    draws = [
        np.mean([np.mean(rng.choice(of, size=len(of), replace=True)) for of in means])
        for _ in range(bootstrap.resamples)
    ]
    low, high = np.percentile(draws, [100 * (1 - bootstrap.confidence) / 2, 100 * (1 + bootstrap.confidence) / 2])
    return float(np.mean([np.mean(of) for of in means])), float(low), float(high)


def test_many_columns_at_once_are_what_loops_give() -> None:
    rng = np.random.default_rng(5)
    groups, strata = rng.choice(list("abcdefgh"), 90).tolist(), rng.choice(["x", "y"], 90).tolist()
    values = rng.normal(0.8, 0.1, size=(90, 3)) + np.array([ord(g) for g in groups])[:, None] / 50
    values[rng.random(90) < 0.3, 1] = math.nan
    values[[group == "a" for group in groups], 2] = math.nan  # a whole group is undefined
    together = cluster_means(values, groups, strata=strata, bootstrap=BOOTSTRAP)
    for column, estimate in zip(values.T, together, strict=True):
        alone = cluster_mean(column, groups, strata=strata, bootstrap=BOOTSTRAP)
        for name in ("mean", "low", "high", "n", "groups", "undefined"):
            assert getattr(estimate, name) == pytest.approx(getattr(alone, name), rel=1e-12)
        mean, low, high = plainly(column, groups, strata, BOOTSTRAP)
        assert estimate.mean == pytest.approx(mean, rel=1e-12)
        # Two bootstraps of 2,000 resamples agree to a few per cent of the interval's width.
        assert (estimate.low, estimate.high) == pytest.approx((low, high), abs=0.06 * (high - low))


def test_a_column_without_any_value_stays_undefined_beside_others() -> None:
    nothing, some = cluster_means([[math.nan, 1.0], [math.nan, 0.0]], ["a", "b"], bootstrap=BOOTSTRAP)
    assert math.isnan(nothing.mean) and (nothing.n, nothing.undefined, nothing.groups) == (0, 2, 0)
    assert (some.mean, some.n, some.undefined) == (0.5, 2, 0)


def test_a_ratio_is_that_of_means_over_groups_by_hand() -> None:
    """Groups a and b: numerators 0.2 and 0.1, denominators 0.4 and 0.1; the ratio of means, no mean of ratios."""
    found = cluster_ratio([0.3, 0.1, 0.1], [0.4, 0.4, 0.1], ["a", "a", "b"], bootstrap=BOOTSTRAP)
    assert found.mean == pytest.approx(0.15 / 0.25)
    # Drawn are aa, ab, ba or bb: 0.5, 0.6 or 1.
    assert (found.low, found.high) == pytest.approx((0.5, 1.0))
    assert (found.n, found.groups, found.undefined) == (3, 2, 0)


def test_a_ratio_leaves_out_pairs_of_which_one_is_undefined_and_weighs_strata_the_same() -> None:
    found = cluster_ratio(
        [0.1, math.nan, 0.3, 0.3, 0.2],
        [0.2, 0.9, math.nan, 0.4, 0.4],
        ["1", "1", "2", "1", "2"],
        strata=["x", "x", "x", "y", "y"],
        bootstrap=BOOTSTRAP,
    )
    assert found.mean == pytest.approx((0.1 + 0.25) / (0.2 + 0.4))
    assert (found.n, found.groups, found.undefined) == (3, 3, 2)
    assert math.isnan(found.low), "a stratum of one group has no interval"


def test_a_ratio_with_nothing_below_is_undefined_and_where_a_resample_has_nothing_it_has_no_interval() -> None:
    nothing = cluster_ratio([0.0, 0.0], [0.0, 0.0], ["a", "b"], bootstrap=BOOTSTRAP)
    assert math.isnan(nothing.mean) and math.isnan(nothing.low) and nothing.n == 2
    some = cluster_ratio([0.0, 0.1], [0.0, 0.2], ["a", "b"], bootstrap=BOOTSTRAP)
    assert some.mean == pytest.approx(0.5) and math.isnan(some.low)
    assert cluster_ratio([math.nan], [1.0], ["a"], bootstrap=BOOTSTRAP).n == 0
    with pytest.raises(ValueError, match="2 groups"):
        cluster_ratio([1.0], [1.0], ["a", "b"], bootstrap=BOOTSTRAP)


@given(st.integers(0, 10_000))
def test_a_ratios_interval_is_that_of_resampling_both_together(seed: int) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.choice(list("abcdef"), 40).tolist()
    below = rng.uniform(0.1, 0.4, 40)
    found = cluster_ratio(below * 0.3, below, groups, bootstrap=Bootstrap(200, 0.95, seed=1))
    assert (found.mean, found.low, found.high) == pytest.approx((0.3, 0.3, 0.3)), "they move as one"
