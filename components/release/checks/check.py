"""One condition's outcome, and the verdict that follows from several.

A check says PASS, FAIL (measured on enough cases, or clearly, and not good enough) or INSUFFICIENT (it can't be said).
Light to import: whoever reads a gate's record needs no more than this.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Outcome = Literal["PASS", "FAIL", "INSUFFICIENT"]


@dataclass(frozen=True, slots=True)
class Check:
    """One condition: its id (`name` or `name:dataset`), verdict, measured value, limit, and the reason."""

    id: str
    verdict: Outcome
    value: float | str | None
    limit: float | str | None
    reason: str

    def as_json(self) -> dict[str, Any]:
        """The check as `gate.json` holds it."""
        return asdict(self)


def combined(outcomes: Iterable[Outcome]) -> Outcome:
    """The verdict over all checks: any FAIL makes it FAIL, else any INSUFFICIENT makes it INSUFFICIENT."""
    found = set(outcomes)
    return "FAIL" if "FAIL" in found else "INSUFFICIENT" if "INSUFFICIENT" in found else "PASS"
