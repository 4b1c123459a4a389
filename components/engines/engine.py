"""What an engine is: many items and a function to results in order. Leaves out: the engines themselves."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar, runtime_checkable

Progress = Callable[[int, int], None]
"""Called with the number of items done, and of all."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Needs:
    """What one item needs while it is worked on: processor cores, and whole GPUs."""

    cpus: int = 1
    gpus: int = 0


ONE_CORE = Needs()


@runtime_checkable
class Engine(Protocol):
    """Somebody who applies a function to items."""

    def mapped(
        self,
        function: Callable[[T], R],
        items: Sequence[T],
        *,
        progress: Progress | None = None,
        needs: Needs = ONE_CORE,
    ) -> Iterator[R]:
        """Apply a function to all items; results come in the items' order.

        Few results are held ahead of those taken, however many items there are. An error of the function is raised as
        it is, after the results of the items before it. After an error or an interrupt, and where the results aren't
        all taken, what hasn't begun is dropped.
        """


@dataclass(frozen=True)
class Unknown(Generic[T, R]):
    """An item to its key, and its result unless the key is among the `known` ones: what was done isn't done again."""

    key: Callable[[T], str]
    function: Callable[[T], R]
    known: Container[str]

    def __call__(self, item: T) -> tuple[str, R | None]:
        """The item's key, and its result, or None where it is known."""
        key = self.key(item)
        return key, None if key in self.known else self.function(item)
