"""Errors say what was found, expected and to do, and survive the way between processes."""

from __future__ import annotations

import inspect
import pickle

import pytest
from pydantic import BaseModel, ValidationError, field_validator

from components import errors
from components.errors import SonoForgeError, first_fault, plainly

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, SonoForgeError)]


@pytest.mark.parametrize("kind", KINDS)
def test_message_has_three_parts(kind: type[SonoForgeError]) -> None:
    error = kind("busi/a.png has no mask", expected="a mask", remedy="restore it")
    assert str(error).splitlines() == ["busi/a.png has no mask", "  expected: a mask", "  what to do: restore it"]


@pytest.mark.parametrize("kind", KINDS)
def test_error_survives_pickling(kind: type[SonoForgeError]) -> None:
    error = kind("found", expected="expected", remedy="remedy")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (again.found, again.expected, again.remedy) == ("found", "expected", "remedy")
    assert str(again) == str(error)


def test_what_pydantic_says_of_a_rule_is_told_in_our_words_alone() -> None:
    assert plainly("Value error, a seed stands twice") == "a seed stands twice"
    assert plainly("Field required") == "Field required"


class Judged(BaseModel):
    scores: list[int]

    @field_validator("scores")
    @classmethod
    def _some(cls, scores: list[int]) -> list[int]:
        if not scores:
            raise ValueError("nothing was scored")
        return scores


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{}", "scores: Field required"),
        (
            '{"scores": [1, "a", "b"]}',
            "scores.1: Input should be a valid integer, unable to parse string as an integer",
        ),
        ('{"scores": []}', "scores: nothing was scored"),
        ("", "Invalid JSON: EOF while parsing a value at line 1 column 0"),
    ],
)
def test_the_first_fault_is_told_with_where_it_is(text: str, told: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Judged.model_validate_json(text)
    assert first_fault(refused.value) == told


def test_callers_can_catch_all_of_them_at_once() -> None:
    assert all(issubclass(kind, SonoForgeError) for kind in KINDS)
    assert len(KINDS) > 8
