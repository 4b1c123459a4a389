"""What the contracts say of common patients (`same_source_as`), to closed sets of datasets, on disk and back.

Who has seen one dataset of a set has seen patients of all of it. Leaves out: what must not meet (apart.py), and what a
model is counted to have seen (components/evaluation/exposure.py).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import networkx as nx

from components.artefacts import write_json
from components.errors import LayoutError

SCHEMA = 1
Sources = tuple[tuple[str, ...], ...]
"""Sets of two or more datasets of the same patients, each sorted by name, in the order of their first names."""


def close_sources(same_source: Mapping[str, Iterable[str]]) -> Sources:
    """The sets that the statements make together: who shares patients with a third shares them with each other.

    `same_source` holds, for each dataset that has a contract, those that it calls the same source; it is enough if one
    of two says so.
    """
    graph = nx.Graph((name, other) for name, others in same_source.items() for other in others if other != name)
    return tuple(sorted(tuple(sorted(linked)) for linked in nx.connected_components(graph)))


def write_sources(path: Path, sources: Sources) -> None:
    """Write the sets as JSON; equal sets give equal bytes."""
    write_json(path, {"schema": SCHEMA, "same_patients": [list(one) for one in sources]})


def read_sources(path: Path) -> Sources:
    """Read the sets.

    Raises
    ------
    LayoutError
        If the file is missing or isn't one that `write_sources` wrote. None at all is a statement, not a default.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["schema"] != SCHEMA:
            raise ValueError(f"schema {value['schema']}")
        return tuple(tuple(str(name) for name in one) for one in value["same_patients"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LayoutError(
            f"{path} doesn't say which datasets hold the same patients ({type(error).__name__}: {error})",
            expected=f"what the stage `split` writes, schema {SCHEMA}",
            remedy="run the stage `split` again",
        ) from None
