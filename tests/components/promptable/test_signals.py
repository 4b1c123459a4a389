"""Rows about images and outlines: numbers that tell changes apart, and nothing that shows an image."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from components.masks import overlap
from components.promptable.calibration import Judged
from components.promptable.guard import GuardFinding
from components.promptable.segmenter import Embedding
from components.promptable.signals import (
    IMAGE_SIGNALS,
    PROJECTION,
    edit_distance,
    feedback_row,
    image_row,
    outline_row,
    projected,
    prompt_form,
)
from components.types import Image, Point, Prompt

DIGEST, OTHER = "ab" * 32, "cd" * 32
FINDING = GuardFinding(score=1.25, threshold=2.0, furthest="image")


def picture() -> Image:
    """A grey image, brighter above and to the left, rough across."""
    ramp = np.linspace(220, 40, 90)[:, None] - np.linspace(0, 30, 120)[None, :]
    stripes = 10 * (np.arange(120)[None, :] // 6 % 2)
    return np.repeat((ramp + stripes).astype(np.uint8)[..., None], 3, axis=2)


def embedding(seed: int = 0) -> Embedding:
    """Any embedding of one image."""
    random = torch.Generator().manual_seed(seed)
    sizes = ((32, 16), (64, 8), (256, 4))
    s4, s8, s16 = (torch.randn((1, channels, side, side), generator=random) for channels, side in sizes)
    return Embedding(s4, s8, s16)


def test_a_row_of_an_image_names_every_signal_and_is_small() -> None:
    row = image_row(picture(), embedding(), FINDING, model_digest=DIGEST)
    assert set(row) == {*IMAGE_SIGNALS, *PROJECTION, "megapixels", "flagged"}
    assert all(value is None or isinstance(value, float | str) for value in row.values())
    assert row["guard_score"] == 1.25 and row["flagged"] == "no"
    assert len(json.dumps(row)) < 1200
    unguarded = image_row(picture(), embedding(), None, model_digest=DIGEST)
    assert unguarded["guard_score"] is None is unguarded["flagged"]


def test_what_a_planted_change_moves() -> None:
    image = picture()

    def of(changed: Image) -> dict[str, float]:
        row = image_row(np.ascontiguousarray(changed), embedding(), FINDING, model_digest=DIGEST)
        return {name: float(row[name] or 0) for name in IMAGE_SIGNALS}

    usual = of(image)
    assert usual["top_heavy"] > 0 < usual["left_heavy"] and usual["grain"] > 0
    assert of(image[::-1])["top_heavy"] == pytest.approx(-usual["top_heavy"], abs=1e-3)
    turned = of(np.rot90(image))
    assert turned["aspect"] == pytest.approx(-usual["aspect"], rel=1e-4) and turned["grain"] < 0
    assert of((image * 0.5).astype(np.uint8))["mean"] == pytest.approx(usual["mean"] / 2, rel=0.02)
    random = np.random.default_rng(0)
    noisy = np.clip(image + random.normal(0, 20, image.shape[:2])[..., None], 0, 255).astype(np.uint8)
    assert of(noisy)["sharpness"] > usual["sharpness"] + 1


@pytest.mark.parametrize("size_hw", [(1, 1), (1, 4000), (3000, 1)])
@pytest.mark.parametrize("value", [0, 255])
def test_no_image_is_too_odd_to_describe(size_hw: tuple[int, int], value: int) -> None:
    row = image_row(np.full((*size_hw, 3), value, dtype=np.uint8), embedding(), None, model_digest=DIGEST)
    assert all(np.isfinite(row[name]) for name in IMAGE_SIGNALS if name != "guard_score")  # type: ignore[arg-type]


def test_an_embedding_leaves_sixteen_numbers_that_know_no_place() -> None:
    whole = embedding()
    shuffled = whole.s16.flatten(2)[..., torch.randperm(16, generator=torch.Generator().manual_seed(1))]
    assert projected(whole, DIGEST) == pytest.approx(
        projected(Embedding(whole.s4, whole.s8, shuffled.reshape(whole.s16.shape)), DIGEST), abs=1e-4
    )
    assert projected(whole, DIGEST) != projected(whole, OTHER), "the directions are the model's own"
    assert projected(whole, DIGEST) != projected(embedding(1), DIGEST)


def test_a_row_of_an_outline() -> None:
    mask = np.zeros((20, 40), dtype=np.bool_)
    mask[5:10, 10:20] = True
    prompt = Prompt(box_xyxy=(8, 4, 24, 12), points=())
    judged = Judged(0.7, True, ("why",))
    assert outline_row(mask, prompt, quality=0.8, judged=judged, latency_ms=12.3456789) == {
        "form": "box",
        "first": "box",
        "clicks": 0.0,
        "quality": 0.8,
        "confidence": 0.7,
        "abstain": "yes",
        "empty": "no",
        "mask_share": 0.0625,
        "box_fill": 0.39062,
        "latency_ms": 12.346,
    }
    empty = outline_row(np.zeros_like(mask), Prompt(points=(Point(1, 1),)), quality=0.1, judged=None)
    assert (empty["empty"], empty["box_fill"], empty["confidence"], empty["abstain"]) == ("yes", None, None, None)


@pytest.mark.parametrize(
    ("prompt", "form", "first"),
    [
        (Prompt(box_xyxy=(0, 0, 2, 2)), "box", "box"),
        (Prompt(points=(Point(1, 1),)), "clicks", "click"),
        (Prompt(points=(Point(1, 1, positive=False),)), "clicks", None),
        (Prompt(points=(Point(1, 1), Point(2, 2))), "clicks", None),
        (Prompt(box_xyxy=(0, 0, 2, 2), points=(Point(1, 1),)), "both", None),
        (Prompt(box_xyxy=(0, 0, 2, 2), mask=np.ones((4, 4), dtype=np.bool_)), "mask", None),
    ],
)
def test_only_first_prompts_are_like_those_of_the_validation_side(prompt: Prompt, form: str, first: str) -> None:
    row = outline_row(np.ones((4, 4), dtype=np.bool_), prompt, quality=0.5, judged=None)
    assert (prompt_form(prompt), row["first"], row["clicks"]) == (form, first, float(len(prompt.points)))


def test_edit_distance() -> None:
    one, two = np.zeros((8, 8), dtype=np.bool_), np.zeros((8, 8), dtype=np.bool_)
    assert edit_distance(overlap(one, two)) == 0
    one[:4], two[2:6] = True, True
    assert edit_distance(overlap(one, two)) == 0.5 and edit_distance(overlap(one, one)) == 0
    assert feedback_row("edited", overlap=overlap(one, two)) == {"verdict": "edited", "edit": 0.5}
    assert feedback_row("accepted")["edit"] == 0 and feedback_row("rejected")["edit"] == 1
    assert feedback_row("edited")["edit"] is None
