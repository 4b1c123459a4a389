"""Which prompts trainings and validations draw."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from components.params.section import Section, Seed, Share

ObjectPromptKind = Literal["box", "box_jitter", "click", "box_click"]


PromptKind = (
    ObjectPromptKind
    | Literal[
        "none",
        "whole_image",
        "loose_box",
        "box_jitter_05",
        "box_jitter_10",
        "box_jitter_20",
        "box_clicks_1",
        "box_clicks_3",
        "box_clicks_5",
        "box_clicks_3_mask",
        "box_nothing",
    ]
)


class TrainPrompts(Section):
    """How often each kind of prompt is drawn in training, and how far boxes are moved.

    Shares sum to 1. `jitter` is the largest shift of each box side as a share of the box's extent.
    """

    box_share: Share = Field(ge=0, le=1)
    box_jitter_share: Share = Field(ge=0, le=1)
    click_share: Share = Field(ge=0, le=1)
    box_click_share: Share = Field(ge=0, le=1)
    jitter: float = Field(ge=0, le=1)
    max_objects: int = Field(ge=1)

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        total = self.box_share + self.box_jitter_share + self.click_share + self.box_click_share
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of the kinds of prompt sum to {total:g}, not to 1")
        return self


class EvaluatePrompts(Section):
    """The kinds of prompt that the validations draw, the jitter of `box_jitter`, and their seed.

    `kinds` are defined in docs/evaluation.md. Each costs a decoding for each object and model, GrabCut if it has a box,
    `box_clicks_5` six decodings, so that the file asks for those alone that the gate needs. All at once:

    --set 'prompts.evaluate.kinds=[none, click, box, box_jitter, box_jitter_05, box_jitter_10, box_jitter_20, loose_box,
    whole_image, box_click, box_clicks_1, box_clicks_3, box_clicks_5, box_clicks_3_mask, box_nothing]'
    """

    kinds: tuple[PromptKind, ...] = Field(min_length=1)
    jitter: float = Field(ge=0, le=1)
    seed: Seed


class PromptParams(Section):
    """Prompts; objects below `min_area_px` (native pixels) get none, as they can be specks."""

    min_area_px: int = Field(ge=1)
    train: TrainPrompts
    evaluate: EvaluatePrompts
