"""An image, an outline, and what a person made of it, to the numbers that tell whether traffic changes: no pixels.

Each function gives one row: a mapping of names to numbers, words or None (not known). The same functions describe the
validation side when a model is built (components/evaluation/calibrating/reference.py) and the traffic that it serves
(components/monitoring/writer.py), so that both can be held against each other.

An embedding becomes `PROJECTED` numbers: the coarsest map is averaged over the image, which drops where anything was,
and the means of its channels are projected onto random directions that follow from the weights' digest. Sixteen numbers
of five digits are some 270 bits, and countless images share them: no image comes back from them. They are no proof of
anonymity either: whoever holds an image and the model can tell whether a row fits it.

Leaves out: where rows are kept (components/monitoring/writer.py) and what is made of them (components/monitoring).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from components.masks import Overlap
from components.promptable.calibration import Judged
from components.promptable.embedding import Embedding, to_array
from components.promptable.guard import IMAGE_FEATURES, SIDE_PX, GuardFinding, image_features
from components.types import Image, Mask, Prompt, Verdict

Value = float | str | None
Row = Mapping[str, Value]
PromptForm = Literal["box", "clicks", "both", "mask"]
PROJECTED = 16
PROJECTION = tuple(f"e{place:02d}" for place in range(PROJECTED))
"""Names of the embedding's coordinates."""
GREY_QUANTILES = (0.05, 0.5, 0.95)
IMAGE_SIGNALS = (
    *IMAGE_FEATURES,
    *(f"grey_q{round(100 * share):02d}" for share in GREY_QUANTILES),
    "sharpness",
    "grain",
    "top_heavy",
    "left_heavy",
    "aspect",
    "guard_score",
)
"""What is tested of an image beside its embedding; `megapixels` and `flagged` are told only."""
DIGITS = 5


def image_row(image: Image, embedding: Embedding[Any], finding: GuardFinding | None, *, model_digest: str) -> Row:
    """Describe an image (H W 3 uint8) that a model embedded (`embedding`, of this one image): some 4 ms.

    The guard's ten statistics (components/promptable/guard.py), and, of the same small square: quantiles of grey (0 to
    255), `sharpness` (log of 1 + the variance of the Laplacian), `grain` (roughness across less roughness down, which
    changes sign when the image is turned), `top_heavy` and `left_heavy` (the upper and left half's share of all grey,
    less a half), `aspect` (log of width over height).
    """
    height_px, width_px = int(image.shape[0]), int(image.shape[1])
    small = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    # The guard would make the same square of the whole image, at most of the cost.
    values = dict(zip(IMAGE_FEATURES, image_features(small).tolist(), strict=True))
    grey = small.astype(np.float32).mean(axis=2)  # S S
    for share, level in zip(GREY_QUANTILES, np.quantile(grey, GREY_QUANTILES).tolist(), strict=True):
        values[f"grey_q{round(100 * share):02d}"] = level
    total, half = max(float(grey.sum()), 1e-6), SIDE_PX // 2
    values |= {
        "sharpness": math.log1p(float(cv2.Laplacian(grey, cv2.CV_32F).var())),
        "grain": values["rough_across"] - values["rough_down"],
        "top_heavy": float(grey[:half].sum()) / total - 0.5,
        "left_heavy": float(grey[:, :half].sum()) / total - 0.5,
        "aspect": math.log(width_px / height_px),
        "megapixels": height_px * width_px / 1e6,
    }
    row: dict[str, Value] = {name: _short(value) for name, value in values.items()}
    row["guard_score"] = None if finding is None else _short(finding.score)
    row["flagged"] = None if finding is None else _yes_no(finding.flagged)
    return row | dict(zip(PROJECTION, projected(embedding, model_digest), strict=True))


def projected(embedding: Embedding[Any], model_digest: str) -> list[float]:
    """The coordinates PROJECTION of an embedding of one image, as the module's text says."""
    pooled = to_array(embedding.s16)[0].mean(axis=(1, 2), dtype=np.float64)  # C
    return [_short(value) for value in (_directions(model_digest, len(pooled)) @ pooled).tolist()]


@lru_cache(maxsize=8)
def _directions(model_digest: str, channels: int) -> NDArray[np.float64]:
    """Random directions (PROJECTED C) of a model, of unit length on average."""
    random = np.random.default_rng(int(model_digest[:16], 16))
    return random.standard_normal((PROJECTED, channels)) / math.sqrt(channels)


def prompt_form(prompt: Prompt) -> PromptForm:
    """What a prompt is made of; one with a previous mask is a correction, whatever else it says."""
    if prompt.mask is not None:
        return "mask"
    if prompt.box_xyxy is None:
        return "clicks"
    return "both" if prompt.points else "box"


def outline_row(
    mask: Mask, prompt: Prompt, *, quality: float, judged: Judged | None, latency_ms: float | None = None
) -> Row:
    """Describe an outline (H W), the prompt that it answers, the model's estimate of it and what was said of it.

    `judged` is None for a model without a calibration. `mask_share` is the outline's share of the image, `box_fill` its
    area over that of the prompt's box. `first` says whether the prompt is a first one, a lone box (`box`) or a lone
    positive click (`click`): only these are like the validation side's.
    """
    area_px = int(np.count_nonzero(mask))
    form, clicks = prompt_form(prompt), len(prompt.points)
    box_px = 0.0
    if prompt.box_xyxy is not None:
        x0, y0, x1, y1 = prompt.box_xyxy
        box_px = (x1 - x0) * (y1 - y0)
    lone_click = form == "clicks" and clicks == 1 and prompt.points[0].positive
    return {
        "form": form,
        "first": "box" if form == "box" else "click" if lone_click else None,
        "clicks": float(clicks),
        "quality": _short(quality),
        "confidence": None if judged is None else _short(judged.confidence),
        "abstain": None if judged is None else _yes_no(judged.abstain),
        "empty": _yes_no(area_px == 0),
        "mask_share": _short(area_px / mask.size),
        "box_fill": _short(area_px / box_px) if box_px else None,
        "latency_ms": None if latency_ms is None else _short(latency_ms),
    }


def feedback_row(verdict: Verdict, *, overlap: Overlap | None = None) -> Row:
    """Describe what a person made of an outline; `overlap` is that of the proposed and the final mask.

    `edit` is the edit distance, 1 - Dice between the two: 0 where it was accepted as it was, 1 where it was rejected,
    None where it was edited and either mask isn't known.
    """
    edit: float | None = {"accepted": 0.0, "rejected": 1.0}.get(verdict)
    if verdict == "edited" and overlap is not None:
        edit = edit_distance(overlap)
    return {"verdict": verdict, "edit": edit}


def edit_distance(overlap: Overlap) -> float:
    """1 - Dice between two masks; 0 between two empty ones."""
    return 0.0 if overlap.dice is None else _short(1 - overlap.dice)


def _yes_no(value: bool) -> str:
    return "yes" if value else "no"


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}")
