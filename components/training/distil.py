"""Stage 2 of the paper: deep-supervised knowledge distillation (DSKD) of the teacher into a small student.

At strides 4, 8 and 16 the student's block feature, adapter feature and their sum are drawn to the teacher's, all
after each one's own neck (256 channels). The student takes over the teacher's prompt encoder and mask decoder; one of
other sizes starts anew, and can learn from the teacher's masks (`logits_weight`).

Differs from paper: the mask loss of the student's own decoder is added (`mask_weight`; 0 gives the released code's
features alone), as a decoder that never sees the student's features during training has nothing to correct them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from components.errors import ParamsError
from components.params import AugmentParams, DistilParams, PromptParams
from components.promptable.predict import pick_device
from components.promptable.segmenter import Segmenter
from components.training.data import Batch, training_sets
from components.training.loop import FitResult, Report, Trainer
from components.training.losses import Losses, distillation_loss, logits_loss, mask_loss, neck_features
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
        target = self.teacher.features(batch.images) if self.params.asks_teacher else {}
        of_images = distillation_loss(features, target, levels=self.params.levels, terms=self.params.terms)
        return Losses(self._of_masks(batch, features["sum"], target), of_images)

    def _of_masks(self, batch: Batch, levels: list[Tensor], target: dict[str, list[Tensor]]) -> dict[str, Tensor]:
        """The losses of the student's masks, made of its neck's levels; of the teacher's features come theirs."""
        of_truth, of_teacher = self.params.mask_weight, self.params.logits_weight
        if of_truth == of_teacher == 0:
            return {}
        logits, quality = self.network.decode(self.network.embed_levels(levels), batch.prompts)
        losses: dict[str, Tensor] = {}
        if of_truth > 0:
            masks = mask_loss(logits, quality, batch.truth, self.params.loss)
            losses = {name: of_truth * value for name, value in masks.items()}
        if of_teacher > 0:
            losses["logits"] = of_teacher * logits_loss(logits, self.teacher.logits(target, batch.prompts))
        return losses

    def validate(self) -> dict[str, float]:
        return validation_scores(self.network, self.validation)


def check_losses(params: DistilParams, *, adapters: bool, same_decoder: bool) -> None:
    """Make sure that what is to be learned from is there, and that all of the student learns.

    `adapters` says whether student and teacher both have some, `same_decoder` whether their decoders have equal sizes.

    Raises
    ------
    ParamsError
        If features are weighed that aren't there, or nothing trains a decoder that can't be taken over.
    """
    if params.mask_weight == params.logits_weight == 0 and not same_decoder:
        raise ParamsError(
            "params.yaml: student.decoder has other sizes than the teacher's, and no loss of masks would train it: "
            "distil.mask_weight and logits_weight are 0",
            expected="a weight above 0, or SAM2's own sizes, which are taken over from the teacher",
            remedy="raise distil.logits_weight or distil.mask_weight, or remove student.decoder",
        )
    if params.terms.adapter > 0 and not adapters:
        raise ParamsError(
            "params.yaml: distil.terms.adapter is above 0, but student or teacher has no adapters",
            expected="adapters in both, or a weight of 0",
            remedy="set distil.terms.adapter=0, or give both an adapter",
        )


def take_over_decoder(student: Segmenter, teacher: Segmenter) -> None:
    """Copy the teacher's prompt encoder, mask decoder and no-memory embedding into the student; of a student whose
    decoder has other sizes, only the embedding."""
    student.no_memory.data.copy_(teacher.no_memory.data)
    if student.decoder_config != teacher.decoder_config:
        return
    student.prompt_encoder.load_state_dict(teacher.prompt_encoder.state_dict())
    student.mask_decoder.load_state_dict(teacher.mask_decoder.state_dict())


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
        If features are weighed that aren't there, nothing trains a decoder that can't be taken over, or `machine` asks
        for what the student's trunk can't do.
    ValueError
        If the input sizes differ.
    """
    if student.image_size_px != teacher.image_size_px:
        raise ValueError(f"student and teacher take {student.image_size_px} and {teacher.image_size_px} pixels")
    check_losses(
        params,
        adapters=bool(student.trunk.adapters and teacher.trunk.adapters),
        same_decoder=student.decoder_config == teacher.decoder_config,
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
