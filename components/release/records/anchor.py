"""Where a ledger ended when it was written last, kept beside its folder: what the chain alone can't show.

A chain proves that no line was changed in place; it can't tell that lines were cut off at its end, that an older copy
was put back, or that somebody wrote a whole new chain. So every append leaves the number and the digest of the last
entry in a file outside of the ledger's folder. Before it writes, it leaves both the end that there is and the one that
is coming: a crash at any point leaves a ledger that fits. Who writes both files anew deceives this, too. Leaves out:
what is in the ledger (ledger.py).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from components.artefacts import replacing

End = tuple[int, str]
"""The number of a ledger's entries and the digest of the last one."""


def anchor_of(ledger: Path) -> Path:
    """Where the end of a ledger is kept: beside its folder (`models/released.end.json`)."""
    return ledger.parent.with_name(f"{ledger.parent.name}.end.json")


def read_ends(ledger: Path) -> tuple[End, ...] | None:
    """The ends that a ledger may have; None if nobody left any. A file that isn't one allows none."""
    try:
        ends = json.loads(anchor_of(ledger).read_text(encoding="utf-8"))["ends"]
        return tuple((int(end["entries"]), str(end["digest"])) for end in ends)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return ()


def leave_ends(ledger: Path, *ends: End) -> None:
    """Keep the ends that a ledger may have, and make sure that they are on the disk."""
    values = {"schema": 1, "ends": [{"entries": entries, "digest": digest} for entries, digest in ends]}
    with replacing(anchor_of(ledger)) as beside, beside.open("w", encoding="utf-8") as file:
        file.write(json.dumps(values, indent=2) + "\n")
        file.flush()
        os.fsync(file.fileno())
