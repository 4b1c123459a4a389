"""Several images in one call of the encoder, several prompts in one call of the decoder: what waits is taken together.

Nobody waits for company: a thread that finds the model idle takes what has been asked until then, its own included, and
what comes meanwhile goes into the next call. Sums over several rows differ from those over one in their last bits, and
with them now and then a mask's border pixel depends on who else asked; with `most` 1 every item has a call of its own,
and masks are the library's to the bit (benchmarks/batching.json has what either costs).

Exported networks take images and prompts one by one: a call of several is as many runs of them, to the same bits, and
spares nothing. Leaves out: whether a request may begin at all (lanes.py).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import numpy as np

from components.promptable.embedding import Embedding, Promptable, PromptBatch, together
from components.promptable.predict import place_of, to_batch, to_inputs, to_prediction, without_gradients
from components.types import Image, Prediction, Prompt

T = TypeVar("T")
R = TypeVar("R")


@dataclass(eq=False, slots=True)
class _Place(Generic[T, R]):
    """An item that waits for its call; `leads` where its thread shall make the next call itself."""

    item: T
    woken: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    result: R | None = None
    error: Exception | None = None
    done: bool = False


class Batcher(Generic[T, R]):
    """Makes one call of what several threads ask at once.

    Parameters
    ----------
    call
        Items to results, one for each, in order.
    most
        How many items a call takes. With 1 every item has a call of its own, and calls of several threads overlap; else
        there is one call at a time.
    alike
        Only items of which this is equal come into one call.
    """

    def __init__(
        self, call: Callable[[Sequence[T]], Sequence[R]], *, most: int, alike: Callable[[T], Hashable] = lambda _: None
    ) -> None:
        self._call = call
        self._most = most
        self._alike = alike
        self._waiting: deque[_Place[T, R]] = deque()
        self._busy = False
        self._lock = threading.Lock()

    def ask(self, items: Sequence[T]) -> list[R]:
        """Results of items, in order; raises what the call of one raises by itself."""
        if self._most == 1:
            return [self._call([item])[0] for item in items]
        places: list[_Place[T, R]] = [_Place(item) for item in items]
        with self._lock:
            self._waiting.extend(places)
            if places and not self._busy:
                self._busy = places[0].leads = True
        for place in places:
            while not place.done:
                if place.leads:
                    self._lead(place)
                else:
                    place.woken.wait()
                    place.woken.clear()
        for place in places:
            if place.error is not None:
                raise place.error
        return [place.result for place in places]  # type: ignore[misc]

    def _lead(self, own: _Place[T, R]) -> None:
        """Make calls until the own item is done, then let the one that waits longest make the next."""
        while not own.done:
            with self._lock:
                taken = self._take()
            self._serve(taken)
            for place in taken:
                place.done = True
                place.woken.set()
        with self._lock:
            if self._waiting:
                self._waiting[0].leads = True
                self._waiting[0].woken.set()
            else:
                self._busy = False

    def _take(self) -> list[_Place[T, R]]:
        """The one that waits longest, and others like it."""
        kind = self._alike(self._waiting[0].item)
        taken: list[_Place[T, R]] = []
        left: deque[_Place[T, R]] = deque()
        for place in self._waiting:
            fits = len(taken) < self._most and self._alike(place.item) == kind
            if fits:
                taken.append(place)
            else:
                left.append(place)
        self._waiting = left
        return taken

    def _serve(self, taken: Sequence[_Place[T, R]]) -> None:
        """One call; where it fails each item has one of its own, so that it fails for none but its cause."""
        try:
            for place, result in zip(taken, self._call([place.item for place in taken]), strict=True):
                place.result = result
        except Exception as error:  # noqa: BLE001 - `ask` raises it, whatever it is
            if len(taken) == 1:
                taken[0].error = error
                return
            for place in taken:
                self._serve([place])


@dataclass(frozen=True, slots=True)
class Click:
    """A prompt on an embedded image of a native size (height, width)."""

    embedding: Embedding[Any]
    size_hw: tuple[int, int]
    prompt: Prompt

    @property
    def kind(self) -> Hashable:
        """What the decoder needs to be equal in one call: padding tokens would change an answer, and not in bits."""
        return len(self.prompt.points), self.prompt.box_xyxy is None, self.prompt.mask is None


def embed_all(model: Promptable, images: Sequence[Image]) -> list[Embedding[Any]]:
    """Embed images (H W 3 uint8, any sizes) in one call of the encoder."""
    with without_gradients(model):
        embedding = model.encode(to_inputs(model, images))
    if len(images) == 1:
        return [embedding]
    # Copies: a view would keep the whole batch in memory for as long as one of its images is kept.
    return [
        Embedding(*(together([map_[index : index + 1]]) for map_ in _maps(embedding))) for index in range(len(images))
    ]


def segment_all(model: Promptable, clicks: Sequence[Click]) -> list[Prediction]:
    """Outline the objects of clicks of one kind, on any images, in one call of the decoder. Prompts are as checked."""
    rows = [
        to_batch([click.prompt], size_hw=click.size_hw, size_px=model.image_size_px, device=None) for click in clicks
    ]
    different = {id(click.embedding): click.embedding for click in clicks}
    places = {known: index for index, known in enumerate(different)}
    previous = [row.previous for row in rows if row.previous is not None]
    prompts: PromptBatch[Any] = PromptBatch(
        image_index=np.array([places[id(click.embedding)] for click in clicks]),
        coords=together([row.coords for row in rows]),  # N P 2
        labels=together([row.labels for row in rows]),  # N P
        previous=together(previous) if previous else None,  # N S/4 S/4
    )
    device = place_of(model)
    with without_gradients(model):
        logits, quality = model.decode(
            _joined(list(different.values())), prompts if device is None else prompts.to(device)
        )
        return [
            to_prediction(logits[index : index + 1], quality[index : index + 1], click.size_hw)
            for index, click in enumerate(clicks)
        ]


def _joined(embeddings: Sequence[Embedding[Any]]) -> Embedding[Any]:
    if len(embeddings) == 1:
        return embeddings[0]
    return Embedding(*(together(maps) for maps in zip(*map(_maps, embeddings), strict=True)))


def _maps(embedding: Embedding[Any]) -> tuple[Any, Any, Any]:
    return embedding.s4, embedding.s8, embedding.s16
