"""The latest answers are kept, as many as fit, as they were given but for their polygons."""

from __future__ import annotations

import tracemalloc

import pytest

from components.errors import PromptError
from components.types import Image, Prompt
from serving.engine.predictor import Predictor
from serving.engine.proposals import Proposal, ProposalGoneError, Proposals
from tests.serving.scans import cine


@pytest.fixture
def one(predictor: Predictor, image: Image) -> Proposal:
    """An answer about one box on a calibrated frame."""
    scan = cine(image, frames=2, mm=(0.2, 0.1))
    answer = predictor.segment([Prompt((31.0, 16.0, 60.0, 45.0))], image=scan, frame=1)
    return Proposal(answer.model, answer.phantom, answer.image, tuple(answer.objects))


def taken_by(one: Proposal) -> int:
    """The bytes that an answer takes."""
    kept = Proposals(10**6)
    kept.add("a", one)
    return kept.held_bytes


def test_the_oldest_go_where_there_is_no_room(one: Proposal) -> None:
    kept = Proposals(2 * taken_by(one))
    for name in "abc":
        kept.add(name, one)
    assert len(kept) == 2
    with pytest.raises(ProposalGoneError, match="isn't kept any more"):
        kept.get("a")
    with pytest.raises(PromptError, match="object 1 of an answer with 1"):
        kept.get("c").object(1)


def test_what_is_kept_is_what_was_given_but_for_polygons(one: Proposal) -> None:
    kept = Proposals(10**6)
    kept.add("a", one)
    found = kept.get("a")
    assert (found.model, found.phantom, found.image) == (one.model, one.phantom, one.image)
    assert found.image.regions and one.object(0).polygons
    assert found.object(0) == one.object(0).model_copy(update={"polygons": []}), "they are made of the mask again"


def test_an_answer_that_fits_nowhere_is_not_kept(one: Proposal) -> None:
    kept = Proposals(taken_by(one) - 1)
    kept.add("a", one)
    assert len(kept) == 0 and kept.held_bytes == 0


def test_memory_is_what_is_counted(one: Proposal) -> None:
    """Answers that are kept as objects take three times what was counted, so that memory grew for hours."""
    bound = 300_000
    kept = Proposals(bound)
    tracemalloc.start()
    try:
        for number in range(500):
            kept.add(f"{number:032x}", one)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(kept) < 500
    assert 0.5 * bound < taken < 1.1 * bound
