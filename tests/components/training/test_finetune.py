"""Fine-tuning a tiny teacher on discs: it learns, and only what may train moves."""

from __future__ import annotations

from pathlib import Path

import torch

from components.params import FinetuneParams
from components.promptable.adapter import AdapterConfig
from components.promptable.build import build_segmenter
from components.promptable.segmenter import Segmenter
from components.training.finetune import finetune
from components.types import Record
from tests.components.promptable.conftest import TINY
from tests.components.training.conftest import AUGMENT, PROMPTS
from tests.components.training.test_loop import optimise


def tiny_segmenter(seed: int) -> Segmenter:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_segmenter(TINY, AdapterConfig(), image_size_px=64, draws_prompts=True)


def finetune_params(**changes: object) -> FinetuneParams:
    base = optimise(epochs=2, learning_rate=1e-3, warmup_steps=0, checkpoint_seconds=60.0, **changes)
    return FinetuneParams.model_validate(base.model_dump())


def test_it_learns_and_leaves_the_frozen_trunk_alone(discs: list[Record], tmp_path: Path) -> None:
    teacher = tiny_segmenter(1)
    teacher.set_trainable(trunk=False)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    curve: list[dict[str, float]] = []
    result = finetune(
        teacher,
        discs[:8],
        discs[8:],
        finetune_params(),
        prompts=PROMPTS,
        augment=AUGMENT,
        checkpoint_folder=tmp_path,
        fingerprint="k",
        report=lambda metrics, epoch: curve.append(metrics),
    )
    assert curve[-1]["train_loss"] < curve[0]["train_loss"]
    assert result.steps == 4
    moved = {name for name, value in teacher.state_dict().items() if not torch.equal(value, before[name])}
    assert moved
    assert not any(name.startswith(("trunk.hiera.", "prompt_encoder.")) for name in moved)
    assert any(name.startswith("trunk.edge_stem.") for name in moved)
