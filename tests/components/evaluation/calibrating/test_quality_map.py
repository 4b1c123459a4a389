"""The map is isotonic regression worked out by hand, of groups that weigh the same, and no group tests its own fit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.calibrating.quality_map import cross_fitted, fit_quality_map


def points(quality: list[float], iou: list[float], groups: list[str] | None = None, least: int = 1) -> np.ndarray:
    named = groups or [str(i) for i in range(len(quality))]
    fitted = fit_quality_map(np.array(quality), np.array(iou), named, min_block_cases=least)
    return np.array(fitted.points)


def test_neighbours_that_fall_are_pooled() -> None:
    """0.6 and 0.4 fall, so they share 0.5 at 0.4, the mean of 0.3 and 0.5; ends go on at the slopes beside them."""
    found = points([0.1, 0.3, 0.5, 0.9], [0.2, 0.6, 0.4, 0.9])
    np.testing.assert_allclose(found, [(0.1, 0.2), (0.4, 0.5), (0.9, 0.9)])


def test_the_outermost_blocks_go_on_to_the_ends() -> None:
    """Two blocks of two: centres 0.2 and 0.7, means 0.3 and 0.8, slope 1, ends at 0.1 and 0.8."""
    found = points([0.1, 0.3, 0.6, 0.8], [0.4, 0.2, 0.9, 0.7])
    np.testing.assert_allclose(found, [(0.1, 0.2), (0.2, 0.3), (0.7, 0.8), (0.8, 0.9)])
    steep = points([0.1, 0.3, 0.6, 0.8], [0.05, 0.0, 1.0, 0.95])
    assert steep[0, 1] == 0 and steep[-1, 1] == 1, "an IoU stays one"


def test_a_group_weighs_as_much_as_another() -> None:
    """One patient's nine images at IoU 0 don't outvote another's one at 1."""
    found = points([0.5] * 10, [0.0] * 9 + [1.0], ["a"] * 9 + ["b"])
    np.testing.assert_allclose(found, [(0.5, 0.5)])


def test_small_blocks_join_the_nearer_neighbour() -> None:
    found = points([0.1, 0.2, 0.3, 0.4, 0.5], [0.1, 0.1, 0.7, 0.8, 0.8], least=2)
    np.testing.assert_allclose(found[1], (0.15, 0.1))
    np.testing.assert_allclose(found[2], (0.4, (0.7 + 0.8 + 0.8) / 3))
    assert len(points([0.1, 0.2, 0.3], [0.1, 0.5, 0.9], least=9)) == 1, "too few for any rate but one"


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=30), st.integers(1, 6))
def test_any_cases_give_a_map(cases: list[tuple[float, float]], least: int) -> None:
    quality, iou = np.array(cases).T
    fitted = fit_quality_map(quality, iou, ["g"] * len(cases), min_block_cases=least)
    assert (np.diff(fitted.apply(np.sort(quality))) >= -1e-9).all()


def test_nobodys_answer_is_learnt_from_their_own_truth() -> None:
    quality = np.array([0.2, 0.2, 0.8, 0.8])
    iou = np.array([0.0, 1.0, 0.0, 1.0])
    found = cross_fitted(quality, iou, ["a", "b", "c", "d"], min_block_cases=1, folds=4)
    assert found is not None
    # Without its own case, the map of the first knows 1 at 0.2 and 0 and 1 at 0.8: two thirds for all.
    assert found[0] == pytest.approx(2 / 3) and found[3] == pytest.approx(1 / 3)
    assert cross_fitted(quality, iou, ["a"] * 4, min_block_cases=1) is None
    with pytest.raises(ValueError, match="no case"):
        fit_quality_map(np.empty(0), np.empty(0), [], min_block_cases=1)
