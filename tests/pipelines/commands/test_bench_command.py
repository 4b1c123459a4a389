"""`sonoforge bench` measures what is chosen, writes it, renders it, and warns where it is far from what was kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.evaluation.benchmarking.benchmark import Benchmark
from components.evaluation.benchmarking.record import read_record
from pipelines.cli import app

SMALLEST = ["bench", "--size", "32", "--only", "unet_16", "--skip", "hiera_mini", "--rounds", "1", "--no-memory"]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of a smallest measurement."""
    out = tmp_path_factory.mktemp("bench") / "bench.json"
    result = CliRunner().invoke(app, [*SMALLEST, "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "unet_16" in result.stdout
    assert f"written to {out}" in result.stderr
    return out


def test_a_record_is_rendered_as_markdown(measured: Path) -> None:
    result = CliRunner().invoke(app, ["bench", "table", str(measured)])
    assert result.exit_code == 0, result.output
    assert "| unet_16 | PyTorch |" in result.output
    page = measured.with_name("page.md")
    page.write_text(f"<!-- sonoforge bench table {measured} -->\n<!-- end of the table -->\n")
    refreshed = CliRunner().invoke(app, ["bench", "table", "--refresh", str(page)])
    assert refreshed.output == f"{page}: 1 table renewed\n"
    assert result.output in page.read_text()
    brief = CliRunner().invoke(app, ["bench", "table", "--brief", str(measured)])
    assert "None of what is wanted of the students (1024 px) was measured." in brief.output
    assert CliRunner().invoke(app, ["bench", "table"]).exit_code == 2


def test_what_is_far_from_the_kept_record_is_a_warning_and_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.evaluation.benchmarking.benchmark.REFERENCE", "unet_16")
    kept = tmp_path / "kept.json"
    assert CliRunner().invoke(app, [*SMALLEST, "--out", str(kept)]).exit_code == 0
    value = json.loads(kept.read_text())
    value["rows"][0]["times"][1]["speed_up"] = {"median": 9.0, "p10": 8.0, "p90": 10.0}
    kept.write_text(json.dumps(value))
    result = CliRunner().invoke(app, [*SMALLEST, "--compare", str(kept)])
    assert result.exit_code == 0, result.output
    assert "warning: unet_16/pytorch/32: click, times as fast as the reference, 1, where 9 was kept" in result.output
    assert f"{kept}: 3 figures stand in both, far apart: 1" in result.output


def test_what_a_killed_measurement_left_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("components.evaluation.benchmarking.benchmark.left_behind", lambda: [tmp_path / "left"])
    monkeypatch.setattr(Benchmark, "run", Benchmark.record)
    result = CliRunner().invoke(app, SMALLEST)
    assert f"killed left {tmp_path / 'left'}, which nothing needs: remove it" in result.stderr
    assert "killed" not in result.stdout


def test_ctrl_c_keeps_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(benchmark: Benchmark, what: str) -> None:
        if "1 of" in what and "passes" in what:
            raise KeyboardInterrupt

    monkeypatch.setattr(Benchmark, "_say", interrupt)
    out = tmp_path / "bench.json"
    result = CliRunner().invoke(app, [*SMALLEST, "--out", str(out), "--json"])
    assert result.exit_code != 0
    record = read_record(out)
    assert not record.complete
    assert json.loads(result.stdout)["rows"][0]["model"] == "unet_16"


def test_names_are_listed_and_a_wrong_one_is_refused() -> None:
    result = CliRunner().invoke(app, ["bench", "--list", "--size", "1024", "--only", "sam2.1"])
    assert result.exit_code == 0
    assert result.output.split()[:2] == ["hiera_mini/pytorch/1024", "sam2.1_large/pytorch/1024"]
    listed = CliRunner().invoke(app, ["bench", "--list", "--json", "--size", "64", "--only", "unet_16"])
    assert [(each["key"], each["input_px"]) for each in json.loads(listed.stdout)][-1] == ("unet_16/pytorch/64", 64)
    assert CliRunner().invoke(app, ["bench", "--only", "rep_maxi"]).exit_code == 1


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--size", "500", "--list"], "480 or 512"),
        (["--size", "4096", "--list"], "2048"),
        (["--out", "nowhere/bench.json"], "there is no folder nowhere"),
        (["--size", "512", "data"], "--size before `data`"),
        (["table", "--refresh", "nowhere.md"], "does not exist"),
    ],
)
def test_what_cannot_be_done_is_refused_before_measuring(asked: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["bench", *asked], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    assert said in result.output


def test_a_page_is_told_which_record_is_missing(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("<!-- sonoforge bench table nowhere.json -->\n<!-- end of the table -->\n")
    result = CliRunner().invoke(app, ["bench", "table", "--refresh", str(page)])
    assert f"{page}: 0 tables renewed\n{page}: there is no record nowhere.json" in result.output
