"""Records to training batches: augmented images, one mask and one prompt for each object.

Which image comes when, how it is augmented and what is prompted depends on (seed, epoch, image) alone, so that an
interrupted epoch can be taken up at any batch, with any number of loader processes. Boxes are drawn from the mask
after augmentation, so that they stay tight under rotation. Leaves out: the order of images and the processes that
read them (loading.py), losses, devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import albumentations as A
import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from components.evaluation.prompting.prompts import draw_prompts, exact_box, jitter_box, negative_click, random_click
from components.intake.form.records import load_image, load_instances
from components.params import AugmentParams, EvaluatePrompts, FitParams, PromptParams, TrainPrompts
from components.preprocess import normalise, resize_image
from components.promptable.predict import to_batch
from components.promptable.segmenter import PromptBatch
from components.training.ranks import current_ranks
from components.types import InstanceMask, Mask, Point, Prompt, Record

MIN_INPUT_AREA_PX = 12


@dataclass(frozen=True, slots=True)
class Batch:
    """B images (B 3 S S), and N objects of them: their prompts and true masks (N S S, 0 or 1)."""

    images: Tensor
    prompts: PromptBatch
    truth: Tensor

    def to(self, device: torch.device) -> Batch:
        """The batch on another device; from pinned memory the copies run beside the GPU's work."""
        images, truth = self.images.to(device, non_blocking=True), self.truth.to(device, non_blocking=True)
        return Batch(images, self.prompts.to(device), truth.float())

    def padded(self, points: int) -> Batch:
        """The batch with prompts of so many points: the decoder attends to padding, too, and a share of a batch must
        have as much of it as the whole one."""
        more = points - self.prompts.labels.shape[1]
        if more <= 0:
            return self
        coords, labels = F.pad(self.prompts.coords, (0, 0, 0, more)), F.pad(self.prompts.labels, (0, more), value=-1)
        return replace(self, prompts=replace(self.prompts, coords=coords, labels=labels))

    def pin_memory(self) -> Batch:
        """The batch with images and masks in pinned memory; the loader's hook for GPUs."""
        return Batch(self.images.pin_memory(), self.prompts, self.truth.pin_memory())


@dataclass(frozen=True, slots=True)
class _Sample:
    image: Tensor  # 3 S S
    masks: NDArray[np.bool_]  # K S S
    prompts: list[Prompt]


def augmentation(params: AugmentParams) -> A.Compose:
    """Albumentations' transforms of image and instance mask together; the mask is moved by nearest neighbour."""
    return A.Compose(
        [
            A.HorizontalFlip(p=params.hflip),
            A.VerticalFlip(p=params.vflip),
            A.Affine(
                scale=(1 - params.scale, 1 + params.scale),
                translate_percent=(-params.shift, params.shift),
                rotate=(-params.rotate_deg, params.rotate_deg),
                mask_interpolation=cv2.INTER_NEAREST,
                p=1.0,
            ),
            A.RandomBrightnessContrast(brightness_limit=params.brightness, contrast_limit=params.contrast, p=0.5),
            A.RandomGamma(gamma_limit=(100 * (1 - params.gamma), 100 * (1 + params.gamma)), p=0.5),
            A.GaussianBlur(blur_limit=(3, 5), p=params.blur),
        ]
    )


def draw_training_prompt(mask: Mask, params: TrainPrompts, rng: np.random.Generator) -> Prompt:
    """One prompt for an object (H W): box, jittered box, clicks, or a jittered box with clicks, by their shares."""
    shares = [params.box_share, params.box_jitter_share, params.click_share, params.box_click_share]
    kind = rng.choice(["box", "box_jitter", "click", "box_click"], p=shares)
    box = exact_box(mask)
    if kind in ("box_jitter", "box_click"):
        size_hw = (mask.shape[0], mask.shape[1])
        box = jitter_box(box, fraction=params.jitter * rng.uniform(), rng=rng, size_hw=size_hw)
    points: list[Point] = []
    if kind in ("click", "box_click"):
        points.append(random_click(mask, rng=rng))
        beside = negative_click(mask, rng=rng) if rng.uniform() < 0.5 else None
        points += [beside] if beside is not None else []
    return Prompt(box_xyxy=None if kind == "click" else box, points=tuple(points))


def shrink_mask(mask: Mask, size_px: int) -> Mask:
    """Stretch a mask (H W) to a square of `size_px` by nearest neighbour; an object that this would lose is kept as
    every pixel that it touches."""
    size = (size_px, size_px)
    small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    if not small.any():
        small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    return np.asarray(small, dtype=np.bool_)


