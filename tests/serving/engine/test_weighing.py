"""What an entry is said to take is what it takes."""

from __future__ import annotations

import tracemalloc
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import BaseModel

from components.formats import Region
from components.promptable.segmenter import Embedding
from serving.engine.cache import Embedded, Key
from serving.engine.seen import Seen
from serving.engine.weighing import PLACE_BYTES, held_by


@dataclass(frozen=True, slots=True)
class Part:
    """Something that holds others."""

    held: object


class Section(BaseModel):
    """The same of pydantic."""

    held: object


def test_views_count_as_what_they_keep_alive() -> None:
    tensor, array = torch.zeros(1000, dtype=torch.uint8), np.zeros(1000, dtype=np.uint8)
    for view in (tensor[:1], array[:1], array[:10][:1], array.reshape(10, 100)):
        assert 1000 <= held_by(view) - PLACE_BYTES < 1500


def test_an_array_over_memory_that_isnt_numpys_counts_with_it() -> None:
    foreign = np.frombuffer(bytearray(1000), dtype=np.uint8)
    for view in (foreign, foreign[:1], foreign.reshape(10, 100)):
        assert 1000 <= held_by(view) - PLACE_BYTES < 1500


def test_whatever_is_held_counts_however_it_is_wrapped() -> None:
    bytes_ = bytes(10_000)
    for held in (
        Part(bytes_),
        Section(held=bytes_),
        (bytes_,),
        [bytes_],
        {"a": bytes_},
        Part((Section(held=[bytes_]),)),
    ):
        assert 10_000 < held_by(held) < 12_500, type(held)
    assert held_by(Part((bytes_, bytes_))) > 20_000


def test_no_entry_takes_more_than_it_is_said_to() -> None:
    def entry(number: int) -> tuple[Key, Embedded]:
        maps = (torch.zeros(1, 1, 2, 2) for _ in range(3))
        regions = tuple(
            Region((0, 0, n, n + 1000), 0.1, 0.2, f"DICOM ultrasound region {n} {number}", None) for n in (1, 2)
        )
        return Key(f"{number:064}", f"{number + 1:064}"), Embedded(
            Embedding(*maps), (60, 90), None, Seen(f"{number:064}", 0, 1, regions)
        )

    entry(0)
    tracemalloc.start()
    try:
        kept = dict(entry(number) for number in range(500))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    said = sum(held_by(key) + held_by(embedded) for key, embedded in kept.items())
    # The tensors themselves aren't Python's, and aren't traced.
    assert 0.25 * said < taken < said
