"""From rows on the disk to a verdict of the newest window that is over, and its numbers as JSON."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import numpy as np

from components.monitoring.reading import window_of
from components.monitoring.report import as_json, look
from tests.components.monitoring.simulated import DIGEST, description, monitor_params, reference, write_weeks

MONDAY = date(2026, 3, 2)


def test_the_newest_window_that_is_over_is_judged_and_no_other(tmp_path: Path) -> None:
    write_weeks(tmp_path, MONDAY, [{}, {}, {"moved": {"mean": 2.0}}])
    params = monitor_params()
    third = look(tmp_path, description(), reference(), params=params, today=MONDAY + timedelta(days=21))
    assert third.newest.verdict == "DRIFT" and third.newest.window.start == MONDAY + timedelta(days=14)
    assert {one.signal.name for one in third.newest.drifted} == {"mean"}
    assert [one.verdict for one in third.judgements] == ["STEADY", "STEADY", "DRIFT"]
    under_way = look(tmp_path, description(), reference(), params=params, today=MONDAY + timedelta(days=20))
    assert under_way.newest.verdict == "STEADY" and under_way.newest.window == third.judgements[1].window
    since = look(
        tmp_path,
        description(),
        None,
        params=params,
        today=MONDAY + timedelta(days=21),
        since=MONDAY + timedelta(days=8),
    )
    assert [one.window for one in since.judgements] == [one.window for one in third.judgements[1:]]
    assert since.notes and "carries no reference" in since.notes[0]


def test_no_traffic_is_insufficient(tmp_path: Path) -> None:
    found = look(tmp_path, description(), reference(), params=monitor_params(), today=MONDAY)
    assert found.newest.verdict == "INSUFFICIENT" and found.newest.window == window_of(MONDAY - timedelta(days=1), 7)
    assert as_json(found)["told"]["flagged_share"] is None


def test_the_numbers_say_all_that_the_verdict_hangs_on(tmp_path: Path) -> None:
    write_weeks(tmp_path, MONDAY, [{}, {"accepted": 0.1, "mean": 0.35}])
    (tmp_path / "20260302-00000000-0001.jsonl").write_text('{"at":')
    report = look(tmp_path, description(), reference(), params=monitor_params(), today=MONDAY + timedelta(days=15))
    told = json.loads(json.dumps(as_json(report), allow_nan=False))
    assert told["schema"] == 1 and told["model"] == {"name": "hiera_mini", "digest": DIGEST}
    assert told["verdict"] == "DRIFT" and told["window"] == {"from": "2026-03-09", "before": "2026-03-16"}
    assert told["phantom"] is True and told["has_reference"] is True and told["skipped_lines"] == 1
    edits = [one for one in told["findings"] if one["signal"] == "edit" and one["verdict"] == "DRIFT"]
    assert edits and edits[0]["adjusted_p"] <= told["level"] and edits[0]["effect"] >= told["min_effect"]
    assert edits[0]["told"] in told["reasons"] and "is more than in" in edits[0]["told"]
    assert told["windows"][-1]["rows"] == {"image": 70, "outline": 70, "feedback": 35}
    assert told["told"]["accepted_share"] < 0.4 and told["told"]["corrected_share"] == 0
    assert told["told"]["median_edit"] == np.median(
        [row["edit"] for row in report.traffic.units[report.newest.window]["feedback"]]
    )
