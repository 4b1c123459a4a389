"""Drift asks once; what is new joins; who retrains closes the request and its outcome stays."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from components.errors import ArtefactError
from components.monitoring.drift import Finding, Judgement
from components.monitoring.reading import Window
from components.monitoring.request import ANSWERED, REQUEST, answer, ask, read_answers, read_request
from components.monitoring.watched import SIGNALS

DIGEST, OTHER = "ab" * 32, "cd" * 32
AT = datetime(2026, 3, 9, 6, tzinfo=UTC)
BY_NAME = {signal.name: signal for signal in SIGNALS}


def judgement(*names: str, place: int = 2900) -> Judgement:
    """A window in which these signals drifted from the validation side, and no other."""
    found = tuple(Finding(BY_NAME[name], "validation", "DRIFT", 60, 80, 1e-6, 1e-4, 0.5, (1.0, 2.0)) for name in names)
    calm = Finding(BY_NAME["form"], "earlier", "STEADY", 60, 80, 0.5, 1.0, 0.1)
    return Judgement(Window(place, 7), "DRIFT" if names else "STEADY", (), (*found, calm), 0.019)


def asked(root: Path, *names: str, place: int = 2900, digest: str = DIGEST) -> bool:
    """Whether these drifts ask, a week later or for another model."""
    found = ask(root, judgement(*names, place=place), model_name="hiera_mini", model_digest=digest, at=AT)
    return found is not None


def test_the_same_drift_doesnt_ask_twice(tmp_path: Path) -> None:
    assert not asked(tmp_path) and not (tmp_path / REQUEST).exists()
    assert asked(tmp_path, "mean", "sharpness")
    before = (tmp_path / REQUEST).read_bytes()
    assert not asked(tmp_path, "mean", "sharpness") and not asked(tmp_path, "mean", place=2901)
    assert (tmp_path / REQUEST).read_bytes() == before
    told = json.loads(before)
    assert told["model_digest"] == DIGEST and told["asked_at"] == "2026-03-09T06:00:00+00:00"
    assert {one["signal"] for one in told["drifted"]} == {"mean", "sharpness"}
    assert "mean grey: differs from the images that the model was built on" in told["drifted"][0]["why"]


def test_a_further_signal_joins_the_request(tmp_path: Path) -> None:
    asked(tmp_path, "mean")
    assert asked(tmp_path, "mean", "grain", place=2901)
    found = read_request(tmp_path)
    assert found is not None
    assert [(one.signal, one.window) for one in found.drifted] == [
        ("mean", Window(2900, 7).told),
        ("grain", Window(2901, 7).told),
    ]


def test_what_was_answered_asks_no_more_for_that_model(tmp_path: Path) -> None:
    assert answer(tmp_path, outcome="nobody asked", at=AT) is None
    asked(tmp_path, "mean")
    done = answer(tmp_path, outcome="PASS, promoted", at=AT)
    assert done is not None and not (tmp_path / REQUEST).exists() and read_request(tmp_path) is None
    assert [one.outcome for one in read_answers(tmp_path)] == ["PASS, promoted"]
    assert not asked(tmp_path, "mean", place=2905)
    assert asked(tmp_path, "grain", place=2906), "something else has changed"
    answer(tmp_path, outcome="FAIL, refused", at=AT)
    assert [one.outcome for one in read_answers(tmp_path)] == ["PASS, promoted", "FAIL, refused"]


def test_another_model_asks_for_itself(tmp_path: Path) -> None:
    asked(tmp_path, "mean")
    assert asked(tmp_path, "mean", digest=OTHER)
    found = read_request(tmp_path)
    assert found is not None and found.model_digest == OTHER and len(found.drifted) == 1


@pytest.mark.parametrize("name", [REQUEST, ANSWERED])
def test_broken_files_are_refused(tmp_path: Path, name: Path) -> None:
    (tmp_path / name).parent.mkdir()
    (tmp_path / name).write_text("{}" if name == REQUEST else "[]")
    with pytest.raises(ArtefactError, match=name.name):
        asked(tmp_path, "mean")
