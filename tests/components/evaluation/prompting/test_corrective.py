"""Clicks that correct a model's answer, and answers to prompts that say nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from components.evaluation.prompting.corrective import Predictor, answer_prompts, can_answer, corrective_click
from components.evaluation.prompting.prompts import DrawnPrompt
from components.types import Image, Mask, Point, Prediction, Prompt

BOX = (2.0, 2.0, 12.0, 12.0)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Mask, Mask]:
    shape = draw(st.integers(1, 20)), draw(st.integers(1, 20))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    return rng.random(shape) < draw(st.floats(0, 1)), rng.random(shape) < draw(st.floats(0, 1))


class Painter:
    """Answers the box filled, and after each click what `answers` says next; counts what it is asked."""

    def __init__(self, answers: Sequence[Mask] = ()) -> None:
        self.answers = answers
        self.asked: list[Prompt] = []

    def embed(self, segmenter: Any, image: Image) -> Any:  # noqa: ARG002
        return image

    def segment_embedded(
        self,
        segmenter: Any,  # noqa: ARG002
        embedding: Any,  # noqa: ARG002
        size_hw: tuple[int, int],
        prompts: Sequence[Prompt],
    ) -> list[Prediction]:
        self.asked += prompts
        return [Prediction(self._mask(prompt, size_hw), 0.5) for prompt in prompts]

    def _mask(self, prompt: Prompt, size_hw: tuple[int, int]) -> Mask:
        if prompt.points and self.answers:
            return self.answers[min(len(prompt.points), len(self.answers)) - 1]
        mask = np.zeros(size_hw, dtype=bool)
        assert prompt.box_xyxy is not None
        x0, y0, x1, y1 = (int(side) for side in prompt.box_xyxy)
        mask[y0:y1, x0:x1] = True
        return mask


class QuietPainter(Painter):
    """One that can also answer without a prompt."""

    def segment_unprompted(self, segmenter: Any, embedding: Any, size_hw: tuple[int, int]) -> Prediction:  # noqa: ARG002
        return Prediction(np.ones(size_hw, dtype=bool), 0.1)


def answered(painter: Predictor, instances: np.ndarray, *kinds: str, takes_clicks: bool = True) -> list[Any]:
    drawn = [DrawnPrompt(kind, 1, Prompt(box_xyxy=BOX)) for kind in kinds]  # type: ignore[arg-type]
    image = np.zeros((*instances.shape, 3), dtype=np.uint8)
    return answer_prompts(painter, None, image, instances, drawn, takes_clicks=takes_clicks)


@pytest.fixture
def instances() -> np.ndarray:
    found = np.zeros((24, 30), dtype=np.uint8)
    found[2:12, 2:20] = 1
    return found


@given(pairs(), st.integers(0, 4))
def test_a_click_lies_in_the_largest_region_of_errors_and_never_on_an_old_one(
    pair: tuple[Mask, Mask], before: int
) -> None:
    truth, prediction = pair
    given_points: list[Point] = []
    for _ in range(before + 1):
        click = corrective_click(truth, prediction, given=given_points)
        open_errors = {
            (row, column)
            for row, column in np.argwhere(truth != prediction).tolist()
            if (row, column) not in {(int(point.y), int(point.x)) for point in given_points}
        }
        if click is None:
            assert not open_errors
            return
        assert (int(click.y), int(click.x)) in open_errors
        assert click.positive == bool(truth[int(click.y), int(click.x)])
        given_points.append(click)
    if before == 0:
        sizes = {}
        for positive, wrong in ((True, truth & ~prediction), (False, prediction & ~truth)):
            labels, _ = ndimage.label(wrong, structure=np.ones((3, 3)))
            areas = np.bincount(labels.ravel())[1:]
            sizes[positive] = max(areas, default=0)
            if positive == click.positive:
                assert areas[labels[int(click.y), int(click.x)] - 1] == max(areas)
        assert sizes[click.positive] >= sizes[not click.positive]


def test_what_was_left_out_is_clicked_and_what_was_too_much_denied() -> None:
    truth = np.zeros((11, 30), dtype=bool)
    truth[3:8, 3:12] = True
    assert corrective_click(truth, np.zeros_like(truth)) == Point(7.5, 5.5)
    too_much = truth.copy()
    too_much[2:9, 20:27] = True
    assert corrective_click(truth, too_much) == Point(23.5, 5.5, positive=False)
    assert corrective_click(truth, truth) is None


def test_rounds_share_their_clicks_and_are_asked_once(instances: np.ndarray) -> None:
    painter = Painter()
    one, three, plain = answered(painter, instances, "box_clicks_1", "box_clicks_3", "box")
    assert len(painter.asked) == 1 + 4, "the plain box, then rounds 0 to 3"
    assert len(one.drawn.prompt.points) == 1 and len(three.drawn.prompt.points) == 3
    assert three.drawn.prompt.points[:1] == one.drawn.prompt.points
    assert len(set(three.drawn.prompt.points)) == 3, "a model that doesn't listen is clicked elsewhere"
    assert all(point.positive and point.x > 12 for point in three.drawn.prompt.points)
    assert plain.drawn.prompt.points == () and plain.drawn.kind == "box"
    assert (one.drawn.kind, three.drawn.kind) == ("box_clicks_1", "box_clicks_3")


def test_clicks_follow_the_models_own_answers(instances: np.ndarray) -> None:
    truth, much = instances == 1, np.ones(instances.shape, dtype=bool)
    (stubborn,) = answered(Painter([much]), instances, "box_clicks_3")
    (clever,) = answered(Painter([truth]), instances, "box_clicks_3")
    assert [point.positive for point in stubborn.drawn.prompt.points] == [True, False, False]
    assert len(clever.drawn.prompt.points) == 1, "nothing was left to correct"
    assert np.array_equal(clever.prediction.mask, truth)


def test_what_takes_no_clicks_is_given_none(instances: np.ndarray) -> None:
    (found,) = answered(Painter(), instances, "box_clicks_5", takes_clicks=False)
    assert found.drawn.prompt == Prompt(box_xyxy=BOX)


def test_only_who_can_do_without_a_prompt_is_asked_without(instances: np.ndarray) -> None:
    nothing, click = Prompt(), Prompt(points=(Point(1.5, 1.5),))
    assert can_answer(QuietPainter(), nothing, needs_box=False)
    assert not can_answer(QuietPainter(), nothing, needs_box=True)
    assert not can_answer(Painter(), nothing, needs_box=False)
    assert can_answer(Painter(), click, needs_box=False) and not can_answer(Painter(), click, needs_box=True)
    drawn = [DrawnPrompt("none", 0, nothing), DrawnPrompt("box", 1, Prompt(box_xyxy=BOX))]
    image = np.zeros((24, 30, 3), dtype=np.uint8)
    unprompted, boxed = answer_prompts(QuietPainter(), None, image, instances, drawn, takes_clicks=True)
    assert unprompted.prediction.mask.all() and boxed.prediction.mask.sum() == 100


def test_the_last_answer_is_given_back_where_the_kind_says_so(instances: np.ndarray) -> None:
    much, nothing = np.ones(instances.shape, dtype=bool), np.zeros(instances.shape, dtype=bool)
    painter = Painter([much, nothing])
    given_back, plain = answered(painter, instances, "box_clicks_3_mask", "box_clicks_3")
    assert len(painter.asked) == 4 + 4, "the two kinds share no answers"
    masks = [prompt.mask for prompt in painter.asked[:4]]
    assert masks[0] is None and masks[1] is not None and masks[2] is much
    assert masks[3] is None, "an empty answer holds nothing to correct"
    assert np.array_equal(masks[1], painter._mask(Prompt(box_xyxy=BOX), instances.shape))
    assert plain.drawn.prompt.points == given_back.drawn.prompt.points
    assert all(prompt.mask is None for prompt in painter.asked[4:])
