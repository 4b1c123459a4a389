"""Rows come back as units: one of each step of time, by window, and only this model's."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from components.monitoring.reading import FIRST_MONDAY, Window, read_traffic, validation_units, window_of
from components.monitoring.writer import SignalWriter
from components.params import SignalParams
from components.promptable.reference import Reference, to_table

DIGEST, OTHER = "ab" * 32, "cd" * 32
MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
LIMITS = SignalParams(bucket_minutes=15, queue_rows=9999, flush_seconds=60, keep_days=99, keep_megabytes=9)


def write(folder: Path, rows: list[tuple[datetime, str, dict[str, Any]]], digest: str = DIGEST) -> None:
    """Write rows as the service does, each at its own time."""
    clock = [0.0]
    writer = SignalWriter(folder, LIMITS, now=lambda: clock[0])
    for at, kind, row in rows:
        clock[0] = at.timestamp()
        writer.add(kind, row, model_digest=digest)  # type: ignore[arg-type]
    writer.close()


def test_windows_are_whole_weeks_from_a_monday_on() -> None:
    assert FIRST_MONDAY.weekday() == 0
    window = window_of(date(2026, 3, 8), 7)
    assert (window.start, window.end, window.told) == (MONDAY.date(), date(2026, 3, 9), "2026-03-02 to 2026-03-08")
    assert window_of(date(2026, 3, 9), 7) == Window(window.place + 1, 7) > window


def test_of_the_rows_of_one_step_one_counts_whatever_their_order(tmp_path: Path) -> None:
    exam = [(MONDAY + timedelta(minutes=minute), "image", {"mean": float(minute)}) for minute in range(45)]
    write(tmp_path / "a", exam)
    write(tmp_path / "b", exam[::-1])
    found = [read_traffic(tmp_path / name, model_digest=DIGEST, window_days=7, seed=1) for name in ("a", "b")]
    (window,) = found[0].units
    rows = found[0].units[window]["image"]
    assert [row["at"][-6:] for row in rows] == ["00:00Z", "00:15Z", "00:30Z"]  # type: ignore[index]
    assert found[0].units == found[1].units and found[0].rows[window]["image"] == 45
    seeds = {
        read_traffic(tmp_path / "a", model_digest=DIGEST, window_days=7, seed=s).units[window]["image"][0]["mean"]
        for s in range(20)
    }
    assert len(seeds) > 3, "the seed draws"


def test_first_prompts_are_units_of_their_own(tmp_path: Path) -> None:
    rows = [
        (MONDAY + timedelta(hours=hour), "outline", {"first": first, "form": "box"})
        for hour, first in enumerate(("box", "click", None, "box"))
    ]
    write(tmp_path, [*rows, (MONDAY, "feedback", {"verdict": "accepted", "edit": 0.0})])
    (units,) = read_traffic(tmp_path, model_digest=DIGEST, window_days=7, seed=1).units.values()
    assert {stratum: len(found) for stratum, found in units.items()} == {
        "outline": 4,
        "box": 2,
        "click": 1,
        "feedback": 1,
    }


def test_torn_lines_and_other_models_are_counted_and_left_out(tmp_path: Path) -> None:
    write(tmp_path, [(MONDAY, "image", {"mean": 1.0})])
    write(tmp_path, [(MONDAY, "image", {"mean": 2.0}), (MONDAY, "image", {"mean": 3.0})], digest=OTHER)
    torn = [b'{"at":"2026-03-02T00:15Z","kind":"im', b"[]\n", b'{"at":7,"kind":"image","model":"x"}\n', b"\xff\n"]
    odd = json.dumps({"at": "2026-03-02T00:15Z", "kind": "pixels", "model": DIGEST}).encode()
    (tmp_path / "20260302-00000000-0001.jsonl").write_bytes(b"\n".join([*torn[1:], odd, torn[0]]))
    found = read_traffic(tmp_path, model_digest=DIGEST, window_days=7, seed=1)
    assert [len(units["image"]) for units in found.units.values()] == [1]
    assert found.rows_of_others == {OTHER: 2} and found.skipped >= 5
    assert not read_traffic(tmp_path / "nowhere", model_digest=DIGEST, window_days=7, seed=1).units


def test_of_a_validation_group_one_row_counts() -> None:
    outline = {"first": "box", "edit": 0.2, "quality": 0.9}
    reference = Reference(
        model_digest=DIGEST,
        phantom=True,
        kinds=("box_jitter", "click"),
        images=to_table([{"mean": float(place)} for place in range(6)], [0, 0, 0, 1, 1, 2]),
        outlines=to_table([outline, outline | {"first": "click"}, outline], [0, 0, 1]),
    )
    units = validation_units(reference, seed=1)
    assert {stratum: len(found) for stratum, found in units.items()} == {
        "image": 3,
        "outline": 2,
        "box": 2,
        "click": 1,
        "feedback": 2,
    }
    assert units == validation_units(reference, seed=1)
    with pytest.raises(KeyError):
        _ = units["feedback"][0]["verdict"]
