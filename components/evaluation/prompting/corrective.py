"""A model, an image and its prompts to answers; where a prompt asks for it, clicks correct the answer round by round.

After each round the next click goes to the centre of the largest region in which the answer is wrong: on the object
where it was left out, as a "not here" where too much was taken. So interactive segmentation is commonly scored (Xu et
al. 2016, arXiv 1603.04042; Sofiiuk et al. 2021, arXiv 2102.06583). The clicks depend on the model's answers, so that
each model has its own; the rule is one. In the kinds of `WITH_MASK` the model is given its last answer back with the
next click; an empty one isn't, as there is nothing on it to correct.

Leaves out: which prompts are drawn (prompts.py), scores (cases.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy import ndimage

from components.evaluation.prompting.prompts import CORRECTIVE, WITH_MASK, DrawnPrompt, central_click, truth_of
from components.types import Image, InstanceMask, Mask, Point, Prediction, Prompt

EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)


class Predictor(Protocol):
    """The two calls by which a model is used; components.promptable.predict is one."""

    def embed(self, segmenter: Any, image: Image) -> Any:
        """Embed an image (H W 3)."""

    def segment_embedded(
        self, segmenter: Any, embedding: Any, size_hw: tuple[int, int], prompts: Sequence[Prompt]
    ) -> list[Prediction]:
        """One prediction for each prompt, in order, at the image's own size."""


@runtime_checkable
class Unprompted(Protocol):
    """The third call, of models that can also answer without any prompt."""

    def segment_unprompted(self, segmenter: Any, embedding: Any, size_hw: tuple[int, int]) -> Prediction:
        """The prediction for an image of which nothing is said, at its own size."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A prompt as it was given in the end, all clicks included, and what the model answered to it."""

    drawn: DrawnPrompt
    prediction: Prediction


def can_answer(predictor: Predictor, prompt: Prompt, *, needs_box: bool) -> bool:
    """Whether a model has an answer to a prompt: some need a box, and few can do without any prompt."""
    if prompt.box_xyxy is not None:
        return True
    return not needs_box and (bool(prompt.points) or isinstance(predictor, Unprompted))


def predict_all(
    predictor: Predictor, segmenter: Any, embedding: Any, size_hw: tuple[int, int], prompts: Sequence[Prompt]
) -> list[Prediction]:
    """One prediction for each prompt, in order; empty prompts are those without any (`can_answer`)."""
    said = [prompt for prompt in prompts if prompt != Prompt()]
    found = iter(predictor.segment_embedded(segmenter, embedding, size_hw, said) if said else [])
    predictions = []
    for prompt in prompts:
        if prompt == Prompt():
            assert isinstance(predictor, Unprompted), "a prompt that says nothing isn't given to what can't take it"
            predictions.append(predictor.segment_unprompted(segmenter, embedding, size_hw))
        else:
            predictions.append(next(found))
    return predictions


def answer_prompts(
    predictor: Predictor,
    segmenter: Any,
    embedding: Any,
    instances: InstanceMask,
    drawn: Sequence[DrawnPrompt],
    *,
    takes_clicks: bool,
) -> list[Answer]:
    """A model's answers to an image's prompts (all of which it `can_answer`), in order; `embedding` is its own of the
    image.

    Without `takes_clicks` corrective kinds are answered by the box that they start from, no click being placed.
    """
    size_hw = (int(instances.shape[0]), int(instances.shape[1]))
    rounds: dict[tuple[int, bool], int] = {}
    for one in drawn:
        if takes_clicks and one.kind in CORRECTIVE:
            rounds[_trail_of(one)] = max(rounds.get(_trail_of(one), 0), CORRECTIVE[one.kind])
    plain = [one.prompt for one in drawn if not takes_clicks or one.kind not in CORRECTIVE]
    found = iter(predict_all(predictor, segmenter, embedding, size_hw, plain))
    trails: dict[tuple[int, bool], list[Answer]] = {}  # kinds of several rounds share their first ones
    answers = []
    for one in drawn:
        if not takes_clicks or one.kind not in CORRECTIVE:
            answers.append(Answer(one, next(found)))
            continue
        key = _trail_of(one)
        if key not in trails:
            trails[key] = _corrected(predictor, segmenter, embedding, instances, one, rounds=rounds[key])
        trail = trails[key]
        last = trail[min(CORRECTIVE[one.kind], len(trail) - 1)]
        answers.append(Answer(replace(one, prompt=last.drawn.prompt), last.prediction))
    return answers


def _trail_of(drawn: DrawnPrompt) -> tuple[int, bool]:
    """Kinds with one of these go through the same answers, some further than others."""
    return drawn.object_index, drawn.kind in WITH_MASK


def _corrected(
    predictor: Predictor, segmenter: Any, embedding: Any, instances: InstanceMask, drawn: DrawnPrompt, *, rounds: int
) -> list[Answer]:
    """The answers after 0, 1, … `rounds` clicks; fewer where nothing is left to correct."""
    size_hw = (int(instances.shape[0]), int(instances.shape[1]))
    truth = truth_of(drawn.kind, drawn.object_index, instances)
    prompt, trail = drawn.prompt, []
    for _ in range(rounds + 1):
        (prediction,) = predictor.segment_embedded(segmenter, embedding, size_hw, [prompt])
        trail.append(Answer(replace(drawn, prompt=prompt), prediction))
        click = corrective_click(truth, prediction.mask, given=prompt.points)
        if click is None:
            break
        mask = prediction.mask if drawn.kind in WITH_MASK and prediction.mask.any() else None
        prompt = replace(prompt, points=(*prompt.points, click), mask=mask)
    return trail


def corrective_click(truth: Mask, prediction: Mask, *, given: Sequence[Point] = ()) -> Point | None:
    """The click that corrects an answer: in the middle (`central_click`) of the largest region in which masks differ.

    Regions are 8-connected pixels of one kind of error; of equally large ones, what was left out comes before what was
    taken too much, then the topmost, then the leftmost. Pixels clicked before (`given`) belong to no region, so that no
    click comes twice. None where nothing is left.
    """
    free = np.ones(truth.shape, dtype=bool)
    for point in given:
        free[min(int(point.y), truth.shape[0] - 1), min(int(point.x), truth.shape[1] - 1)] = False
    largest: tuple[int, bool, Mask] | None = None
    for positive, wrong in ((True, truth & ~prediction & free), (False, prediction & ~truth & free)):
        labels, count = ndimage.label(wrong, structure=EIGHT_NEIGHBOURS)
        if count:
            areas = np.bincount(labels.ravel())[1:]
            best = int(areas.argmax())
            if largest is None or areas[best] > largest[0]:
                largest = (int(areas[best]), positive, labels == best + 1)
    if largest is None:
        return None
    click = central_click(largest[2])
    return replace(click, positive=largest[1])
