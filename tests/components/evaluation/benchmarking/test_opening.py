"""Opening: PyTorch, folded and exported models answer alike, and an export is made once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from components.evaluation.benchmarking.catalogue import Variant, subjects
from components.evaluation.benchmarking.opening import Workshop, installed_runtimes
from components.evaluation.benchmarking.passes import CLICK, mask_of, scan
from components.params import Params


def test_all_ways_of_running_a_model_give_its_mask(params: Params, tmp_path: Path) -> None:
    workshop = Workshop(subjects(params), tmp_path)
    first = Variant("teacher_micro", "pytorch", folded=False, device="cpu", dtype="float32", input_px=64)
    expected = mask_of(workshop.open(first), scan(), CLICK)
    for runtime, folded in (("pytorch", True), ("onnxruntime", True)):
        way = replace(first, runtime=runtime, folded=folded)  # type: ignore[arg-type]  # both are runtimes
        found = mask_of(workshop.open(way), scan(), CLICK)
        assert np.mean(found.mask != expected.mask) < 1e-3
    assert installed_runtimes()["pytorch"] == "cpu"
    assert [path.name for path in tmp_path.iterdir()] == ["teacher_micro-64-folded"]
    assert workshop.network(first) is workshop.network(first)
