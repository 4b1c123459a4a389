"""What is known isn't done again, and parameters choose the engine."""

from __future__ import annotations

import sys

import pytest

from components.engines import Threads, Unknown, engine_of
from components.engines.cluster import OnRay
from components.errors import EngineError
from components.params import EngineParams


def test_known_items_give_their_key_alone() -> None:
    work = Unknown(key=str, function=lambda item: item * 10, known=frozenset({"2"}))
    assert list(Threads(2).mapped(work, [1, 2, 3])) == [("1", 10), ("2", None), ("3", 30)]


def test_parameters_choose_the_engine() -> None:
    assert engine_of(EngineParams(name="threads"), workers=3) == Threads(3)
    params = EngineParams(name="ray", address="10.0.0.1:6379")
    assert engine_of(params, workers=3) == OnRay(params)


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    engine = OnRay(EngineParams(name="ray"))
    assert list(engine.mapped(str, [])) == []
    with pytest.raises(EngineError, match="can't be loaded") as caught:
        next(engine.mapped(str, [1]))
    assert "sonoforge[ray]" in caught.value.remedy
