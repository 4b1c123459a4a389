"""A dataset's files that are neither image nor mask, to what their names and tags may tell of a person.

Such a file is copied with the dataset, whether its layout knows it, leaves it out or doesn't know it. What a reviewer
took out by quarantine isn't opened. Leaves out: images and masks (measuring/facts.py), and what stands in a table.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath

from components.contract import Contract
from components.intake.faults import fault
from components.intake.layouts import LayoutReading
from components.intake.layouts.reading import readable
from components.intake.layouts.tree import files_under
from components.intake.measuring.facts import NAME_COLUMNS, in_line
from components.intake.measuring.facts_table import Facts
from components.intake.measuring.identity import read_tags
from components.intake.measuring.stored import MAX_FILE_BYTES
from components.intake.measuring.telling_names import telling_names
from components.texts import Keys
from components.types import Fault

# PNG, JPEG, TIFF in both orders of bytes.
_BEGINS = (b"\x89PNG", b"\xff\xd8\xff", b"II*\0", b"MM\0*")
_HEAD_BYTES = 2**14


def other_faults(facts: Facts, reading: LayoutReading, contract: Contract, folder: Path) -> list[Fault]:
    """What the files tell that `facts` don't hold: `identity_in_name`, `date_in_name` and `identity_tag`."""
    known = Keys.of(
        str(dict(case.published).get(path, path)) for case in reading.cases for path in (case.image, *case.masks)
    )
    others = [
        (path, readable(path.relative_to(folder).as_posix())) for path in files_under(folder) if str(path) not in known
    ]
    told = {
        line.split("\t")[0]
        for column in NAME_COLUMNS
        for text in facts.texts(column)
        for line in (text or "").split("\n")
    }
    taken_out = {path for case in reading.excluded for path in (case.image, *case.masks)}
    tags = [(name, names) for path, name in others if path not in taken_out and (names := _tags(path))]
    return [
        *_names([name for _, name in others], told, contract),
        *(
            fault("identity_tag", dataset=contract.name, file=in_line(name), found=in_line(found))
            for name, found in tags
        ),
    ]


def _names(names: list[str], told: Collection[str], contract: Contract) -> Iterator[Fault]:
    """What the names tell, each place once and none that is `told` already."""
    found = {
        (code, place): what
        for name in names
        for code, place, what in telling_names(PurePosixPath(name))
        if in_line(place) not in told
    }
    for (code, place), what in found.items():
        yield fault(code, dataset=contract.name, file=in_line(place), found=what)


def _tags(path: Path) -> str:
    """The names of a file's identity tags; "" where it has none, or is no image, DICOM or MetaImage."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
            if not (head.startswith(_BEGINS) or head[128:132] == b"DICM" or b"ElementDataFile" in head):
                return ""
            # Of a larger file the beginning is read: that is where DICOM and MetaImage have their tags.
            return ", ".join(read_tags(head + file.read(MAX_FILE_BYTES)).identity)
    except OSError:  # told as a file without access
        return ""
