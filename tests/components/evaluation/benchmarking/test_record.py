"""Records: what is written is read again, and what isn't one is refused by name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from components.evaluation.benchmarking.record import BenchError, Record, read_record, write_record
from tests.conftest import ROOT


def test_what_is_written_is_read_again(record: Record, tmp_path: Path) -> None:
    path = tmp_path / "new" / "bench.json"
    write_record(path, record)
    assert read_record(path) == record
    assert not record.complete


def test_the_record_holds_machine_settings_and_figures(record: Record) -> None:
    value = json.loads(record.model_dump_json())
    assert {"cpu", "cpu_flags", "cores", "memory_mib", "versions", "accelerator", "load_average"} <= set(
        value["machine"]
    )
    assert set(value["machine"]["load_average"]) == {"start", "end"}
    assert value["settings"]["reference"] == "hiera_mini"
    rep = value["rows"][1]
    encoder = rep["times"][0]
    assert (rep["model"], encoder["part"], encoder["median_ms"], encoder["rounds"]) == (
        "rep_mini",
        "encoder",
        10,
        [0, 1, 2],
    )
    assert encoder["speed_up"] == {"median": 20, "p10": 20, "p90": 20}
    assert encoder["images_per_s"] == 100
    batch = rep["times"][-1]
    assert (batch["part"], batch["images"], batch["images_per_s"]) == ("batch", 2, 100)


@pytest.mark.parametrize("text", ["", "{}", '{"schema": 1, "tables": {}}'])
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bench.json"
    path.write_text(text)
    with pytest.raises(BenchError, match=r"bench\.json isn't a record"):
        read_record(path)


def test_a_missing_record_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="No such file"):
        read_record(tmp_path / "bench.json")


def test_every_committed_record_can_be_read() -> None:
    for path in ROOT.glob("benchmarks/bench_*.json"):
        assert read_record(path).complete
