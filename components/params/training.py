"""How the models are trained."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from components.params.section import Section, Seed, Share

# What says how a training is done and not what comes of it: one that was begun goes on under other values.
HOW = ("machine", "teacher_outputs", "cache_gigabytes")


def without_how(said: Any) -> Any:
    """What `model_dump` says of parameters, without HOW at any depth: what a training's result depends on."""
    if not isinstance(said, dict):
        return said
    return {key: without_how(one) for key, one in said.items() if key not in HOW}


class AugmentParams(Section):
    """Probabilities of flips and blur; largest relative change of scale, shift, light; degrees of rotation."""

    hflip: Share = Field(ge=0, le=1)
    vflip: Share = Field(ge=0, le=1)
    scale: float = Field(ge=0, lt=1)
    shift: float = Field(ge=0, lt=1)
    rotate_deg: float = Field(ge=0, le=180)
    brightness: float = Field(ge=0, le=1)
    contrast: float = Field(ge=0, le=1)
    gamma: float = Field(ge=0, lt=1)
    blur: Share = Field(ge=0, le=1)


class MaskLossParams(Section):
    """Weights of soft Dice, focal and quality loss; focal's gamma and alpha (weight of the foreground)."""

    dice: float = Field(ge=0)
    focal: float = Field(ge=0)
    focal_gamma: float = Field(ge=0)
    focal_alpha: float = Field(gt=0, lt=1)
    quality: float = Field(ge=0)


class MachineParams(Section):
    """How a training uses the machine (docs/training.md): it comes to the same up to the last bits, so that a begun one
    goes on under other values.

    `processes` on each of `nodes` machines train together, each on its share of every batch; `rendezvous` is the
    address (`host:port`) at which several machines meet. `checkpointing` keeps the input of each of the trunk's blocks
    alone and computes the rest again on the way back: less memory for about half as much time again. `compile` has
    torch compile the trunk, which costs a minute or more at the start.
    """

    processes: int = Field(default=1, ge=1)
    nodes: int = Field(default=1, ge=1)
    rendezvous: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.\-]+:\d{1,5}$")
    checkpointing: bool = False
    compile: bool = False

    @model_validator(mode="after")
    def _machines_meet_somewhere(self) -> Self:
        if (self.nodes > 1) != (self.rendezvous is not None):
            raise ValueError("several nodes need a rendezvous (host:port of one of them), and one node takes none")
        return self


class FitParams(Section):
    """What all trainings share.

    `schedule`: `exponential` multiplies the rate by `gamma` each epoch (the paper: 0.98), `cosine` falls to zero
    over all epochs. `accumulate` batches make one step. `amp`: `off`, `bf16`, or `auto` (bf16 on a GPU that has
    it, else off). A checkpoint is written after every epoch and at least every `checkpoint_seconds`.
    `patience_epochs` without a better validation Dice end the training.
    """

    seed: Seed
    epochs: int = Field(ge=1)
    batch_size: int = Field(ge=1)
    accumulate: int = Field(ge=1)
    learning_rate: float = Field(gt=0)
    schedule: Literal["exponential", "cosine"]
    gamma: float = Field(gt=0, le=1)
    warmup_steps: int = Field(ge=0)
    weight_decay: float = Field(ge=0)
    clip_norm: float = Field(gt=0)
    amp: Literal["off", "bf16", "auto"]
    patience_epochs: int = Field(ge=1)
    checkpoint_seconds: float = Field(gt=0)
    loader_workers: int = Field(ge=0)
    machine: MachineParams = MachineParams()

    @model_validator(mode="after")
    def _each_process_has_an_image(self) -> Self:
        if (ranks := self.machine.processes * self.machine.nodes) > self.batch_size:
            raise ValueError(
                f"batch_size is {self.batch_size}, and machine asks for {ranks} processes, each of which takes an "
                "image of every batch: raise batch_size, or lower machine.processes or machine.nodes"
            )
        return self


class OptimiseParams(FitParams):
    """What the trainings of teacher and student share: the losses of their masks."""

    loss: MaskLossParams


class FinetuneParams(OptimiseParams):
    """Stage 1 of the paper: adapters, neck and decoder on a frozen trunk."""


