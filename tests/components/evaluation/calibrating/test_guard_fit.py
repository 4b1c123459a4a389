"""The guard's threshold flags no more of its like than declared, odd images move nothing, and others are far."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluation.calibrating.guard_fit import Described, fit_guard


def drawn(rng: np.random.Generator, count: int, *, shift: float = 0.0) -> list[Described]:
    return [Described(rng.normal(shift, 1, 3), rng.normal(shift, 2, 8)) for _ in range(count)]


def score(fitted, one: Described) -> float:
    return max(fitted.guard.image.distance(one.image), fitted.guard.embedding.distance(one.embedding))


def test_the_threshold_is_the_declared_quantile_of_the_held_out() -> None:
    rng = np.random.default_rng(1)
    seen, held_out = drawn(rng, 200), drawn(rng, 39)
    fitted = fit_guard(seen, held_out, false_alarm_share=0.05)
    scores = sorted(score(fitted, one) for one in held_out)
    assert fitted.reached and fitted.guard.threshold == pytest.approx(scores[37], rel=1e-5), "the 38th of 39"
    few = fit_guard(seen, held_out[:18], false_alarm_share=0.05)
    assert not few.reached, "of 18 images none can say what one in twenty is"
    assert few.guard.threshold == pytest.approx(max(score(few, one) for one in held_out[:18]), rel=1e-5)


def test_false_alarms_keep_to_the_share_and_others_are_flagged() -> None:
    rng = np.random.default_rng(2)
    fitted = fit_guard(drawn(rng, 300), drawn(rng, 199), false_alarm_share=0.1)
    alarms = np.mean([score(fitted, one) > fitted.guard.threshold for one in drawn(rng, 2000)])
    assert 0.05 < alarms < 0.15
    assert all(score(fitted, one) > fitted.guard.threshold for one in drawn(rng, 20, shift=8.0))


def test_odd_images_among_those_it_is_fitted_on_move_little() -> None:
    rng = np.random.default_rng(3)
    seen, held_out = drawn(rng, 200), drawn(rng, 50)
    clean = fit_guard(seen, held_out, false_alarm_share=0.05).guard
    odd = fit_guard(seen + drawn(rng, 4, shift=1000.0), held_out, false_alarm_share=0.05).guard
    np.testing.assert_allclose(odd.image.centre, clean.image.centre, atol=0.1)
    np.testing.assert_allclose(odd.image.spread, clean.image.spread, rtol=0.2)


def test_what_never_varied_still_may_and_nothing_is_refused() -> None:
    flat = [Described(np.zeros(3), np.arange(8.0)) for _ in range(5)]
    fitted = fit_guard(flat, flat, false_alarm_share=0.5)
    assert min(fitted.guard.image.spread) >= 0.05 and score(fitted, flat[0]) == 0
    with pytest.raises(ValueError, match="0 images"):
        fit_guard([], flat, false_alarm_share=0.5)
