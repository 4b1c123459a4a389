"""Reliability, its error and risk over coverage, worked out by hand; and what a deleted prediction can't improve."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.evaluation.comparing.confidence import (
    area_under_risk,
    calibration_error,
    reliability,
    risk_coverage,
)
from components.evaluation.comparing.statistics import Bootstrap

BOOTSTRAP = Bootstrap(resamples=200, confidence=0.9, seed=1)
OWN = ["a", "b", "c", "d"]


def test_bins_hold_the_means_of_their_cases_and_the_error_is_their_mean_distance() -> None:
    """Of four bins, 0.1 and 0.2 share the first (0.15 beside 0.4), 0.6 is alone (beside 0.5), 1.0 is in the last."""
    confidence, iou = np.array([0.1, 0.2, 0.6, 1.0]), np.array([0.2, 0.6, 0.5, 0.9])
    found = reliability(confidence, iou, OWN, bins=4)
    assert [(one.low, one.high, one.n, one.share) for one in found] == [
        (0.0, 0.25, 2, 0.5),
        (0.5, 0.75, 1, 0.25),
        (0.75, 1.0, 1, 0.25),
    ]
    assert [one.quality for one in found] == pytest.approx([0.15, 0.6, 1.0])
    assert [one.iou for one in found] == pytest.approx([0.4, 0.5, 0.9])
    error = calibration_error(confidence, iou, OWN, bins=4, bootstrap=BOOTSTRAP)
    assert error.mean == pytest.approx(0.5 * 0.25 + 0.25 * 0.1 + 0.25 * 0.1) and error.groups == 4
    assert sum(one.share * abs(one.quality - one.iou) for one in found) == pytest.approx(error.mean)


def test_risk_is_the_mean_of_the_most_confident_and_ties_come_together() -> None:
    confidence, risk = np.array([0.7, 0.9, 0.8, 0.8]), np.array([1.0, 0.0, 0.2, 0.4])
    curve = risk_coverage(confidence, risk, OWN)
    np.testing.assert_allclose(curve.coverage, [0.25, 0.75, 1.0])
    np.testing.assert_allclose(curve.risk, [0.0, 0.2, 0.4])
    area = area_under_risk(confidence, risk, OWN, bootstrap=BOOTSTRAP)
    assert area.mean == pytest.approx(0.25 * 0.0 + 0.5 * 0.2 + 0.25 * 0.4)
    assert area.low <= area.mean <= area.high
    plain = area_under_risk(np.array([0.9, 0.8, 0.7]), np.array([0.0, 0.5, 1.0]), OWN[:3], bootstrap=BOOTSTRAP)
    assert plain.mean == pytest.approx((0 + 0.25 + 0.5) / 3)


def test_a_patient_with_many_images_weighs_as_much_as_another() -> None:
    confidence, iou = np.array([0.95] * 9 + [0.55]), np.array([0.95] * 9 + [0.05])
    groups = ["many"] * 9 + ["one"]
    assert calibration_error(confidence, iou, groups, bins=10, bootstrap=BOOTSTRAP).mean == pytest.approx(0.25)
    area = area_under_risk(confidence, 1 - iou, groups, bootstrap=BOOTSTRAP)
    assert area.mean == pytest.approx(0.5 * 0.05 + 0.5 * (0.05 + 0.95) / 2)


def test_two_groups_resampled_by_hand_and_one_has_no_interval() -> None:
    """Drawn are both groups, or the first twice (risk 0), or the second twice (risk 1)."""
    low = Bootstrap(resamples=400, confidence=0.9, seed=1)
    area = area_under_risk(np.array([0.9, 0.1]), np.array([0.0, 1.0]), ["a", "b"], bootstrap=low)
    assert (area.mean, area.low, area.high) == (pytest.approx(0.25), 0.0, 1.0)
    alone = area_under_risk(np.array([0.9, 0.1]), np.array([0.0, 1.0]), ["a", "a"], bootstrap=low)
    assert alone.mean == pytest.approx(0.25) and math.isnan(alone.low)
    empty = np.empty(0)
    assert math.isnan(area_under_risk(empty, empty, [], bootstrap=low).mean)
    assert math.isnan(calibration_error(empty, empty, [], bins=5, bootstrap=low).mean)
    assert risk_coverage(empty, empty, []).coverage.size == 0


CASES = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10), st.integers(0, 3)), min_size=1, max_size=12)


@given(CASES, st.data())
def test_deleting_a_prediction_never_improves_risk(cases: list[tuple[int, int, int]], data: st.DataObject) -> None:
    """Its Dice becomes 0, its confidence stays: no point of the curve falls, nor the area, nor either bound."""
    confidence = np.array([stated / 10 for stated, _, _ in cases])
    dice = np.array([scored / 10 for _, scored, _ in cases])
    groups = [str(group) for _, _, group in cases]
    deleted = dice.copy()
    deleted[data.draw(st.integers(0, len(cases) - 1))] = 0.0
    few = Bootstrap(resamples=20, confidence=0.9, seed=2)
    before, after = (risk_coverage(confidence, 1 - one, groups) for one in (dice, deleted))
    assert (after.risk >= before.risk - 1e-12).all()
    was, now = (area_under_risk(confidence, 1 - one, groups, bootstrap=few) for one in (dice, deleted))
    assert now.mean >= was.mean - 1e-12
    if len(set(groups)) > 1:
        assert now.low >= was.low - 1e-12 and now.high >= was.high - 1e-12


def test_the_calibration_error_has_no_such_property() -> None:
    """A model that says 0.1 of a perfect outline is better calibrated once the outline is gone."""
    confidence = np.array([0.1, 0.1])
    errors = [
        calibration_error(confidence, np.array(iou), ["a", "b"], bins=10, bootstrap=BOOTSTRAP).mean
        for iou in ([1.0, 1.0], [1.0, 0.0])
    ]
    assert errors[1] < errors[0]