class DistilTerms(Section):
    """Weights of the three features that are distilled at each level: block, adapter and their sum."""

    block: float = Field(ge=0)
    adapter: float = Field(ge=0)
    sum: float = Field(ge=0)


class DistilParams(OptimiseParams):
    """Stage 2 of the paper, deep-supervised knowledge distillation.

    `levels` are strides of the feature maps (H/4, H/8, H/16). `mask_weight` weighs the mask loss of the student's
    own decoder against the features' loss; 0 is the paper's plain DSKD. `logits_weight` weighs how far its masks'
    probabilities are from the teacher's on the same prompts: for a decoder of other sizes, which can't be taken over.

    `augment_rounds` is how many different augmentations an image gets before they repeat, prompts and order aside; 0: a
    new one every epoch. Where they repeat, `teacher_outputs` are computed each time (`recompute`), kept on disk
    (`cache`, at most `cache_gigabytes`), or whichever a measurement at the start finds shorter (`auto`); the student is
    the same to the bit. With `teacher_precision` of `half` the teacher's maps are rounded to float16, kept or not:
    half the disk, and another student.
    """

    levels: tuple[Literal[4, 8, 16], ...] = Field(min_length=1)
    terms: DistilTerms
    mask_weight: float = Field(ge=0)
    logits_weight: float = Field(default=0.0, ge=0)
    augment_rounds: int = Field(default=0, ge=0)
    teacher_outputs: Literal["recompute", "cache", "auto"] = "recompute"
    teacher_precision: Literal["as_computed", "half"] = "as_computed"
    cache_gigabytes: float = Field(default=50.0, gt=0)

    @model_validator(mode="after")
    def _each_level_once(self) -> Self:
        if len(set(self.levels)) < len(self.levels):
            raise ValueError("a level stands twice in `levels`: it would weigh twice")
        return self

    @property
    def asks_teacher(self) -> bool:
        """Whether the teacher is asked anything while the student trains."""
        terms = self.terms
        return terms.block > 0 or terms.adapter > 0 or terms.sum > 0 or self.logits_weight > 0

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.mask_weight == 0 and not self.asks_teacher:
            raise ValueError("mask_weight, logits_weight and all of terms are 0: nothing to learn; raise one of them")
        return self

    @model_validator(mode="after")
    def _what_is_kept_is_needed_again(self) -> Self:
        if self.teacher_outputs == "cache" and not 0 < self.augment_rounds < self.epochs:
            raise ValueError("teacher_outputs is cache, and no augmentation repeats: set augment_rounds below epochs")
        return self


class UnetLossParams(Section):
    """Weights of binary cross entropy and soft Dice; nnU-Net weighs them alike (Isensee et al. 2021)."""

    bce: float = Field(ge=0)
    dice: float = Field(ge=0)

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.bce == self.dice == 0:
            raise ValueError("bce and dice are both 0: nothing to learn")
        return self


class UnetParams(FitParams):
    """The baseline that learns: a U-Net that is given the box as an input channel (components/unet).

    `channels` at each level, the first at half the input's size and each further one at half of that; multiples of 8,
    or fewer than 8. It learns from the images, augmentation and boxes of `prompts.train` that the models learn from,
    clicks left out.
    """

    channels: tuple[Annotated[int, Field(ge=1)], ...] = Field(min_length=2, max_length=5)
    loss: UnetLossParams

    @model_validator(mode="after")
    def _has_no_trunk(self) -> Self:
        if self.machine.checkpointing or self.machine.compile:
            raise ValueError("machine.checkpointing and machine.compile are for trunks, which the U-Net has none of")
        return self

    @model_validator(mode="after")
    def _channels_make_groups(self) -> Self:
        if odd := [width for width in self.channels if width > 8 and width % 8]:
            raise ValueError(f"channels {', '.join(map(str, odd))}: each level has fewer than 8 or a multiple of 8")
        return self


class SpreadParams(Section):
    """Sister students: distilled exactly as the student, but for the seed; how far their results lie apart is what luck
    alone does. At least three say something; none are trained unless asked for."""

    seeds: tuple[Seed, ...] = ()

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed stands twice in `seeds`: its students would be the same")
        return self
