"""An image and its embedding to whether the model knows such images: a guard against what isn't ultrasound.

Two descriptions are held against those of the ultrasound images that the guard was fitted on: a few statistics of the
image (colour, grey values, how rough it is, and in which direction) and the means and spreads of the embedding's
channels, which are there anyway. Each is a robust distance, every feature in units of its own spread over those images;
the larger one decides. No second network, some thousand numbers, a few milliseconds an image.
It tells what is far from what it has seen; it doesn't tell that an outline is good, and other anatomy or another
machine may be far too.

Leaves out: how it is fitted and where the threshold comes from (components/evaluation/calibrating).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from components.errors import ArtefactError
from components.promptable.embedding import Embedding, to_array
from components.types import Image

SIDE_PX = 128
"""Image statistics are those of the image stretched to a square of this side."""
IMAGE_FEATURES = (
    "colour",
    "mean",
    "spread",
    "dark",
    "bright",
    "levels",
    "rough_across",
    "rough_down",
    "fine",
    "coarse",
)
PART_WORDS = {"image": "its grey values, colours or texture", "embedding": "what the model makes of it"}
DARK, BRIGHT = 8, 247
FARTHEST = 1e12
"""No distance counts as more, and one that is no number counts as this: what can't be described isn't known."""
Vector = NDArray[np.float64]
Part = Literal["image", "embedding"]


class PartFit(BaseModel):
    """One description's fit: each feature's centre and spread, and the distance that counts as one."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    centre: tuple[float, ...] = Field(min_length=1)
    spread: tuple[float, ...] = Field(min_length=1)
    unit: float = Field(gt=0)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.centre) != len(self.spread) or min(self.spread) <= 0:
            raise ValueError("`centre` and `spread` must be equally long, and every spread above 0")
        return self

    def distance(self, features: Vector) -> float:
        """The root mean square of a vector's features in units of their spread, over `unit`; at most `FARTHEST`.

        Raises
        ------
        ValueError
            If the vector has another length than the fit.
        """
        if features.shape != (len(self.centre),):
            raise ValueError(f"{features.shape} features for a guard of {len(self.centre)}")
        # What overflows is as far as can be, and said below.
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (features - np.array(self.centre)) / np.array(self.spread)
            found = float(np.sqrt(np.mean(scaled**2)) / self.unit)
        return found if found <= FARTHEST else FARTHEST


class Guard(BaseModel):
    """A fitted guard: both descriptions, and the score above which an image is flagged."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    image: PartFit
    embedding: PartFit
    threshold: float = Field(gt=0, lt=FARTHEST)


@dataclass(frozen=True, slots=True)
class GuardFinding:
    """What the guard says of an image: its score, the threshold that it was held against, and what is unlike."""

    score: float
    threshold: float
    furthest: Part

    @property
    def flagged(self) -> bool:
        """Whether the image is unlike those that the model knows; a score that is no number says so too."""
        return not self.score <= self.threshold

    @property
    def told(self) -> str:
        """The finding in a sentence; empty where nothing is flagged."""
        if not self.flagged:
            return ""
        return (
            "This image doesn't look like the ultrasound images that this model knows, by "
            f"{PART_WORDS[self.furthest]} (score {self.score:.1f}, limit {self.threshold:.1f}). "
            "Outlines and their confidence may mean nothing here."
        )


def check_image(guard: Guard, image: Image, embedding: Embedding[Any]) -> GuardFinding:
    """Hold an image (H W 3 uint8) and its embedding (of this one image) against a fitted guard."""
    distances: dict[Part, float] = {
        "image": guard.image.distance(image_features(image)),
        "embedding": guard.embedding.distance(embedding_features(embedding)),
    }
    furthest = max(distances, key=lambda part: distances[part])
    return GuardFinding(distances[furthest], guard.threshold, furthest)


def check_fits(guard: Guard, embed: Callable[[Image], Embedding[Any]]) -> None:
    """Make sure that a guard can judge the images of a model (`embed`), by a blank one.

    Raises
    ------
    ArtefactError
        If the guard was fitted to vectors of other lengths than this model's, or its numbers leave no distance.
    """
    blank = np.zeros((SIDE_PX, SIDE_PX, 3), dtype=np.uint8)
    try:
        found = check_image(guard, blank, embed(blank))
        wrong = "" if found.score < FARTHEST else f"a blank image is {found.score:g} or more from what it knows"
    except ValueError as error:
        wrong = str(error)
    if wrong:
        raise ArtefactError(
            f"the calibration's guard doesn't fit the model: {wrong}",
            expected=f"{len(IMAGE_FEATURES)} features of the image, the model's own of its embedding, sound numbers",
            remedy="calibrate the model again (`dvc repro calibrate`), or restore the file calibration.json",
        )


def image_features(image: Image) -> Vector:
    """The statistics IMAGE_FEATURES of an image (H W 3 uint8), on scales on which ordinary images differ evenly."""
    small = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    colour = float((small.max(axis=2).astype(np.float64) - small.min(axis=2)).mean())
    grey = small.astype(np.float64).mean(axis=2)  # S S
    counts = np.bincount(grey.astype(np.int64).ravel(), minlength=256) / grey.size
    entropy = float(-(counts[counts > 0] * np.log2(counts[counts > 0])).sum())
    across, down = np.abs(np.diff(grey, axis=1)).mean(), np.abs(np.diff(grey, axis=0)).mean()
    halves = [cv2.resize(grey, (side, side), interpolation=cv2.INTER_AREA) for side in (SIDE_PX // 2, SIDE_PX // 8)]
    fine = (grey - cv2.resize(halves[0], (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_LINEAR)).std()
    values = {
        "colour": np.log1p(colour),
        "mean": grey.mean() / 64,
        "spread": np.log1p(grey.std()),
        "dark": counts[: DARK + 1].sum(),
        "bright": np.log1p(100 * counts[BRIGHT:].sum()),
        "levels": entropy,
        "rough_across": np.log1p(across),
        "rough_down": np.log1p(down),
        "fine": np.log1p(fine),
        "coarse": np.log1p(halves[1].std()),
    }
    return np.array([values[name] for name in IMAGE_FEATURES])


def embedding_features(embedding: Embedding[Any]) -> Vector:
    """Mean and standard deviation over the image of each channel of an embedding's three maps (of one image)."""
    rows = []
    for level in (embedding.s4, embedding.s8, embedding.s16):
        one = to_array(level)[0]
        flat = one.reshape(len(one), -1)  # C HW
        mean = flat.mean(axis=1, dtype=np.float64)
        off = flat - mean[:, None]
        # By `std` this takes twice the time, 15 ms at 1024 px.
        rows += [mean, np.sqrt(np.einsum("cn,cn->c", off, off) / (flat.shape[1] - 1))]
    return np.concatenate(rows)
