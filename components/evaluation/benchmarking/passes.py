"""One image's way through a model, from a file's bytes to a mask of its own size, and how long each part took.

The way is the product's own, step by step (components/preprocess.py, components/promptable/predict.py), so that
encoder, click and the whole come from one and the same pass. Leaves out: how often and in what order (rounds.py).
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import cv2
import numpy as np
import torch

from components.preprocess import decode_image
from components.promptable.predict import (
    Promptable,
    check_prompts,
    place_of,
    to_batch,
    to_inputs,
    to_prediction,
    without_gradients,
)
from components.types import Point, Prediction, Prompt

Part = Literal["encoder", "click", "file_to_mask", "batch"]
PARTS: tuple[Part, ...] = ("encoder", "click", "file_to_mask", "batch")
DType = Literal["float32", "bfloat16"]

SCAN_HW = (768, 1024)
CLICK = Prompt(points=(Point(x=512.0, y=384.0, positive=True),))
BOX = Prompt(box_xyxy=(380.0, 280.0, 640.0, 490.0))


def scan() -> bytes:
    """A PNG of 1024 x 768 pixels of speckle with a dark ellipse in it, the same each time."""
    height_px, width_px = SCAN_HW
    pixels = np.random.default_rng(20261122).integers(40, 160, (height_px, width_px), dtype=np.uint8)
    rows, columns = np.ogrid[:height_px, :width_px]
    pixels[((rows - 384) / 100) ** 2 + ((columns - 512) / 130) ** 2 < 1] //= 4
    encoded, data = cv2.imencode(".png", pixels)
    assert encoded, "OpenCV writes PNG"
    return data.tobytes()


def one_pass(model: Promptable, data: bytes, prompt: Prompt, *, dtype: DType = "float32") -> dict[Part, float]:
    """Take a file's bytes to a mask at its own size; milliseconds of the encoder, of the click, and of all together.

    With `bfloat16`, torch's autocast is around the two calls of the model.
    """
    began_s = _now_s(model)
    _, encoder_ms, click_ms = _way(model, data, prompt, dtype)
    return {"encoder": encoder_ms, "click": click_ms, "file_to_mask": (_now_s(model) - began_s) * 1e3}


def mask_of(model: Promptable, data: bytes, prompt: Prompt, *, dtype: DType = "float32") -> Prediction:
    """The mask at the end of that way."""
    return _way(model, data, prompt, dtype)[0]


def _way(model: Promptable, data: bytes, prompt: Prompt, dtype: DType) -> tuple[Prediction, float, float]:
    """What `predict.segment` does, one step after the other: the prediction, and milliseconds of encoder and click."""
    with without_gradients(model):
        image = decode_image(data, name="scan.png")
        size_hw = (image.shape[0], image.shape[1])
        check_prompts([prompt], size_hw)
        planes = to_inputs(model, [image])
        began_s = _now_s(model)
        with _computing_in(dtype, model):
            embedding = model.encode(planes)
        encoder_ms = (_now_s(model) - began_s) * 1e3
        prompts = to_batch([prompt], size_hw=size_hw, size_px=model.image_size_px, device=place_of(model))
        began_s = _now_s(model)
        with _computing_in(dtype, model):
            logits, quality = model.decode(embedding, prompts)
        click_ms = (_now_s(model) - began_s) * 1e3
        return to_prediction(logits, quality, size_hw), encoder_ms, click_ms


def one_batch(model: Promptable, data: bytes, images: int, *, dtype: DType = "float32") -> dict[Part, float]:
    """Encode so many images in one call; milliseconds of the whole batch."""
    with without_gradients(model):
        planes = to_inputs(model, [decode_image(data, name="scan.png")] * images)  # B 3 S S
        began_s = _now_s(model)
        with _computing_in(dtype, model):
            model.encode(planes)
        return {"batch": (_now_s(model) - began_s) * 1e3}


def _computing_in(dtype: DType, model: Promptable) -> AbstractContextManager[object]:
    return torch.autocast(model.device.type, torch.bfloat16) if dtype == "bfloat16" else nullcontext()


def _now_s(model: Promptable) -> float:
    """The time at which all work that a GPU was given is done."""
    if model.device.type == "cuda":
        torch.cuda.synchronize(model.device)
    return time.perf_counter()
