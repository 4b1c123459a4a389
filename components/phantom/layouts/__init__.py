"""The original folder layouts, one module each, by the dataset's name.

A module's `plan` says what will be written as frozen, picklable items, its `write` writes one of them, in any order
and in any process, and its `finish`, if it has one, writes the tables that speak of all.

Leaves out: reading any of them; that is `components.intake`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from components.phantom.layouts import busi, ddti, fugc, jnu_ifm, tn3k, udiat


class Item(Protocol):
    """The smallest thing that is written in one go."""

    @property
    def images(self) -> int:
        """How many labelled images it writes."""


@dataclass(frozen=True, slots=True)
class Layout:
    """`plan(images, seed)`, `write(item, root)`, `finish(root, items)` of one dataset."""

    plan: Callable[[int, int], list[Any]]
    write: Callable[[Any, Path], None]
    finish: Callable[[Path, list[Any]], None] | None = None


BY_NAME: dict[str, Layout] = {
    "busi": Layout(busi.plan, busi.write),
    "ddti": Layout(ddti.plan, ddti.write),
    "tn3k": Layout(tn3k.plan, tn3k.write, tn3k.finish),
    "udiat": Layout(udiat.plan, udiat.write, udiat.finish),
    "fugc": Layout(fugc.plan, fugc.write),
    "jnu_ifm": Layout(jnu_ifm.plan, jnu_ifm.write, jnu_ifm.finish),
}
LAYOUTS: tuple[str, ...] = tuple(BY_NAME)
