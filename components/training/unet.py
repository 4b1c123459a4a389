"""The baseline that learns: a U-Net that is given the box as an input channel.

It learns from the same images, split, augmentation and boxes as teacher and student, in the same loop, and its weights
are chosen on the same validation boxes; only prompts without a box are left out, as it could do nothing with them.
Leaves out: the network (components/unet), reading files and writing the model folder (pipelines/train_unet.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from components.errors import ParamsError
from components.params import AugmentParams, PromptParams, TrainPrompts, UnetParams
from components.promptable.predict import pick_device
from components.training.data import Batch, training_sets
from components.training.loop import FitResult, Report, Trainer
from components.training.losses import Losses, unet_loss
from components.training.scoring import mask_scores
from components.types import Record
from components.unet.network import BoxUnet


@dataclass(frozen=True, slots=True)
class _BoxTraining:
    network: BoxUnet
    params: UnetParams
    validation: list[Batch]

    def losses(self, batch: Batch) -> Losses:
        return Losses(unet_loss(self.network(batch.images, batch.prompts), batch.truth, self.params.loss))

    def validate(self) -> dict[str, float]:
        return mask_scores(self._logits, self.validation, device=self.network.device)

    def _logits(self, batch: Batch) -> Tensor:
        logits: Tensor = self.network(batch.images, batch.prompts)
        return logits


def boxes_only(prompts: TrainPrompts) -> TrainPrompts:
    """The same boxes in the same proportions, clicks left out; of a box with clicks the jittered box remains.

    Raises
    ------
    ParamsError
        If no prompt has a box.
    """
    jittered = prompts.box_jitter_share + prompts.box_click_share
    boxed = prompts.box_share + jittered
    if boxed == 0:
        raise ParamsError(
            "params.yaml: prompts.train draws clicks alone, and the U-Net takes boxes",
            expected="a share of boxes above 0",
            remedy="raise prompts.train.box_share or box_jitter_share",
        )
    shares = {"box_share": prompts.box_share / boxed, "box_jitter_share": jittered / boxed}
    return prompts.model_copy(update={**shares, "click_share": 0.0, "box_click_share": 0.0})


def train_unet(
    network: BoxUnet,
    train: Sequence[Record],
    val: Sequence[Record],
    params: UnetParams,
    *,
    prompts: PromptParams,
    augment: AugmentParams,
    checkpoint_folder: Path,
    fingerprint: str,
    report: Report,
) -> FitResult:
    """Train the U-Net in place; it ends with the weights that were best on `val`.

    `fingerprint` and `report` as in components.training.finetune.finetune.

    Raises
    ------
    TrainingError
        If nothing can be prompted, or a gradient isn't finite.
    ParamsError
        If no prompt has a box.
    """
    device = pick_device()
    boxed = prompts.model_copy(update={"train": boxes_only(prompts.train)})
    images, validation = training_sets(
        train, val, params, image_size_px=network.image_size_px, prompts=boxed, augment=augment
    )
    task = _BoxTraining(network.to(device), params, validation)
    trainer = Trainer(
        task, images, params, folder=checkpoint_folder, fingerprint=fingerprint, report=report, device=device
    )
    result = trainer.fit()
    network.to("cpu").eval()
    return result
