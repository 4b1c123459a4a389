"""Records to how many images, objects and groups they are. Leaves out: sides (components/intake/sides)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from components.texts import Equals
from components.types import Record


@dataclass(frozen=True, slots=True)
class Counted:
    """How many there are of each, and whether any image is a phantom."""

    images: int
    objects: int
    groups: int
    phantom: bool


def counted(records: Iterable[Record]) -> Counted:
    """Count what comes; of each record the digest of its group is held."""
    groups = Equals()
    objects, phantom = 0, False
    for record in records:
        groups.add(record.group)
        objects += len(record.objects)
        phantom |= record.phantom
    return Counted(len(groups), objects, groups.different(), phantom)
