"""Answers to the items of a document, each with its status; and a document of them as Markdown and as a record.

An item is filled from the run, from people's statements or from both; where a statement that it needs is empty it reads
NOT PROVIDED, with whatever the run says beside. Leaves out: which items there are (claim.py and its neighbours).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from components.release.documents.marking import shown, table
from components.release.documents.statements import LABELS, NOT_PROVIDED, STATEMENTS

Status = Literal["filled", "NOT PROVIDED", "not applicable"]
HEAD = ("No.", "Item", "What this run says", "Where", "Status")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a document: its number, what it is about, the answer, where that stands, and its status.

    `asks` are the keys of the statements that it takes from people, `missing` those of them that are empty.
    """

    number: str
    section: str
    subject: str
    says: str
    where: str
    status: Status
    asks: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The item as lists call it."""
        return f"{self.number} {self.subject}"


@dataclass
class Answers:
    """The items of a document in the making, section by section; `statements` are people's, by key."""

    statements: Mapping[str, str]
    items: list[Item] = field(default_factory=list)
    section: str = ""

    def run(self, number: str, subject: str, says: str, *, where: str, lacks: bool = False) -> None:
        """Add an item that the run answers; where it `lacks` what was asked for, that part reads NOT PROVIDED."""
        status: Status = NOT_PROVIDED if lacks else "filled"
        self.items.append(Item(number, self.section, subject, says, where, status))

    def people(self, number: str, subject: str, *keys: str, run: str = "", where: str = "") -> None:
        """Add an item that people answer, after what the run says of it."""
        texts = [self.statements.get(key, "") for key in keys]
        told = [f"{LABELS[key]}: {text or NOT_PROVIDED}" for key, text in zip(keys, texts, strict=True)]
        if len(keys) == 1 and not run:
            told = [texts[0] or NOT_PROVIDED]
        places = "; ".join(place for place in (where, STATEMENTS.as_posix()) if place)
        missing = tuple(key for key, text in zip(keys, texts, strict=True) if not text)
        status: Status = NOT_PROVIDED if missing else "filled"
        says = ". ".join(part.removesuffix(".") for part in (run, "; ".join(told)) if part)
        self.items.append(Item(number, self.section, subject, says, places, status, tuple(keys), missing))

    def skip(self, number: str, subject: str, why: str) -> None:
        """Add an item that doesn't apply, with the reason."""
        self.items.append(Item(number, self.section, subject, why, "–", "not applicable"))


@dataclass(frozen=True, slots=True)
class Document:
    """A finished document: its name (the path without its ending), title, opening words, items, and what follows."""

    name: str
    title: str
    opening: tuple[str, ...]
    items: tuple[Item, ...]
    closing: tuple[str, ...] = ()

    def markdown(self) -> str:
        """The document; `opening` and `closing` are Markdown already."""
        sections = list(dict.fromkeys(item.section for item in self.items))
        parts = [f"# {shown(self.title)}", *self.opening, self._counts()]
        for section in sections:
            rows = [
                (item.number, item.subject, item.says, item.where, item.status)
                for item in self.items
                if item.section == section
            ]
            parts += [f"## {shown(section)}", table(HEAD, rows)]
        return "\n\n".join([*parts, *self.closing]) + "\n"

    def record(self, path: str, *, required: Collection[str]) -> dict[str, Any]:
        """What `documents.json` says of the document: how many items are filled, and what people still owe."""
        missing = {key for item in self.items for key in item.missing}
        return {
            "name": self.name,
            "path": path,
            "items": len(self.items),
            "filled": self._number("filled"),
            "not_applicable": self._number("not applicable"),
            "not_provided": [item.name for item in self.items if item.status == NOT_PROVIDED],
            "missing_required": sorted(missing & set(required)),
        }

    def _number(self, status: Status) -> int:
        return sum(item.status == status for item in self.items)

    def _counts(self) -> str:
        return (
            f"{len(self.items)} items: {self._number('filled')} filled, {self._number(NOT_PROVIDED)} NOT PROVIDED, "
            f"{self._number('not applicable')} not applicable."
        )