class TrainingImages(Dataset[_Sample]):
    """Images that hold a promptable object, addressed by (epoch, index).

    With `rounds` above 0 augmentations repeat after so many epochs, prompts and the choice of objects don't.
    """

    def __init__(
        self,
        records: Sequence[Record],
        *,
        image_size_px: int,
        augment: AugmentParams,
        prompts: TrainPrompts,
        min_area_px: int,
        seed: int,
        rounds: int = 0,
    ) -> None:
        self.records = [r for r in records if any(o.area_px >= min_area_px for o in r.objects)]
        self.image_size_px = image_size_px
        self.augment = augment
        self.prompts = prompts
        self.min_area_px = min_area_px
        self.seed = seed
        self.rounds = rounds
        self.transform = augmentation(augment)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, key: tuple[int, int]) -> _Sample:
        epoch, index = key
        record = self.records[index]
        rng = np.random.default_rng([self.seed, epoch, index])
        image = resize_image(load_image(record), self.image_size_px)
        native = load_instances(record)
        size = (self.image_size_px, self.image_size_px)
        instances = np.asarray(cv2.resize(native, size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
        look = int(rng.integers(2**31))
        if self.rounds:
            look = int(np.random.default_rng([self.seed, epoch % self.rounds, index]).integers(2**31))
        self.transform.set_random_seed(look)
        moved = self.transform(image=image, mask=instances)
        masks = self._large_enough(record, moved["mask"])
        if masks:
            image = moved["image"]
        else:  # every object was moved out of the frame, or is a speck at this size
            promptable = [o for o in record.objects if o.area_px >= self.min_area_px]
            masks = [shrink_mask(native == o.index, self.image_size_px) for o in promptable]
        chosen = rng.permutation(len(masks))[: self.prompts.max_objects]
        kept = [masks[k] for k in chosen]
        return _Sample(
            image=normalise(image),
            masks=np.stack(kept),
            prompts=[draw_training_prompt(mask, self.prompts, rng) for mask in kept],
        )

    def _large_enough(self, record: Record, instances: InstanceMask) -> list[Mask]:
        masks = [instances == o.index for o in record.objects if o.area_px >= self.min_area_px]
        return [mask for mask in masks if np.count_nonzero(mask) >= MIN_INPUT_AREA_PX]


def collate(samples: Sequence[_Sample]) -> Batch:
    """Join samples into a batch, prompts padded to the longest."""
    size_px = int(samples[0].image.shape[-1])
    prompts = [prompt for sample in samples for prompt in sample.prompts]
    batch = to_batch(prompts, size_hw=(size_px, size_px), size_px=size_px, device=torch.device("cpu"))
    owners = [index for index, sample in enumerate(samples) for _ in sample.prompts]
    return Batch(
        images=torch.stack([sample.image for sample in samples]),
        prompts=PromptBatch(torch.tensor(owners), batch.coords, batch.labels),
        truth=torch.from_numpy(np.concatenate([sample.masks for sample in samples])),
    )


def validation_batches(
    records: Sequence[Record],
    *,
    image_size_px: int,
    prompts: EvaluatePrompts,
    min_area_px: int,
    batch_size: int,
) -> list[Batch]:
    """Fixed batches to choose a checkpoint by, this rank's share: jittered boxes on images as they are, at the input's
    size.

    Kept in memory at one byte a truth pixel; the validation sets of the six datasets are small.
    """
    batches = []
    promptable = [r for r in records if any(o.area_px >= min_area_px for o in r.objects)]
    for start in current_ranks().share(range(0, len(promptable), batch_size)):
        samples = [
            _validation_sample(record, image_size_px=image_size_px, prompts=prompts, min_area_px=min_area_px)
            for record in promptable[start : start + batch_size]
        ]
        batches.append(collate(samples))
    return batches


def _validation_sample(record: Record, *, image_size_px: int, prompts: EvaluatePrompts, min_area_px: int) -> _Sample:
    image, instances = load_image(record), load_instances(record)
    drawn = draw_prompts(
        record, instances, kinds=("box_jitter",), jitter=prompts.jitter, seed=prompts.seed, min_area_px=min_area_px
    )
    masks, moved = [], []
    scale_x, scale_y = image_size_px / image.shape[1], image_size_px / image.shape[0]
    for item in drawn:
        masks.append(shrink_mask(instances == item.object_index, image_size_px))
        x0, y0, x1, y1 = item.prompt.box_xyxy or (0.0, 0.0, 0.0, 0.0)
        moved.append(Prompt(box_xyxy=(x0 * scale_x, y0 * scale_y, x1 * scale_x, y1 * scale_y)))
    return _Sample(normalise(resize_image(image, image_size_px)), np.stack(masks), moved)


def training_sets(
    train: Sequence[Record],
    val: Sequence[Record],
    params: FitParams,
    *,
    image_size_px: int,
    prompts: PromptParams,
    augment: AugmentParams,
    rounds: int = 0,
) -> tuple[TrainingImages, list[Batch]]:
    """What a training learns from, and the fixed batches that choose its weights; `rounds` as in `TrainingImages`."""
    images = TrainingImages(
        train,
        image_size_px=image_size_px,
        augment=augment,
        prompts=prompts.train,
        min_area_px=prompts.min_area_px,
        seed=params.seed,
        rounds=rounds,
    )
    validation = validation_batches(
        val,
        image_size_px=image_size_px,
        prompts=prompts.evaluate,
        min_area_px=prompts.min_area_px,
        batch_size=params.batch_size,
    )
    return images, validation
