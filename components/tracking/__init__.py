"""The record of what was run: provenance, one MLflow run for each stage, and the registry's pointers.

The only room that knows MLflow. A stage's process never imports MLflow itself: it sends lines to a writer
process (`writer.py`), one for a whole pass over the graph or one of its own, so that the seconds of that import
are spent once, beside the work; and the writer outlives a killed stage and can still say so.

Leaves out: the weights. They stay in `models/` under DVC; a registered version is a pointer with their digest.
"""

from components.tracking.provenance import UNKNOWN, Provenance, collect_provenance, judging_digest
from components.tracking.registry import (
    RegisteredVersion,
    find_run,
    list_versions,
    register_version,
    run_record,
    set_alias,
)
from components.tracking.runs import StageRun, stage_run
from components.tracking.store import has_records

__all__ = [
    "UNKNOWN",
    "Provenance",
    "RegisteredVersion",
    "StageRun",
    "collect_provenance",
    "find_run",
    "has_records",
    "judging_digest",
    "list_versions",
    "register_version",
    "run_record",
    "set_alias",
    "stage_run",
]
