"""Opening: PyTorch, folded and exported models answer alike, and an export is made once."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.evaluation.benchmarking.catalogue import Variant, subjects
from components.evaluation.benchmarking.opening import Workshop, installed_runtimes
from components.evaluation.benchmarking.passes import CLICK, mask_of, scan
from components.params import DecoderParams, Params
from components.params.serving import RuntimeName
from components.promptable.decoder import SAM2_DECODER, DecoderConfig


@pytest.mark.parametrize(
    ("model", "ways"),
    [("teacher_micro", (("pytorch", True),)), ("mobilesam", (("onnxruntime", False),))],
)
def test_all_ways_of_running_a_model_give_its_mask(
    model: str, ways: tuple[tuple[RuntimeName, bool], ...], params: Params, tmp_path: Path
) -> None:
    workshop = Workshop(subjects(params), tmp_path)
    first = Variant(model, "pytorch", folded=False, device="cpu", dtype="float32", input_px=64)
    expected = mask_of(workshop.open(first), scan(), CLICK)
    for runtime, folded in ways:
        found = mask_of(workshop.open(replace(first, runtime=runtime, folded=folded)), scan(), CLICK)
        assert np.mean(found.mask != expected.mask) < 1e-3
    assert workshop.network(first) is workshop.network(first)


def test_a_decoders_sizes_are_those_that_are_measured(params: Params, tmp_path: Path) -> None:
    sizes = {"width": 64, "heads": 4, "mlp": 128, "layers": 1}
    student = params.student.model_copy(update={"name": "rep_mini", "decoder": DecoderParams(**sizes)})
    workshop = Workshop(subjects(params.model_copy(update={"student": student})), tmp_path)

    def found(model: str, *, folded: bool) -> DecoderConfig | None:
        way = Variant(model, "pytorch", folded=folded, device="cpu", dtype="float32", input_px=64)
        return workshop.decoder(way)

    assert found("rep_mini_w64", folded=True) == DecoderConfig(**sizes)
    assert found("rep_mini", folded=False) == SAM2_DECODER
    assert found("unet_16", folded=False) is None


def test_pytorch_is_here_and_runs_on_the_cpu() -> None:
    assert installed_runtimes()["pytorch"] == "cpu"
