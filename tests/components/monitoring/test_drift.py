"""No change raises no alarm more often than declared, over repeated looks; planted changes are found, and named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from components.monitoring.drift import judge, judge_units
from components.monitoring.reading import Traffic, Units, Window
from components.promptable.signals import PROJECTION, Row
from tests.components.monitoring.simulated import feedback, images, monitor_params, outlines, traffic

WINDOW = Window(2900, 7)
WEEKS_A_YEAR = 365 / 7


def test_the_level_shares_out_the_declared_false_alarms() -> None:
    assert monitor_params().level == pytest.approx(1 / WEEKS_A_YEAR)
    assert monitor_params(window_days=28, false_alarms_per_year=2).level == pytest.approx(2 * 28 / 365)
    with pytest.raises(ValueError, match="false alarms a year"):
        monitor_params(window_days=28, false_alarms_per_year=12)
    with pytest.raises(ValueError, match=r"at least 0\.001"):
        monitor_params(false_alarms_per_year=0.05)
    with pytest.raises(ValueError, match="max_units lies below"):
        monitor_params(min_units=40, max_units=30)


def test_under_no_drift_a_years_windows_keep_to_the_declared_false_alarms() -> None:
    """Models in use for months: the reference stays, what came before grows, and every week is looked at."""
    params, rng = monitor_params(false_alarms_per_year=5, max_units=60), np.random.default_rng(1)
    alarms = looks = 0
    for _ in range(4):
        validation = traffic(rng, 50)
        weeks: dict[Window, Units] = {}
        for week in range(20):
            window = Window(WINDOW.place + week, 7)
            weeks[window] = traffic(rng, 40)
            found = judge(window, Traffic(7, weeks, {}, {}, 0), validation, params)
            alarms, looks = alarms + (found.verdict == "DRIFT"), looks + 1
    assert looks == 80 and alarms <= stats.binom.ppf(0.999, looks, params.level)


def test_frames_of_one_examination_taken_for_independent_would_raise_alarms_about_nothing() -> None:
    """Why of a step of time one row counts: the same null, with each row eight times over."""
    rng, params = np.random.default_rng(3), monitor_params()
    calm = wild = 0
    for _ in range(12):
        validation, now = {"image": images(rng, 300)}, images(rng, 40)
        calm += judge_units(WINDOW, {"image": now}, validation=validation, earlier={}, params=params).verdict == "DRIFT"
        repeated = {"image": now * 7}
        wild += judge_units(WINDOW, repeated, validation=validation, earlier={}, params=params).verdict == "DRIFT"
    assert calm <= 1 and wild >= 4


PLANTED: dict[str, tuple[dict[str, Any], str]] = {
    "gain": ({"moved": {"mean": 1.0}}, "mean"),
    "probe": ({"moved": {"sharpness": -1.0}}, "sharpness"),
    "turned": ({"moved": {"grain": -1.5}}, "grain"),
    "anatomy": ({"moved": dict.fromkeys(PROJECTION, 0.5)}, "embedding"),
    "smaller objects": ({"smaller": 0.5}, "box:mask_share"),
    "worse edits": ({"accepted": 0.2, "mean": 0.3}, "edit"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_change_is_found_in_nine_of_ten_windows_and_named(name: str) -> None:
    planted, signal = PLANTED[name]
    rng, params = np.random.default_rng(4), monitor_params()
    found = [
        judge_units(
            WINDOW, traffic(rng, 120, **planted), validation=traffic(rng, 60), earlier=traffic(rng, 120), params=params
        )
        for _ in range(10)
    ]
    assert sum(one.verdict == "DRIFT" for one in found) >= 9
    named = [finding.signal.name for one in found for finding in one.drifted]
    assert max(set(named), key=named.count) == signal
    told = next(one for one in found if one.drifted).reasons[0]
    assert ("is more than in" if signal == "edit" else "differs from") in told and "adjusted p" in told


def test_thousands_of_images_raise_no_alarm_about_next_to_nothing() -> None:
    rng = np.random.default_rng(5)
    validation, now = {"image": images(rng, 1000)}, {"image": images(rng, 1000, {"mean": 0.25})}
    many = monitor_params(max_units=1000)
    found = judge_units(WINDOW, now, validation=validation, earlier={}, params=many)
    small = next(one for one in found.findings if one.signal.name == "mean" and one.against == "validation")
    assert small.adjusted is not None and small.adjusted < found.level and small.effect is not None
    assert small.effect < many.min_effect and found.verdict == "STEADY"
    assert (
        judge_units(
            WINDOW, now, validation=validation, earlier={}, params=monitor_params(max_units=1000, min_effect=0.05)
        ).verdict
        == "DRIFT"
    )


def test_too_little_is_insufficient_and_says_what_is_lacking() -> None:
    rng, params = np.random.default_rng(6), monitor_params()
    few = judge_units(WINDOW, traffic(rng, 29), validation=traffic(rng, 60), earlier={}, params=params)
    assert few.verdict == "INSUFFICIENT" and "29 units of images" in few.reasons[0]
    assert {one.verdict for one in few.findings} == {"INSUFFICIENT"} and "too few" in few.findings[0].told
    assert judge_units(WINDOW, {}, validation=None, earlier={}, params=params).verdict == "INSUFFICIENT"
    only = {"image": images(rng, 60)}
    alone = judge_units(WINDOW, only, validation={"image": images(rng, 60)}, earlier={}, params=params)
    assert alone.verdict == "STEADY" and any("outlines that people judged" in why for why in alone.reasons)


def test_without_a_reference_only_traffic_before_counts() -> None:
    rng, params = np.random.default_rng(7), monitor_params()
    first = traffic(rng, 120)
    found = judge_units(WINDOW, traffic(rng, 120, moved={"mean": 1.5}), validation=None, earlier=first, params=params)
    assert found.verdict == "DRIFT" and {one.against for one in found.findings} == {"earlier"}


def test_later_windows_are_nobodys_past() -> None:
    rng, params = np.random.default_rng(8), monitor_params()
    units = {Window(WINDOW.place + week, 7): traffic(rng, 40) for week in (-1, 0, 1)}
    found = judge(WINDOW, Traffic(7, units, {}, {}, 0), None, params)
    (mean,) = [one for one in found.findings if one.signal.name == "mean"]
    assert (mean.units_before, mean.units_now) == (40, 40)


def test_a_judgement_is_a_function_of_its_units() -> None:
    params = monitor_params()
    again = [
        judge_units(
            WINDOW,
            traffic(np.random.default_rng(9), 400),
            validation=traffic(np.random.default_rng(10), 400),
            earlier={},
            params=params,
        )
        for _ in range(2)
    ]
    assert again[0] == again[1]


def test_values_that_arent_what_they_should_be_are_as_good_as_none() -> None:
    rng, params = np.random.default_rng(11), monitor_params()
    broken: list[Row] = [{**row, "mean": "hostile", "e00": None} for row in images(rng, 50)]
    now = {"image": broken, "box": outlines(rng, 50), "feedback": feedback(rng, 50)}
    found = judge_units(WINDOW, now, validation={"image": images(rng, 50)}, earlier={}, params=params)
    verdicts = {one.signal.name: one.verdict for one in found.findings if one.against == "validation"}
    assert verdicts["mean"] == verdicts["embedding"] == "INSUFFICIENT" and verdicts["spread"] == "STEADY"
