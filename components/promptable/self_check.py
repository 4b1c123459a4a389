"""Drawn images with prompts and the masks that a model gave: what it must give again before it may serve.

`self_check.json` belongs to one model, by the digest of its weights, and lies beside them; it says which runtime gave
the masks. Its images are phantoms, so that they may go wherever the model goes. Another processor, library or runtime
may round the network's last bits otherwise; masks therefore needn't be equal, but nearly, and how many are equal is
told. Leaves out: drawing the images (components/release/packing/self_checks.py).
"""

from __future__ import annotations

import base64
import binascii
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from PIL import Image as PilImage
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.artefacts import write_json
from components.errors import ArtefactError, PromptError
from components.masks import Rle, decode_checked, overlap, to_rle
from components.promptable.embedding import Promptable
from components.promptable.predict import segment
from components.types import BoxXyxy, Image, Mask, Point, Prediction, Prompt

SELF_CHECK = "self_check.json"
MAX_QUALITY_DIFFERENCE = 0.02
"""How far the model's own estimate of an IoU may lie from the one on record."""
Share = Annotated[float, Field(ge=0, le=1)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class CheckPoint(_Frozen):
    """A click in pixels."""

    x: float
    y: float
    positive: bool


class CheckCase(_Frozen):
    """A prompt, the mask (COCO compressed run lengths) and the IoU estimate that the model answered with."""

    box: BoxXyxy | None = None
    points: tuple[CheckPoint, ...] = ()
    size: tuple[int, int]
    counts: str
    quality: Share

    def prompt(self) -> Prompt:
        """The prompt as the library takes it."""
        return Prompt(self.box, tuple(Point(point.x, point.y, point.positive) for point in self.points))


class CheckImage(_Frozen):
    """A drawn image as PNG (base64), and what was asked about it."""

    png: str
    cases: tuple[CheckCase, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Held:
    """What became of a self-check: its cases, those whose mask was the same in every pixel, and what failed."""

    cases: int
    equal: int
    failures: tuple[str, ...]


class SelfCheck(_Frozen):
    """What a model must give again: masks of at least `least_iou` with those on record, which `runtime` gave.

    Schema 1 was before there were several runtimes: PyTorch gave them.
    """

    version: Literal[1, 2] = Field(2, alias="schema")
    runtime: str = "pytorch"
    model_digest: str = Field(pattern=r"^[0-9a-f]{64}$")
    least_iou: Share
    images: tuple[CheckImage, ...] = Field(min_length=1)

    def hold(self, segmenter: Promptable) -> Held:
        """Hold a loaded model against the cases; a failure is a phrase for each that it doesn't give again.

        Raises
        ------
        ArtefactError
            If an image or a mask of the check can't be decoded.
        """
        failed: list[str] = []
        cases = equal = 0
        for number, one in enumerate(self.images):
            image = _from_png(one.png)
            expected = [_expected(case, image) for case in one.cases]
            found = segment(segmenter, image, [case.prompt() for case in one.cases])
            for place, (case, wanted, given) in enumerate(zip(one.cases, expected, found, strict=True)):
                cases, equal = cases + 1, equal + int(np.array_equal(given.mask, wanted))
                iou, apart = _iou(given.mask, wanted), abs(given.quality - case.quality)
                if not (iou >= self.least_iou and apart <= MAX_QUALITY_DIFFERENCE):
                    failed.append(f"image {number}, prompt {place}: IoU {iou:.4f}, quality {apart:.4f} off")
        return Held(cases, equal, tuple(failed))


def check_image(image: Image, prompts: Sequence[Prompt], answers: Sequence[Prediction]) -> CheckImage:
    """An image (H W 3), prompts of boxes and clicks, and a model's answers to them, as they are kept."""
    buffer = io.BytesIO()
    PilImage.fromarray(image).save(buffer, "PNG")
    cases = []
    for prompt, answer in zip(prompts, answers, strict=True):
        rle = to_rle(answer.mask)
        points = tuple(CheckPoint(x=point.x, y=point.y, positive=point.positive) for point in prompt.points)
        size = (rle["size"][0], rle["size"][1])
        cases.append(
            CheckCase(box=prompt.box_xyxy, points=points, size=size, counts=rle["counts"], quality=answer.quality)
        )
    return CheckImage(png=base64.b64encode(buffer.getvalue()).decode("ascii"), cases=tuple(cases))


def write_self_check(folder: Path, check: SelfCheck) -> Path:
    """Write a model's self-check into its folder; returns the file."""
    path = folder / SELF_CHECK
    write_json(path, check.model_dump(mode="json", by_alias=True))
    return path


def read_self_check(folder: Path, *, model_digest: str) -> SelfCheck | None:
    """The self-check of a model folder; None where there is none.

    Raises
    ------
    ArtefactError
        If it is broken, or another model's.
    """
    path = folder / SELF_CHECK
    try:
        check = SelfCheck.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise _broken(str(path), str(error).splitlines()[0]) from None
    if check.model_digest != model_digest:
        raise _broken(str(path), f"it is that of the weights {check.model_digest[:12]}, not {model_digest[:12]}")
    return check


def _from_png(text: str) -> Image:
    try:
        with PilImage.open(io.BytesIO(base64.b64decode(text, validate=True)), formats=("PNG",)) as image:
            return np.ascontiguousarray(np.asarray(image.convert("RGB"), dtype=np.uint8))
    except (OSError, ValueError, binascii.Error, PilImage.DecompressionBombError) as error:
        raise _broken(SELF_CHECK, f"an image can't be decoded: {error}") from None


def _expected(case: CheckCase, image: Image) -> Mask:
    rle: Rle = {"size": list(case.size), "counts": case.counts}
    try:
        return decode_checked(rle, (image.shape[0], image.shape[1]))
    except PromptError as error:
        raise _broken(SELF_CHECK, f"a mask can't be decoded: {error}") from None


def _iou(found: Mask, wanted: Mask) -> float:
    iou = overlap(found, wanted).iou
    return 1.0 if iou is None else iou


def _broken(path: str, why: str) -> ArtefactError:
    return ArtefactError(
        f"{path} is no self-check of this model: {why}",
        expected="the drawn images and masks that the stage `package` writes",
        remedy="`dvc repro package`, then promote the model again",
    )
