"""An image and prompts to masks in the image's own pixels: what evaluation, command line and service all call.

Each prompt is decoded by itself, so that a mask doesn't depend, to the bit, on what else was asked in the same call.
Stateless: any number of threads may share a model. A network of PyTorch is given tensors, an exported one arrays, and
then PyTorch isn't imported. Leaves out: decoding files (components/preprocess.py), and what runs a network (runtimes).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from components.errors import ArtefactError, PromptError
from components.preprocess import to_input_xy, to_native, to_native_arrays, to_planes
from components.promptable.embedding import (
    LEVEL_STRIDES,
    NO_PREVIOUS,
    Array,
    Embedding,
    Promptable,
    PromptBatch,
    to_tensor,
)
from components.promptable.runtimes.exported import Exported
from components.promptable.runtimes.runtime import THREADS
from components.types import Image, Mask, Prediction, Prompt

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# SAM2's prompt encoder takes pixel indices and adds half a pixel; ours count from the corner of the first pixel.
SAM2_SHIFT_PX = 0.5


def pick_device() -> torch.device:
    """The first CUDA device where torch sees one, else the CPU; for training and validation.

    Command line and service stay on the CPU, so that their masks are the same to the bit on every machine of a kind.
    """
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def pin_threads() -> None:
    """Fix torch's number of threads for this process, as everything does that predicts masks to keep.

    The encoder's sums differ in their last bits (5e-7) between one thread and several, so equal masks to the bit
    need equal numbers of threads, whatever the machine and its environment would choose.
    """
    import torch

    torch.set_num_threads(THREADS)


def place_of(model: Promptable) -> torch.device | None:
    """The device on which a model takes tensors; None for one that takes arrays."""
    return None if isinstance(model, Exported) else model.device


def without_gradients(model: Promptable) -> AbstractContextManager[object]:
    """In which a model is called that shall not train."""
    if isinstance(model, Exported):
        return nullcontext()
    import torch

    return torch.inference_mode()


def check_prompts(prompts: Sequence[Prompt], size_hw: tuple[int, int]) -> None:
    """Refuse prompts that say nothing, aren't finite, lie outside the image, or come with a mask of another size.

    A mask without an object pixel says nothing where it stands alone; beside a box or a click it says that nothing was
    found before.

    Raises
    ------
    PromptError
        Naming the prompt by its place.
    """
    height_px, width_px = size_hw
    for place, prompt in enumerate(prompts):
        if prompt.mask is not None:
            _check_mask(place, prompt.mask, size_hw)
        if prompt.box_xyxy is None and not prompt.points and (prompt.mask is None or not prompt.mask.any()):
            found = "neither a box nor a point" + (" nor a mask" if prompt.mask is None else ", and an empty mask")
            raise _refused(place, found, "a box, points, a previous mask, or several of them")
        numbers = [*(prompt.box_xyxy or ()), *(n for point in prompt.points for n in (point.x, point.y))]
        if not all(math.isfinite(number) for number in numbers):
            raise _refused(place, "a coordinate that isn't a finite number", "finite pixel coordinates")
        if prompt.box_xyxy is not None:
            x0, y0, x1, y1 = prompt.box_xyxy
            if not (0 <= x0 < x1 <= width_px and 0 <= y0 < y1 <= height_px):
                expected = f"0 <= x0 < x1 <= {width_px} and 0 <= y0 < y1 <= {height_px}"
                raise _refused(place, f"the box {x0:g} {y0:g} {x1:g} {y1:g}", expected)
        for point in prompt.points:
            if not (0 <= point.x <= width_px and 0 <= point.y <= height_px):
                expected = f"0 <= x <= {width_px} and 0 <= y <= {height_px}"
                raise _refused(place, f"the point {point.x:g} {point.y:g}", expected)


def _check_mask(place: int, mask: Mask, size_hw: tuple[int, int]) -> None:
    if mask.dtype != np.bool_:
        raise _refused(place, f"a mask of {mask.dtype}", "a mask of bool")
    if mask.shape != size_hw:
        found = " x ".join(map(str, mask.shape))
        raise _refused(place, f"a mask of {found} pixels (height x width)", f"the image's {size_hw[0]} x {size_hw[1]}")


def _refused(place: int, found: str, expected: str) -> PromptError:
    return PromptError(
        f"object {place}: {found}", expected=expected, remedy="give coordinates and masks in the image's own pixels"
    )


def to_batch(
    prompts: Sequence[Prompt], *, size_hw: tuple[int, int], size_px: int, device: torch.device | None
) -> PromptBatch[Any]:
    """Turn prompts on one image (native pixels) into a batch in the frame of the model's input, padded with -1.

    Tensors on a device, or arrays where that is None. A prompt that says nothing is padding alone, which is how SAM2
    itself takes it (its sam2_base, "no points"). Masks are averaged over the cells of the model's mask input, so that
    one which covers less than a 500th of each cell that it touches is lost.
    """
    rows = [_corners_and_clicks(prompt) for prompt in prompts]
    width = max(1, *(len(row) for row in rows))
    coords = np.zeros((len(rows), width, 2))
    labels = np.full((len(rows), width), -1, dtype=np.int64)
    for index, row in enumerate(rows):
        if not row:
            continue
        native_xy = np.array([xy for xy, _ in row], dtype=np.float64)
        coords[index, : len(row)] = to_input_xy(native_xy, size_hw=size_hw, size_px=size_px) - SAM2_SHIFT_PX
        labels[index, : len(row)] = [label for _, label in row]
    batch: PromptBatch[Array] = PromptBatch(
        image_index=np.zeros(len(rows), dtype=np.int64),
        coords=coords.astype(np.float32),
        labels=labels,
        previous=_previous(prompts, cells=size_px // LEVEL_STRIDES[0]),
    )
    return batch if device is None else batch.to(device)


def _previous(prompts: Sequence[Prompt], *, cells: int) -> NDArray[np.float32] | None:
    """The previous masks of prompts as `PromptBatch.previous` (N cells cells); None where no prompt has one."""
    if all(prompt.mask is None for prompt in prompts):
        return None
    shares = np.full((len(prompts), cells, cells), NO_PREVIOUS, dtype=np.float32)
    for index, prompt in enumerate(prompts):
        if prompt.mask is not None:
            shares[index] = cell_shares(prompt.mask, cells)
    return shares


def cell_shares(mask: Mask, cells: int) -> NDArray[np.float32]:
    """The share of each of cells x cells that a mask (H W) covers, to a 255th."""
    shrinks = mask.shape[0] > cells and mask.shape[1] > cells
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    bright = np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255)
    return np.asarray(cv2.resize(bright, (cells, cells), interpolation=how), dtype=np.float32) / np.float32(255)


def _corners_and_clicks(prompt: Prompt) -> list[tuple[tuple[float, float], int]]:
    row: list[tuple[tuple[float, float], int]] = []
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        row += [((x0, y0), 2), ((x1, y1), 3)]
    return row + [((point.x, point.y), int(point.positive)) for point in prompt.points]


def to_inputs(model: Promptable, images: Sequence[Image]) -> Tensor | Array:
    """Images (H W 3 uint8, any sizes) as a model takes them, B 3 S S."""
    planes = np.stack([to_planes(image, model.image_size_px) for image in images])
    device = place_of(model)
    return planes if device is None else to_tensor(planes, device)


def to_prediction(logits: Tensor | Array, quality: Tensor | Array, size_hw: tuple[int, int]) -> Prediction:
    """One prompt's logits (1 S/4 S/4) and estimate (1) to its mask in an image of native size `size_hw`.

    Raises
    ------
    ArtefactError
        If one of the numbers isn't finite: the mask would be empty, or silently wrong.
    """
    if isinstance(logits, np.ndarray):
        with np.errstate(invalid="ignore"):
            _check_finite(float(logits.sum()), float(quality[0]))
        mask = to_native_arrays(logits, size_hw)[0] > 0
    else:
        logits = logits.float()
        _check_finite(float(logits.sum()), float(quality[0]))
        mask = (to_native(logits, size_hw)[0] > 0).cpu().numpy()
    return Prediction(mask=mask, quality=min(max(float(quality[0]), 0.0), 1.0))


def _check_finite(total: float, quality: float) -> None:
    # One number that isn't finite makes their sum such, for a hundredth of what a mask costs.
    if not math.isfinite(total + quality):
        raise ArtefactError(
            "the network's answer holds numbers that aren't finite",
            expected="finite logits, and a finite estimate of their quality",
            remedy="its weights are broken, or overflow in this precision: take another model, or train this one again",
        )


def embed(segmenter: Promptable, image: Image) -> Embedding[Any]:
    """Embed one image (H W 3 uint8); the costly part, once an image."""
    with without_gradients(segmenter):
        return segmenter.encode(to_inputs(segmenter, [image]))


def segment_embedded(
    segmenter: Promptable, embedding: Embedding[Any], size_hw: tuple[int, int], prompts: Sequence[Prompt]
) -> list[Prediction]:
    """Segment an embedded image of native size `size_hw`, one prediction for each prompt, in order.

    Raises
    ------
    ArtefactError
        As `to_prediction`.
    PromptError
        As `check_prompts`.
    """
    check_prompts(prompts, size_hw)
    return [_decoded(segmenter, embedding, size_hw, prompt) for prompt in prompts]


def segment_unprompted(segmenter: Promptable, embedding: Embedding[Any], size_hw: tuple[int, int]) -> Prediction:
    """Segment an embedded image of native size `size_hw` without any prompt: whatever the model takes for the object.

    For evaluation; everybody else must say what they mean (`check_prompts`).

    Raises
    ------
    ArtefactError
        As `to_prediction`.
    """
    return _decoded(segmenter, embedding, size_hw, Prompt())


def _decoded(segmenter: Promptable, embedding: Embedding[Any], size_hw: tuple[int, int], prompt: Prompt) -> Prediction:
    batch = to_batch([prompt], size_hw=size_hw, size_px=segmenter.image_size_px, device=place_of(segmenter))
    with without_gradients(segmenter):
        logits, quality = segmenter.decode(embedding, batch)
        return to_prediction(logits, quality, size_hw)


def segment(segmenter: Promptable, image: Image, prompts: Sequence[Prompt]) -> list[Prediction]:
    """Segment an image (H W 3 uint8), one prediction for each prompt, in order.

    Raises
    ------
    ArtefactError
        As `to_prediction`.
    PromptError
        As `check_prompts`.
    """
    size_hw = (image.shape[0], image.shape[1])
    check_prompts(prompts, size_hw)
    return segment_embedded(segmenter, embed(segmenter, image), size_hw, prompts)
