"""A model in a runtime: what predicting needs, and what is said of the runtime in answers, records and keys.

Leaves out: the runtimes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from components.promptable.embedding import Promptable

THREADS = 2
"""With how many threads every runtime computes, so that sums are cut alike on every machine."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A runtime's name as parameters have it, its version, and how it computes.

    `told` are the words of the runtime itself: an execution provider, a precision, a number of threads.
    """

    name: str
    version: str
    told: str

    def __str__(self) -> str:
        return f"{self.name} {self.version} ({self.told})"


class Runtime(Promptable, Protocol):
    """A model that says what runs it."""

    @property
    def facts(self) -> Facts:
        """What runs it."""
        ...
