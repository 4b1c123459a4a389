"""What may stand in an entry, and what may not."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from components.audit.entries import Entry, Export, ModelUsed, Outlined, PromptGiven, Refused, Start, new_prediction_id
from tests.components.audit.predictions import predicted, sha


def test_an_entry_comes_back_from_json_as_it_was() -> None:
    entry = predicted()
    assert TypeAdapter(Entry).validate_json(entry.model_dump_json()) == entry


@pytest.mark.parametrize("who", ["", "x" * 201, "anna\n", "an\u202ena", "\x1b[2Kanna", "\ud800"])
def test_a_name_is_bounded_and_shows_all_of_itself(who: str) -> None:
    with pytest.raises(ValidationError):
        predicted(who=who)


def test_names_of_other_scripts_are_names() -> None:
    assert predicted(who="Ålesund Søren 李").who == "Ålesund Søren 李"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: ModelUsed(name="m", version="1", digest="A" * 64),
        lambda: ModelUsed(name="m", version="1", digest="a" * 64 + "\n"),
        lambda: Outlined(prompt=PromptGiven(), mask_sha256=sha("m"), area_px=1, quality=float("nan")),
        lambda: Outlined(prompt=PromptGiven(), mask_sha256=sha("m"), area_px=-1, quality=0.5),
        lambda: Outlined(prompt=PromptGiven(), mask_sha256=sha("m"), area_px=1, quality="0.5"),
        lambda: PromptGiven(mask="abc"),
        lambda: Refused(code="Token missing", who=None, times=1),
        lambda: Refused(code="token_missing", who=None, times=0),
        lambda: Export(format="../x", file_sha256=sha("f"), who=None, role="use", image=None, objects=()),
        lambda: Start(version="1", model=None, patient="Doe"),
    ],
)
def test_nothing_else_gets_in(wrong) -> None:
    with pytest.raises(ValidationError):
        wrong()


def test_ids_of_predictions_differ() -> None:
    assert len({new_prediction_id() for _ in range(100)}) == 100 and len(new_prediction_id()) == 32
