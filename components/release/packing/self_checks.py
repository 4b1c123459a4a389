"""A student to its self-check: phantoms drawn for it, and what it answers about them.

The golden cases that a Bento is judged by are images of datasets, which must not travel with it; these are drawn, and
may. Leaves out: holding a model against its self-check (components/promptable/self_check.py).
"""

from __future__ import annotations

import numpy as np

from components.masks import tight_box
from components.phantom.breast import breast
from components.phantom.drawing import Drawing
from components.phantom.thyroid import thyroid
from components.promptable.predict import segment
from components.promptable.runtimes.runtime import Runtime
from components.promptable.self_check import CheckImage, SelfCheck, check_image
from components.types import Mask, Point, Prompt

SEED = 20261122
HEIGHT_PX = 256
LEAST_IOU = 0.98
"""Below it a mask isn't the one that was packed; other processors moved fewer than one pixel in a thousand here."""


def make_self_check(model: Runtime, model_digest: str) -> SelfCheck:
    """Ask a student, in the runtime that shall serve it, about a breast and a thyroid lobe, each with three prompts."""
    images = tuple(_asked(model, drawing, rng) for drawing, rng in _drawings())
    return SelfCheck(schema=2, runtime=model.facts.name, model_digest=model_digest, least_iou=LEAST_IOU, images=images)


def _drawings() -> list[tuple[Drawing, np.random.Generator]]:
    first, second = (np.random.default_rng((SEED, number)) for number in range(2))
    return [
        (breast(first, ("benign",), height_px=HEIGHT_PX, depth_mm=40.0, width_mm=38.0), first),
        (thyroid(second, ("malignant",), height_px=HEIGHT_PX, depth_mm=40.0, width_mm=38.0), second),
    ]


def _asked(model: Runtime, drawing: Drawing, rng: np.random.Generator) -> CheckImage:
    image = np.repeat(drawing.look(rng).image[..., None], 3, axis=2)
    prompts = _prompts(drawing.labels == 1)
    return check_image(image, prompts, segment(model, image, prompts))


def _prompts(truth: Mask) -> list[Prompt]:
    """A box, a click, and both with a click beside the object."""
    box = tight_box(truth)
    assert box is not None, "the drawing holds its lesion"
    x0, y0, x1, y1 = (float(side) for side in box)
    centre, beside = Point((x0 + x1) / 2, (y0 + y1) / 2), Point(1.0, 1.0, positive=False)
    return [Prompt((x0, y0, x1, y1)), Prompt(None, (centre,)), Prompt((x0, y0, x1, y1), (centre, beside))]
