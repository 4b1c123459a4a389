"""What the allocator is told, and where nothing is. The effect is measured by benchmarks/training_step.py."""

from __future__ import annotations

import ctypes

import pytest

from components.training import allocator


class Library:
    """A C library that notes what `mallopt` was told."""

    def __init__(self, *, answer: int) -> None:
        self.told: dict[int, int] = {}
        self.answer = answer

    def mallopt(self, parameter: int, value: int) -> int:
        self.told[parameter] = value
        return self.answer


def test_large_blocks_come_from_the_heap_and_stay_there(monkeypatch: pytest.MonkeyPatch) -> None:
    library = Library(answer=1)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    assert allocator.keep_freed_memory() is True
    # M_MMAP_THRESHOLD is -3, M_TRIM_THRESHOLD -1 (mallopt(3)).
    assert library.told == {-3: 2**30, -1: 2**31 - 1}


def test_it_says_when_the_allocator_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Library(answer=0))
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    assert allocator.keep_freed_memory() is False


def test_a_library_without_it_and_another_system_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    monkeypatch.setattr(allocator.sys, "platform", "linux")
    assert allocator.keep_freed_memory() is False
    monkeypatch.setattr(allocator.sys, "platform", "darwin")
    assert allocator.keep_freed_memory() is False
