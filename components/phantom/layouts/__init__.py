"""The original folder layouts, one module each, by the dataset's name.

A layout module has `plan(images, seed)`, `write(item, root)` and `finish(root, items, seed)`; its items are frozen,
picklable and know how many labelled `images` they hold.

Leaves out: reading any of them; that is `components.intake`.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from components.phantom.layouts import busi, ddti, fugc, jnu_ifm, tn3k, udiat


class Item(Protocol):
    """The smallest thing that is written in one go."""

    @property
    def images(self) -> int:
        """How many labelled images it writes."""


class Layout(Protocol):
    """A dataset's original folder layout."""

    def plan(self, images: int, seed: int) -> list[Any]:
        """The items for this many labelled images."""

    def write(self, item: Any, root: Path) -> None:
        """Write one item's files under `root`."""

    def finish(self, root: Path, items: list[Any], seed: int) -> None:
        """Write the tables that speak of all items."""


_MODULES: dict[str, ModuleType] = {
    "busi": busi,
    "ddti": ddti,
    "tn3k": tn3k,
    "udiat": udiat,
    "fugc": fugc,
    "jnu_ifm": jnu_ifm,
}
LAYOUTS: tuple[str, ...] = tuple(_MODULES)


def layout(name: str) -> Layout:
    """The layout of a dataset, by its name (one of `LAYOUTS`)."""
    return _MODULES[name]
