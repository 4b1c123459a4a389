"""The latest answers are kept, as many as fit."""

from __future__ import annotations

import pytest

from components.errors import PromptError
from components.types import Prompt
from serving.engine.predictor import Predictor
from serving.engine.proposals import Proposal, ProposalGoneError, Proposals


def proposal(predictor: Predictor, png: bytes) -> Proposal:
    """An answer about one box."""
    answer = predictor.segment([Prompt((31.0, 16.0, 60.0, 45.0))], image=png)
    return Proposal(answer.model, answer.phantom, answer.image, tuple(answer.objects))


def test_the_oldest_go_where_there_is_no_room(predictor: Predictor, png: bytes) -> None:
    one = proposal(predictor, png)
    kept = Proposals(2 * one.bytes)
    for name in "abc":
        kept.add(name, one)
    assert len(kept) == 2
    with pytest.raises(ProposalGoneError, match="isn't kept any more"):
        kept.get("a")
    found = kept.get("c")
    assert found.object(0).mask == one.object(0).mask and found.phantom is one.phantom
    assert one.object(0).polygons and not found.object(0).polygons, "they are made of the mask again"
    with pytest.raises(PromptError, match="object 1 of an answer with 1"):
        found.object(1)


def test_an_answer_that_fits_nowhere_is_not_kept(predictor: Predictor, png: bytes) -> None:
    one = proposal(predictor, png)
    kept = Proposals(one.bytes - 1)
    kept.add("a", one)
    assert len(kept) == 0
