"""The whole way on phantom images: described as the service does, judged as a window is; changes planted in pixels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from components.monitoring.drift import Judgement, judge_units
from components.monitoring.reading import Window
from components.phantom.breast import breast
from components.phantom.cervix import cervix
from components.phantom.drawing import Drawing
from components.promptable.guard import GuardFinding
from components.promptable.segmenter import Embedding
from components.promptable.signals import Row, image_row
from components.types import Image
from tests.components.monitoring.simulated import DIGEST, monitor_params

COUNT = 34
KERNELS = torch.randn((256, 16), generator=torch.Generator().manual_seed(1))


def embedding(image: Image) -> Embedding:
    """Random features of patches: an encoder that nobody trained."""
    small = cv2.resize(image[..., 0], (32, 32), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    patches = torch.nn.functional.unfold(torch.from_numpy(small)[None, None], 4, stride=4)  # 1 16 64
    level = torch.relu(KERNELS @ (patches - patches.mean())).reshape(1, 256, 8, 8)
    return Embedding(level, level, level)


def described(image: Image) -> Row:
    """An image's row; the guard is tested elsewhere."""
    return image_row(image, embedding(image), GuardFinding(1.0, 2.0, "image"), model_digest=DIGEST)


def drawn(draw: Callable[[np.random.Generator], Drawing], seeds: range) -> list[Image]:
    """Small phantoms, of few beams, so that they are quick."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng([11, seed])
        drawing = draw(rng)
        coarse = replace(drawing, probe=replace(drawing.probe, lines=96, samples=192))
        found.append(np.repeat(coarse.look(rng).image[..., None], 3, axis=2))
    return found


def a_breast(rng: np.random.Generator) -> Drawing:
    """A breast with a lesion, in the frame of its probe."""
    return breast(rng, ("benign",), height_px=96, depth_mm=float(rng.uniform(34, 46)), width_mm=45)


@pytest.fixture(scope="module")
def built_on() -> list[Row]:
    """The validation side."""
    return [described(image) for image in drawn(a_breast, range(COUNT))]


@pytest.fixture(scope="module")
def served() -> list[Image]:
    """A window of traffic of the same kind, of other patients."""
    return drawn(a_breast, range(100, 100 + COUNT))


def judged(built_on: list[Row], images: list[Image]) -> Judgement:
    """The judgement of a window of images, by the project's own numbers."""
    now = {"image": [described(image) for image in images]}
    return judge_units(Window(2900, 7), now, validation={"image": built_on}, earlier={}, params=monitor_params())


def test_the_same_kind_of_images_is_steady(built_on: list[Row], served: list[Image]) -> None:
    found = judged(built_on, served)
    assert found.verdict == "STEADY"
    assert sum(one.verdict == "STEADY" for one in found.findings) >= 20


CHANGES: dict[str, tuple[Callable[[Image], Image], set[str]]] = {
    "gain": (lambda image: np.clip(1.5 * image, 0, 255).astype(np.uint8), {"mean", "grey_q50", "grey_q95", "spread"}),
    "other probe": (lambda image: np.asarray(cv2.GaussianBlur(image, (0, 0), 1.5), np.uint8), {"sharpness", "fine"}),
    "upside down": (lambda image: np.ascontiguousarray(image[::-1]), {"top_heavy"}),
    "turned": (lambda image: np.ascontiguousarray(np.rot90(image)), {"grain", "aspect"}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_in_the_pixels_is_found_and_named(built_on: list[Row], served: list[Image], name: str) -> None:
    change, signals = CHANGES[name]
    found = judged(built_on, [change(image) for image in served])
    assert found.verdict == "DRIFT"
    assert {one.signal.name for one in found.drifted} & signals


def test_other_anatomy_is_found_by_what_the_model_makes_of_it(built_on: list[Row]) -> None:
    found = judged(built_on, drawn(lambda rng: cervix(rng, height_px=96, width_px=130), range(COUNT)))
    assert found.verdict == "DRIFT" and "embedding" in {one.signal.name for one in found.drifted}
