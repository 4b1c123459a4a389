"""Every student: found by name, within its budget, gives masks, learns a step, and survives its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from components.params import ModelParams, StudentParams
from components.promptable.model_folder import save_segmenter
from components.promptable.segmenter import PromptBatch, Segmenter
from components.promptable.summary import count_parameters
from components.students import (
    build_student,
    load_student,
    student_adapter,
    student_names,
    student_trunk,
)

MODEL = ModelParams(image_size_px=64, draws_prompts=True)
ENCODER_BUDGET = 900_000


def student_params(name: str) -> StudentParams:
    adapter = {"variant": "as_drawn", "context": True, "edge": True, "scale": 0.5}
    return StudentParams.model_validate({"name": name, "window_spec": [8, 4, 16, 8], "adapter": adapter})


def masks(student: Segmenter) -> torch.Tensor:
    coords, labels = torch.tensor([[[8.0, 8.0], [40.0, 48.0]]]), torch.tensor([[2, 3]])
    images = torch.linspace(-1, 1, 3 * 64 * 64).reshape(1, 3, 64, 64)
    logits, _ = student.decode(student.encode(images), PromptBatch(torch.zeros(1, dtype=torch.int64), coords, labels))
    return logits


def test_the_papers_student_is_there() -> None:
    assert "hiera_mini" in student_names()


@pytest.mark.parametrize("name", student_names())
def test_shapes_and_budget(name: str) -> None:
    student = build_student(student_params(name), model=MODEL, seed=1)
    assert masks(student).shape == (1, 16, 16)
    assert count_parameters(student.trunk) + count_parameters(student.neck_convs) <= ENCODER_BUDGET


@pytest.mark.parametrize("name", student_names())
def test_one_step_of_training_lowers_the_loss(name: str) -> None:
    student = build_student(student_params(name), model=MODEL, seed=1).train()
    optimiser = torch.optim.SGD([p for p in student.parameters() if p.requires_grad], lr=1e-2)
    target = torch.zeros(1, 16, 16)
    target[:, 4:10, 3:9] = 1
    values = []
    for _ in range(2):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(masks(student), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(float(loss.detach()))
    assert values[1] < values[0]


@pytest.mark.parametrize("name", student_names())
def test_a_saved_student_is_the_same_to_the_bit(name: str, tmp_path: Path) -> None:
    params = student_params(name)
    student = build_student(params, model=MODEL, seed=1)
    save_segmenter(
        tmp_path / "student",
        student,
        kind="student",
        name=name,
        trunk=student_trunk(params),
        adapter=student_adapter(params),
        phantom=True,
        base="scratch",
        trained_on=("busi",),
        provenance={},
    )
    loaded, description = load_student(tmp_path / "student")
    with torch.inference_mode():
        assert torch.equal(masks(loaded), masks(student))
    assert loaded.draws_prompts
    assert description.name == name
