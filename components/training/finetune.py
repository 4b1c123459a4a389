"""Stage 1 of the paper: the teacher, SAM2 with CH-Adapters, learns ultrasound from prompts.

Leaves out: reading files and writing the model folder (pipelines/finetune.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.params import AugmentParams, FinetuneParams, PromptParams
from components.promptable.predict import pick_device
from components.promptable.segmenter import Segmenter
from components.training.data import Batch, training_sets
from components.training.loop import FitResult, Report, Trainer
from components.training.losses import Losses, mask_loss
from components.training.machine import as_the_machine_needs
from components.training.scoring import validation_scores
from components.types import Record


@dataclass(frozen=True, slots=True)
class _Finetuning:
    network: Segmenter
    params: FinetuneParams
    validation: list[Batch]

    def losses(self, batch: Batch) -> Losses:
        logits, quality = self.network.decode(self.network.encode(batch.images), batch.prompts)
        return Losses(mask_loss(logits, quality, batch.truth, self.params.loss))

    def validate(self) -> dict[str, float]:
        return validation_scores(self.network, self.validation)


def finetune(
    teacher: Segmenter,
    train: Sequence[Record],
    val: Sequence[Record],
    params: FinetuneParams,
    *,
    prompts: PromptParams,
    augment: AugmentParams,
    checkpoint_folder: Path,
    fingerprint: str,
    report: Report,
) -> FitResult:
    """Fine-tune a teacher in place; it ends with the weights that were best on `val`.

    Parameters
    ----------
    fingerprint
        Names data, parameters and code; a checkpoint with another one isn't continued.
    report
        Called after each epoch with metrics by name and the epoch's number.

    Raises
    ------
    TrainingError
        If nothing can be prompted, or a gradient isn't finite.
    ParamsError
        If `machine` asks for what the trunk can't do.
    """
    device = pick_device()
    images, validation = training_sets(
        train, val, params, image_size_px=teacher.image_size_px, prompts=prompts, augment=augment
    )
    task = _Finetuning(teacher.to(device), params, validation)
    trainer = Trainer(
        task, images, params, folder=checkpoint_folder, fingerprint=fingerprint, report=report, device=device
    )
    with as_the_machine_needs(teacher, params.machine):
        result = trainer.fit()
    teacher.to("cpu").eval()
    return result
