"""The rule, by hand; and that it keeps its promise on patients that it never saw."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluation.calibrating.threshold import choose_threshold


def test_the_lowest_threshold_that_keeps_to_the_share() -> None:
    """19 groups of one case, the failures at 0.1 and 0.3: passing one is (1 + 1) / 20, passing none 1 / 20."""
    confidence = np.linspace(0.1, 1.0, 19)
    failed = np.isin(np.arange(19), [0, 4])
    groups = [str(i) for i in range(19)]
    both = choose_threshold(confidence, failed, groups, max_share=0.15)
    assert (both.threshold, both.reached, both.bound) == (0.0, True, pytest.approx(0.15))
    one = choose_threshold(confidence, failed, groups, max_share=0.1)
    assert one.threshold == pytest.approx(confidence[1]) and one.bound == pytest.approx(0.1)
    none = choose_threshold(confidence, failed, groups, max_share=0.05)
    assert none.threshold == pytest.approx(confidence[5]) and none.reached


def test_too_few_groups_can_tell_nothing() -> None:
    perfect = choose_threshold(np.ones(18), np.zeros(18, dtype=bool), [str(i) for i in range(18)], max_share=0.05)
    assert (perfect.threshold, perfect.reached, perfect.bound) == (1.0, False, pytest.approx(1 / 19))
    # However many images a patient has, they are one witness.
    same = choose_threshold(np.ones(500), np.zeros(500, dtype=bool), ["a"] * 500, max_share=0.05)
    assert not same.reached
    with pytest.raises(ValueError, match="no case"):
        choose_threshold(np.empty(0), np.empty(0, dtype=bool), [], max_share=0.05)


def test_the_promise_holds_on_new_patients() -> None:
    """Over many draws of 60 patients, failures that pass among new ones are at most the declared share on average."""
    rng = np.random.default_rng(7)
    shares = []
    for _ in range(300):
        confidence, luck = rng.uniform(size=(2, 560))
        failed = luck > 0.5 + confidence / 2
        chosen = choose_threshold(confidence[:60], failed[:60], [str(i) for i in range(60)], max_share=0.1)
        shares.append(np.mean(failed[60:] & (confidence[60:] >= chosen.threshold)) if chosen.reached else 0.0)
    assert 0.06 < np.mean(shares) <= 0.1
