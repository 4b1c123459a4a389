"""Distillation: the decoder is taken over, features draw nearer, the teacher stays as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from components.errors import ParamsError
from components.params import DistilParams
from components.promptable.adapter import AdapterConfig
from components.promptable.build import build_segmenter
from components.promptable.decoder import DecoderConfig
from components.training.distil import distil, take_over_decoder
from components.types import Record
from tests.components.promptable.conftest import TINY
from tests.components.training.conftest import AUGMENT, PROMPTS
from tests.components.training.test_finetune import tiny_segmenter
from tests.components.training.test_loop import optimise


def distil_params(**changes: object) -> DistilParams:
    base = optimise(epochs=2, learning_rate=1e-3, warmup_steps=0, checkpoint_seconds=60.0).model_dump()
    own = {"levels": (4, 8, 16), "terms": {"block": 1.0, "adapter": 1.0, "sum": 1.0}, "mask_weight": 1.0}
    return DistilParams.model_validate({**base, **own, **changes})


def test_the_decoder_is_taken_over() -> None:
    student, teacher = tiny_segmenter(1), tiny_segmenter(2)
    take_over_decoder(student, teacher)
    for part in ("prompt_encoder", "mask_decoder"):
        mine, theirs = getattr(student, part).state_dict(), getattr(teacher, part).state_dict()
        assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert torch.equal(student.no_memory, teacher.no_memory)


@pytest.mark.parametrize("mask_weight", [0.0, 1.0])
def test_features_draw_nearer_and_the_teacher_stays(discs: list[Record], tmp_path: Path, mask_weight: float) -> None:
    student, teacher = tiny_segmenter(1), tiny_segmenter(2)
    student.set_trainable(trunk=True)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    curve: list[dict[str, float]] = []
    distil(
        student,
        teacher,
        discs[:8],
        discs[8:],
        distil_params(mask_weight=mask_weight),
        prompts=PROMPTS,
        augment=AUGMENT,
        checkpoint_folder=tmp_path,
        fingerprint="k",
        report=lambda metrics, epoch: curve.append(metrics),
    )
    for stride in (4, 8, 16):
        for term in ("block", "adapter", "sum"):
            assert f"train_{term}_s{stride}" in curve[0]
    assert curve[-1]["train_sum_s4"] < curve[0]["train_sum_s4"]
    assert ("train_dice" in curve[0]) is (mask_weight > 0)
    assert all(torch.equal(value, before[name]) for name, value in teacher.state_dict().items())


def test_a_student_may_keep_its_own_decoder(discs: list[Record], tmp_path: Path) -> None:
    student, teacher = tiny_segmenter(1), tiny_segmenter(2)
    own = {name: value.clone() for name, value in student.mask_decoder.state_dict().items()}
    distil(
        student,
        teacher,
        discs[:2],
        discs[8:9],
        distil_params(mask_weight=0.0, epochs=1),  # Features alone don't train the decoder.
        prompts=PROMPTS,
        augment=AUGMENT,
        checkpoint_folder=tmp_path,
        fingerprint="k",
        report=lambda metrics, epoch: None,
        takes_over=False,
    )
    assert all(torch.equal(value, own[name]) for name, value in student.mask_decoder.state_dict().items())


def test_without_weighed_features_the_teacher_isnt_asked(
    discs: list[Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    student, teacher = tiny_segmenter(1), tiny_segmenter(2)
    student.set_trainable(trunk=True)
    monkeypatch.setattr(teacher, "stages", lambda images: pytest.fail("the teacher was asked"))
    curve: list[dict[str, float]] = []
    distil(
        student,
        teacher,
        discs[:2],
        discs[8:9],
        distil_params(terms={"block": 0, "adapter": 0, "sum": 0}, epochs=1),
        prompts=PROMPTS,
        augment=AUGMENT,
        checkpoint_folder=tmp_path,
        fingerprint="k",
        report=lambda metrics, epoch: curve.append(metrics),
    )
    assert "train_dice" in curve[0] and "train_sum_s4" not in curve[0]


def test_a_narrow_decoder_starts_anew_and_learns_the_teachers_masks(discs: list[Record], tmp_path: Path) -> None:
    narrow = DecoderConfig(width=64, heads=4, mlp=96, layers=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        student = build_segmenter(TINY, AdapterConfig(), image_size_px=64, draws_prompts=True, decoder=narrow)
    teacher = tiny_segmenter(2)
    student.set_trainable(trunk=True)
    take_over_decoder(student, teacher)
    assert torch.equal(student.no_memory, teacher.no_memory)
    curve: list[dict[str, float]] = []
    distil(
        student,
        teacher,
        discs[:8],
        discs[8:9],
        distil_params(mask_weight=0.0, logits_weight=1.0, terms={"block": 0, "adapter": 0, "sum": 0}, epochs=3),
        prompts=PROMPTS,
        augment=AUGMENT,
        checkpoint_folder=tmp_path,
        fingerprint="k",
        report=lambda metrics, epoch: curve.append(metrics),
    )
    assert curve[-1]["train_logits"] < curve[0]["train_logits"] and "train_dice" not in curve[0]


def test_features_that_are_not_there_are_refused(discs: list[Record], tmp_path: Path) -> None:
    bare = build_segmenter(TINY, AdapterConfig(variant="none"), image_size_px=64, draws_prompts=True)
    with pytest.raises(ParamsError, match="no adapters"):
        distil(
            bare,
            tiny_segmenter(2),
            discs,
            discs,
            distil_params(),
            prompts=PROMPTS,
            augment=AUGMENT,
            checkpoint_folder=tmp_path,
            fingerprint="k",
            report=lambda metrics, epoch: None,
        )
