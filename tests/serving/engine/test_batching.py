"""What waits goes into one call, in order and with others like it; answers are nearly those of calls of their own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
import torch

from components.artefacts import ModelDescription
from components.promptable.predict import embed, segment_embedded
from components.promptable.runtimes.pytorch import PyTorch
from components.types import Image, Point, Prediction, Prompt
from serving.engine.batching import Batcher, Click, embed_all, segment_all
from serving.engine.predictor import Predictor
from tests.serving.engine.clocks import until
from tests.serving.small import with_batches

Loaded = tuple[PyTorch, ModelDescription]
WAIT_S = 20.0
PROMPTS = (
    Prompt((31.0, 16.0, 60.0, 45.0)),
    Prompt((25.0, 10.0, 66.0, 50.0)),
    Prompt(None, (Point(45.0, 30.0),)),
    Prompt(None, (Point(41.0, 28.0),)),
    Prompt((20.0, 9.0, 80.0, 50.0), (Point(45.0, 30.0), Point(5.0, 5.0, positive=False))),
)


class Model:
    """Squares numbers, call by call, when it is told to; 13 is a fault."""

    def __init__(self, *, most: int) -> None:
        self.calls: list[list[int]] = []
        self.go_on = threading.Event()
        self.batcher = Batcher(self._call, most=most, alike=lambda number: number % 2)

    def _call(self, numbers: Sequence[int]) -> list[int]:
        self.calls.append(list(numbers))
        assert self.go_on.wait(WAIT_S)
        if 13 in numbers:
            raise ValueError("13")
        return [number**2 for number in numbers]

    def ask_in_turn(self, pool: ThreadPoolExecutor, asked: Sequence[Sequence[int]]) -> list[Future[list[int]]]:
        """Threads that ask one after the other, while the first one's call goes on."""
        found: list[Future[list[int]]] = []
        for number, items in enumerate(asked):
            found.append(pool.submit(self.batcher.ask, items))
            before = sum(map(len, asked[: number + 1]))
            until(lambda before=before: len(self.batcher._waiting) + sum(map(len, self.calls)) == before)
        return found


def test_what_waits_is_taken_together_with_others_like_it() -> None:
    model = Model(most=3)
    with ThreadPoolExecutor(8) as pool:
        asked = [[2], [4], [5], [6], [8], [10], [7]]
        found = model.ask_in_turn(pool, asked)
        assert model.calls == [[2]], "nobody waits for company"
        model.go_on.set()
        assert [each.result(WAIT_S) for each in found] == [[n**2 for n in items] for items in asked]
    assert model.calls == [[2], [4, 6, 8], [5, 7], [10]]


def test_a_requests_own_items_come_together_too_and_back_in_order() -> None:
    model = Model(most=4)
    model.go_on.set()
    assert model.batcher.ask([2, 3, 4, 5, 6, 8, 10]) == [4, 9, 16, 25, 36, 64, 100]
    assert model.calls == [[2, 4, 6, 8], [3, 5], [10]]
    assert model.batcher.ask([]) == []


def test_a_fault_is_its_causes_alone_and_the_next_call_comes() -> None:
    model = Model(most=8)
    with ThreadPoolExecutor(8) as pool:
        found = model.ask_in_turn(pool, [[2], [11, 13], [15], [17]])
        model.go_on.set()
        with pytest.raises(ValueError, match="13"):
            found[1].result(WAIT_S)
        assert [found[n].result(WAIT_S) for n in (0, 2, 3)] == [[4], [225], [289]]
    assert model.calls == [[2], [11, 13, 15, 17], [11], [13], [15], [17]]
    assert model.batcher.ask([4]) == [16], "it is free again"


