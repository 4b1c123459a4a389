"""A record as a measurement of two students writes it, without measuring anything."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from components.evaluation.benchmarking.benchmark import Benchmark, Plan
from components.evaluation.benchmarking.catalogue import Variant
from components.evaluation.benchmarking.passes import Part
from components.evaluation.benchmarking.record import Memory, Record
from components.params import Params, load_params
from tests.conftest import ROOT

PAPER = Variant("hiera_mini", "pytorch", folded=False, device="cpu", dtype="float32", input_px=1024)
REP = Variant("rep_mini", "pytorch", folded=False, device="cpu", dtype="float32", input_px=1024)
SAM2 = Variant("sam2.1_large", "pytorch", folded=False, device="cpu", dtype="float32", input_px=1024)


Samples = dict[Variant, dict[Part, dict[int, float]]]


@pytest.fixture(scope="session")
def params() -> Params:
    return load_params(ROOT / "params.yaml")


@pytest.fixture
def made(params: Params) -> Callable[..., Record]:
    """A record of samples that are given: `made({variant: {part: {round: ms}}}, memory={variant: MiB})`."""

    def make(
        samples: dict[Variant, dict[Part, dict[int, float]]], memory: dict[Variant, float] | None = None
    ) -> Record:
        plan = Plan(params, tuple(samples), (), rounds=3, minutes=1, batch=2, memory=False)
        benchmark = Benchmark.of(plan, lambda _line: None)
        for variant, parts in samples.items():
            benchmark._batch[variant.key] = 2
            for part, rounds in parts.items():
                for number, took_ms in rounds.items():
                    benchmark._samples.add(number, variant.key, {part: took_ms})
        for variant, mib in (memory or {}).items():
            benchmark._memory[variant.key] = Memory(loading_mib=None, running_mib=mib)
        return benchmark.record()

    return make


@pytest.fixture
def record(made: Callable[..., Record]) -> Record:
    """The reference takes 100, 200, 400 ms in three rounds; rep_mini a twentieth of it; SAM2.1 ran in one round."""
    parts: Samples = {
        PAPER: {"encoder": {0: 100, 1: 200, 2: 400}, "click": {0: 40, 1: 40, 2: 40}, "batch": {0: 200, 1: 400, 2: 800}},
        REP: {"encoder": {0: 5, 1: 10, 2: 20}, "click": {0: 10, 1: 10, 2: 30}, "batch": {0: 10, 1: 20, 2: 40}},
        SAM2: {"encoder": {1: 6000}, "click": {1: 40}},
    }
    return made(parts, memory={REP: 130.0})
