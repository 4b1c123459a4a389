"""Stage 2 of the paper: deep-supervised knowledge distillation (DSKD) of the teacher into a small student.

At strides 4, 8 and 16 the student's block feature, adapter feature and their sum are drawn to the teacher's, all
after each one's own neck (256 channels). The student takes over the teacher's prompt encoder and mask decoder.

Differs from paper: the mask loss of the student's own decoder is added (`mask_weight`; 0 gives the released code's
features alone), as a decoder that never sees the student's features during training has nothing to correct them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from components.errors import ParamsError
from components.params import AugmentParams, DistilParams, DistilTerms, PromptParams
from components.promptable.predict import pick_device
from components.promptable.segmenter import Segmenter
from components.training.data import Batch, training_sets
from components.training.loop import FitResult, Report, Trainer
from components.training.losses import Losses, distillation_loss, mask_loss, neck_features
from components.training.machine import as_the_machine_needs
from components.training.scoring import validation_scores
from components.training.teacher_outputs import FOLDER, TeacherOutputs, drop_others
from components.types import Record


@dataclass(frozen=True, slots=True)
class _Distillation:
    network: Segmenter
    teacher: TeacherOutputs
    params: DistilParams
    validation: list[Batch]

    def losses(self, batch: Batch) -> Losses:
        features = neck_features(self.network, self.network.stages(batch.images))
        of_images: dict[str, Tensor] = {}
        of_objects: dict[str, Tensor] = {}
        if weighs_features(self.params.terms):
            target = self.teacher.features(batch.images)
            of_images = distillation_loss(features, target, levels=self.params.levels, terms=self.params.terms)
        if self.params.mask_weight > 0:
            logits, quality = self.network.decode(self.network.embed_levels(features["sum"]), batch.prompts)
            masks = mask_loss(logits, quality, batch.truth, self.params.loss)
            of_objects = {name: self.params.mask_weight * value for name, value in masks.items()}
        return Losses(of_objects, of_images)

    def validate(self) -> dict[str, float]:
        return validation_scores(self.network, self.validation)


def weighs_features(terms: DistilTerms) -> bool:
    """Whether any of the teacher's features is distilled."""
    return terms.block > 0 or terms.adapter > 0 or terms.sum > 0


def take_over_decoder(student: Segmenter, teacher: Segmenter) -> None:
    """Copy the teacher's prompt encoder, mask decoder and no-memory embedding into the student."""
    student.prompt_encoder.load_state_dict(teacher.prompt_encoder.state_dict())
    student.mask_decoder.load_state_dict(teacher.mask_decoder.state_dict())
    student.no_memory.data.copy_(teacher.no_memory.data)


def distil(
    student: Segmenter,
    teacher: Segmenter,
    train: Sequence[Record],
    val: Sequence[Record],
    params: DistilParams,
    *,
    prompts: PromptParams,
    augment: AugmentParams,
    checkpoint_folder: Path,
    fingerprint: str,
    report: Report,
    takes_over: bool = True,
) -> FitResult:
    """Distil a teacher into a student in place; the student ends with the weights that were best on `val`.

    `fingerprint` and `report` as in components.training.finetune.finetune. Both segmenters take the same input size.
    Without `takes_over` the student's decoder starts from its own weights (for ablation); with no features weighed
    either, it learns nothing of the teacher.

    Raises
    ------
    TrainingError
        If nothing can be prompted, or a gradient isn't finite.
    ParamsError
        If no weight of the losses is above zero, features are weighed that aren't there, or `machine` asks for what the
        student's trunk can't do.
    ValueError
        If the input sizes differ.
    """
    if student.image_size_px != teacher.image_size_px:
        raise ValueError(f"student and teacher take {student.image_size_px} and {teacher.image_size_px} pixels")
    terms = params.terms
    if params.mask_weight == 0 and not weighs_features(terms):
        raise ParamsError(
            "params.yaml: distil.mask_weight and all of distil.terms are 0: nothing to learn",
            expected="a weight above 0",
            remedy="raise one of them",
        )
    if terms.adapter > 0 and not (student.trunk.adapters and teacher.trunk.adapters):
        raise ParamsError(
            "params.yaml: distil.terms.adapter is above 0, but student or teacher has no adapters",
            expected="adapters in both, or a weight of 0",
            remedy="set distil.terms.adapter=0, or give both an adapter",
        )
    device = pick_device()
    if takes_over:
        take_over_decoder(student, teacher)
    images, validation = training_sets(
        train,
        val,
        params,
        image_size_px=student.image_size_px,
        prompts=prompts,
        augment=augment,
        rounds=params.augment_rounds,
    )
    kept = drop_others(checkpoint_folder / FOLDER, fingerprint)
    outputs = TeacherOutputs(teacher.to(device).eval(), params, folder=kept)
    task = _Distillation(student.to(device), outputs, params, validation)

    def told(metrics: dict[str, float], epoch: int) -> None:
        report(metrics | outputs.take_metrics(), epoch)

    trainer = Trainer(
        task, images, params, folder=checkpoint_folder, fingerprint=fingerprint, report=told, device=device
    )
    with as_the_machine_needs(student, params.machine):
        result = trainer.fit()
    outputs.discard()
    student.to("cpu").eval()
    teacher.to("cpu")
    return result