def test_many_threads_all_get_their_own() -> None:
    model = Model(most=5)
    model.go_on.set()
    with ThreadPoolExecutor(16) as pool:
        asked = [[2 * n, 2 * n + 1, 3 * n] for n in range(20, 220)]
        assert list(pool.map(model.batcher.ask, asked)) == [[n**2 for n in items] for items in asked]
    assert all(len(call) <= 5 and len({number % 2 for number in call}) == 1 for call in model.calls)
    assert sum(map(len, model.calls)) == 600


def test_with_one_a_call_several_threads_calls_overlap() -> None:
    model = Model(most=1)
    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(model.batcher.ask, [number]) for number in (2, 4)]
        until(lambda: len(model.calls) == 2)
        model.go_on.set()
        assert [each.result(WAIT_S) for each in found] == [[4], [16]]


def iou(one: Prediction, other: Prediction) -> float:
    """How far two masks agree."""
    return float((one.mask & other.mask).sum() / (one.mask | other.mask).sum())


def test_answers_are_nearly_those_of_calls_of_their_own(loaded: Loaded, image: Image) -> None:
    segmenter = loaded[0]
    images = [image, image[:, ::-1].copy(), image[:50, :70].copy()]
    single, together = [embed(segmenter, each) for each in images], embed_all(segmenter, images)
    for one, other in zip(single, together, strict=True):
        for name in ("s4", "s8", "s16"):
            torch.testing.assert_close(getattr(one, name), getattr(other, name), atol=1e-4, rtol=1e-4)
            assert getattr(other, name).untyped_storage().nbytes() == getattr(one, name).nbytes, "a copy, no view"
    clicks = [Click(maps, each.shape[:2], PROMPTS[0]) for maps, each in zip(single, images, strict=True)]
    clicks.append(Click(single[0], images[0].shape[:2], PROMPTS[1]))
    for click, found in zip(clicks, segment_all(segmenter, clicks), strict=True):
        (alone,) = segment_embedded(segmenter, click.embedding, click.size_hw, [click.prompt])
        assert found.mask.shape == click.size_hw and alone.mask.any()
        assert iou(found, alone) > 0.99 and found.quality == pytest.approx(alone.quality, abs=1e-4)


def test_one_a_call_is_the_library_to_the_bit(loaded: Loaded, image: Image) -> None:
    segmenter = loaded[0]
    (maps,) = embed_all(segmenter, [image])
    previous = np.zeros(image.shape[:2], dtype=np.bool_)
    previous[20:40, 30:60] = True
    for prompt in (*PROMPTS, Prompt(PROMPTS[0].box_xyxy, mask=previous)):
        (alone,) = segment_embedded(segmenter, embed(segmenter, image), image.shape[:2], [prompt])
        (found,) = segment_all(segmenter, [Click(maps, image.shape[:2], prompt)])
        assert np.array_equal(found.mask, alone.mask) and found.quality == alone.quality


def test_prompts_that_the_decoder_would_have_to_pad_are_of_different_kinds(loaded: Loaded, image: Image) -> None:
    maps = embed(loaded[0], image)
    previous = Prompt(PROMPTS[0].box_xyxy, mask=np.ones(image.shape[:2], dtype=np.bool_))
    kinds = [Click(maps, image.shape[:2], prompt).kind for prompt in (*PROMPTS, previous)]
    assert kinds[0] == kinds[1] and kinds[2] == kinds[3] and len(set(kinds)) == 4


def test_a_service_with_batches_answers_nearly_as_one_without(loaded: Loaded, png: bytes) -> None:
    plain = Predictor(*loaded, settings=with_batches(embed=1, segment=1)).segment(PROMPTS, image=png)
    predictor = Predictor(*loaded, settings=with_batches(embed=4, segment=4))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: predictor.segment(PROMPTS, image=png), range(8)))
    assert predictor.cache.counts.encoded == 1
    for answer in answers:
        assert answer.image == plain.image
        for one, other in zip(answer.outlines, plain.outlines, strict=True):
            assert iou(one.prediction, other.prediction) > 0.99
            assert one.prediction.quality == pytest.approx(other.prediction.quality, abs=1e-4)
