"""A whole measurement of the smallest models: times, arithmetic, memory; and what remains of an interrupted one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from components.evaluation.benchmarking import warming
from components.evaluation.benchmarking.benchmark import SCRATCH, Benchmark, Plan, chosen, left_behind
from components.evaluation.benchmarking.memory import can_measure
from components.evaluation.benchmarking.passes import Part
from components.evaluation.benchmarking.record import Decoder
from components.evaluation.benchmarking.shapes import unet
from components.params import Params


@pytest.fixture
def plan(params: Params) -> Plan:
    """The U-Nets at 32 pixels, no encoder of which must be exported."""
    variants = chosen(params, (), (32,), only=("unet_16",), skip=("hiera_mini/",))
    return Plan(params, variants, (), rounds=3, minutes=1, batch=2, memory=False)


@pytest.mark.skipif(not can_measure(), reason="no /proc here")
def test_a_measurement_has_times_arithmetic_and_memory(plan: Plan) -> None:
    lines: list[str] = []
    record = Benchmark.of(replace(plan, memory=True), lines.append).run()
    assert record.complete
    (row,) = record.rows
    assert row.key == "unet_16/pytorch/32"
    assert [(times.part, times.rounds) for times in row.times] == [
        (part, (0, 1, 2)) for part in ("encoder", "click", "file_to_mask")
    ]
    assert all(times.p10_ms <= times.median_ms <= times.p90_ms for times in row.times)
    assert row.counted is not None
    assert row.counted.click_gmacs > 0
    assert row.memory is not None
    # 1.9 million parameters of four bytes are in it, PyTorch itself isn't.
    assert 7 < row.memory.running_mib < 100
    assert any("memory 1 of 1" in line for line in lines)
    assert row.decoder is None, "a U-Net has none"


def test_the_record_tells_the_sizes_of_the_decoder(params: Params) -> None:
    variants = chosen(params, (), (64,), only=("rep_mini/pytorch/",), skip=("hiera_mini/",))
    plan = Plan(params, variants, (), rounds=1, minutes=1, batch=0, memory=False)
    (row,) = Benchmark.of(plan, lambda _line: None).run().rows
    assert row.decoder == Decoder(width=256, heads=8, mlp=2048, layers=2)


def test_an_interrupted_measurement_keeps_what_it_has(plan: Plan) -> None:
    def tell(line: str) -> None:
        if "2 of 3 passes" in line:
            raise KeyboardInterrupt

    benchmark = Benchmark.of(plan, tell)
    with pytest.raises(KeyboardInterrupt):
        benchmark.run()
    record = benchmark.record()
    assert not record.complete
    assert record.rows[0].times[0].rounds == (0, 1)


def test_what_cannot_be_built_is_left_out_with_its_reason(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    from components.errors import ArtefactError

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise ArtefactError("its numbers differ", expected="the same", remedy="report it")

    monkeypatch.setattr("components.evaluation.benchmarking.benchmark.warmed", refuse)
    record = Benchmark.of(plan, lambda _line: None).run()
    assert record.rows == ()
    assert [(each.key, each.reason) for each in record.left_out] == [("unet_16/pytorch/32", "its numbers differ")]

    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("sizes differ\nat length")

    monkeypatch.setattr("components.evaluation.benchmarking.benchmark.warmed", fail)
    record = Benchmark.of(plan, lambda _line: None).run()
    assert [each.reason for each in record.left_out] == ["RuntimeError: sizes differ"]


def test_what_fails_in_a_later_turn_is_left_out_and_the_others_go_on(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = chosen(params, (), (32,), only=("unet_16", "unet_box"), skip=("hiera_mini/",))
    turn = warming.Turn.__call__
    calls: list[int] = []

    def falters(self: warming.Turn, number: int) -> Mapping[Part, float]:
        calls.append(number)
        if calls == [0, 0, 1]:  # the first of the second round
            raise torch.OutOfMemoryError
        return turn(self, number)

    monkeypatch.setattr(warming.Turn, "__call__", falters)
    record = Benchmark.of(Plan(params, variants, (), 2, 1, batch=0, memory=False), lambda _line: None).run()
    first, second = (each.key for each in variants)
    assert record.complete and [each.key for each in record.rows] == [first]
    assert [(each.key, each.reason) for each in record.left_out] == [(second, "the GPU has too little memory")]


def test_what_a_killed_measurement_left_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plan: Plan) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / f"{SCRATCH}{os.getpid()}-12.34-abcd1234"  # an earlier process of the same number
    for folder in (left, tmp_path / f"{SCRATCH}by-hand"):
        folder.mkdir()
    seen: list[tuple[list[Path], int]] = []
    Benchmark.of(plan, lambda _line: seen.append((left_behind(), len(list(tmp_path.iterdir()))))).run()
    assert seen[0] == ([left], 3), "a measurement under way has one, which isn't left"
    assert left_behind() == [left] and len(list(tmp_path.iterdir())) == 2


def test_over_its_time_is_said(plan: Plan) -> None:
    lines: list[str] = []
    Benchmark.of(replace(plan, minutes=0.0), lines.append)._say("1 of 2 passes")
    Benchmark.of(plan, lines.append)._say("1 of 2 passes")
    assert lines == ["1 of 2 passes; 0.0 minutes, over its time of 0", "1 of 2 passes; 0.0 of 1 minutes"]


def test_a_heavy_model_has_no_batches(params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from components.evaluation.benchmarking.catalogue import subjects
    from components.evaluation.benchmarking.opening import Workshop
    from components.evaluation.benchmarking.passes import scan

    (variant,) = chosen(params, (), (64,), only=("teacher_micro/pytorch/",), skip=("hiera_mini/",))
    workshop = Workshop(subjects(params), tmp_path)
    light = warming.warmed(variant, workshop, data=scan(), batch=2)
    assert ("batch" in light.turn(0), "batch" in light.turn(1), light.turn.batch) == (True, False, 2)
    monkeypatch.setattr(warming, "HEAVY_S", 0.0)
    heavy = warming.warmed(variant, workshop, data=scan(), batch=2)
    assert heavy.turn.batch == 0
    assert heavy.gpu_mib is None
    assert set(heavy.turn(0)) == {"encoder", "click", "file_to_mask"}


def test_a_batch_that_a_gpu_has_no_memory_for_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def batch(_model: object, _data: bytes, images: int, *, dtype: str) -> None:
        tried.append(images)
        if images > 8:
            raise torch.OutOfMemoryError(dtype)

    monkeypatch.setattr(warming, "one_batch", batch)
    network = unet((4,), 32)
    assert warming._largest(network, b"", 32, "float32") == 8
    assert tried == [32, 16, 8]
