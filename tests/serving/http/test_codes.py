"""The list of errors is what the source raises: none is missing, none is invented."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from serving.http.codes import ERRORS
from serving.http.forms import _NAMED
from serving.http.refusals import STATUSES

ROOMS = ("http", "access")
RAISING = ("RequestError", "Refusal")
HTTP = {(404, "not_found"), (405, "method_not_allowed"), (400, "bad_request"), (500, "internal")}
"""What Starlette raises, and what nobody foresaw, as refusals.py names it."""


def nodes(root: Path) -> Iterator[ast.AST]:
    """Everything in the source that answers requests."""
    for room in ROOMS:
        for path in sorted((root / "serving" / room).rglob("*.py")):
            yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def named(call: ast.Call) -> str:
    """The name of what is called."""
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def constant(node: ast.AST | None) -> object:
    """A constant's value; None for anything else."""
    return node.value if isinstance(node, ast.Constant) else None


def keyword(call: ast.Call, name: str) -> object:
    """The constant that a call gives a keyword."""
    return next((constant(each.value) for each in call.keywords if each.arg == name), None)


def written(calls: list[ast.Call]) -> set[tuple[int, str]]:
    """Statuses and codes that stand in the source as they are."""
    found = set()
    for call in calls:
        status, second = (constant(each) for each in (*call.args, ast.Pass(), ast.Pass())[:2])
        if named(call) == "_refused" and isinstance(call.args[1], ast.Call):
            second = keyword(call.args[1], "code")
        if isinstance(status, int) and isinstance(second, str) and named(call) in (*RAISING, "_refused"):
            found.add((status, second))
    return found


def composed(calls: list[ast.Call], texts: list[ast.JoinedStr]) -> set[tuple[int, str]]:
    """Those that are put together of a field's or body's name and an ending."""
    messages = {keyword(call, "name") for call in calls if named(call) in ("read_message", "read_json")} - {None}
    bodies = {keyword(call, "name") for call in calls if named(call) == "read_json"}
    fields = {constant(call.args[1]) for call in calls if named(call) == "read_text"}
    endings = {
        "_not_json": (400, messages),
        "_invalid": (422, messages),
        "_missing": (400, fields),
        "_too_large": (413, {*fields, *bodies, *_NAMED, "field"}),
    }
    last = {constant(text.values[-1]) for text in texts if isinstance(text.values[0], ast.FormattedValue)}
    assert {each for each in last if isinstance(each, str) and each.startswith("_")} == set(endings)
    return {(status, f"{name}{ending}") for ending, (status, names) in endings.items() for name in names}


def test_every_error_is_listed_and_every_listed_one_is_raised(root: Path) -> None:
    found = list(nodes(root))
    calls = [each for each in found if isinstance(each, ast.Call)]
    texts = [each for each in found if isinstance(each, ast.JoinedStr)]
    library = {(status, code) for _, status, code in STATUSES}
    raised = written(calls) | composed(calls, texts) | library | HTTP
    assert raised == set(ERRORS)


def test_each_is_told_in_words() -> None:
    for (status, code), when in ERRORS.items():
        assert 400 <= status < 600 and code.isidentifier() and code == code.lower()
        assert len(when) > 10 and not when.endswith("."), code
