"""Where a chain of entries ended when it was written last, kept beside its folder: what the chain alone can't show.

A chain proves that no line was changed in place; it can't tell that lines were cut off at its end, that an older copy
was put back, or that somebody wrote a whole new chain. So every append leaves the number and the digest of the last
entry in a file outside of the chain's folder. Before it writes, it leaves both the end that there is and those that
are coming: a crash at any point leaves a chain that fits. Who writes both anew deceives this, too. Leaves out:
what is in the chain (components/release/records/ledger.py, components/audit).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from components.artefacts import replacing

End = tuple[int, str]
"""The number of a chain's entries and the digest of the last one."""
START = "0" * 64
"""What stands for the digest of the entry before the first."""


def anchor_of(chained: Path) -> Path:
    """Where the end of a chained file is kept: beside its folder (`models/released.end.json`)."""
    return chained.parent.with_name(f"{chained.parent.name}.end.json")


def read_ends(chained: Path) -> tuple[End, ...] | None:
    """The ends that a chain may have; None if nobody left any. A file that isn't one allows none."""
    try:
        ends = json.loads(anchor_of(chained).read_text(encoding="utf-8"))["ends"]
        return tuple((int(end["entries"]), str(end["digest"])) for end in ends)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return ()


def leave_ends(chained: Path, *ends: End, durable: bool = True) -> None:
    """Keep the ends that a chain may have and, if `durable`, make sure that they outlive a power cut."""
    values = {"schema": 1, "ends": [{"entries": entries, "digest": digest} for entries, digest in ends]}
    path = anchor_of(chained)
    with replacing(path) as beside, beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(values, indent=2) + "\n")
        if durable:
            file.flush()
            os.fsync(file.fileno())
    if durable:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make sure that the names in a folder outlive a power cut: files that were made, renamed or removed in it."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
