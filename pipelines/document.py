"""A validated run to the documents beside its report, `reports/document`: card, dataset sheets, checklists, record.

All is filled from the run's own files and from `docs/statements.yaml`; what a person has yet to write reads NOT
PROVIDED, which is a result and no error. The model in use is read from the ledger when the stage runs, as the
validations read it. Leaves out: the verdict (gate), which may ask for statements.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from components.artefacts import ModelDescription, read_description
from components.release.documents.dossier import write_dossier
from components.release.documents.run_files import Run, read_run
from components.release.documents.statements import STATEMENTS, read_statements
from components.release.records.ledger import LEDGER, read_ledger
from components.release.records.released import released_model
from pipelines.departed import clear_departed
from pipelines.runtime.stage import Job, stage
from pipelines.runtime.steps import step

# Every section that a result depends on: the change record holds all of them. The engine changes no byte.
PARAMS = (
    "datasets",
    "split",
    "model",
    "prompts",
    "augment",
    "teacher",
    "student",
    "finetune",
    "distil",
    "unet",
    "spread",
    "calibrate",
    "evaluate",
    "package",
    "document",
    "gate",
    "serving",
    "monitor",
)
DATA = (
    "data/02_harmonised",
    "data/03_splits/internal.csv",
    "data/03_splits/sources.json",
    "data/contracts",
    "docs/statements.yaml",
    "models/calibration",
    "models/student",
    "models/teacher",
    "reports/data",
    "reports/external/metrics.json",
    "reports/internal/metrics.json",
    "reports/package.json",
    "reports/split",
)
FOLDER = Path("reports/document")

log = logging.getLogger(__name__)


@step(timeout_s=3600, retries=1)
def read_files(job: Job) -> Run:
    """Read what the documents are filled from."""
    clear_departed(job.root / "reports/data", keep=job.params.datasets)
    return read_run(
        job.root,
        params=job.params,
        statements=read_statements(job.root / STATEMENTS),
        champion=model_in_use(job.root),
    )


def model_in_use(root: Path) -> ModelDescription | None:
    """The description of the model in use, by the ledger; None if there is none."""
    digest = read_ledger(root / LEDGER).champion
    return None if digest is None else read_description(released_model(root, digest))


@step(timeout_s=3600, retries=1)
def write(job: Job, run: Run) -> dict[str, Any]:
    """Write all documents."""
    return write_dossier(job.root / FOLDER, run, under=FOLDER.as_posix())


@stage(params=PARAMS, data=DATA, timeout_s=3 * 3600)
def document(job: Job) -> None:
    """Fill the documents of the run."""
    listed = write(job, read_files(job))
    for one in listed["documents"]:
        counts = (one["filled"], one["items"], one["not_applicable"], len(one["not_provided"]))
        log.info("%s: %d of %d items filled, %d not applicable, %d NOT PROVIDED", one["path"], *counts)
    if missing := listed["missing_required"]:
        log.warning("still to be written in %s: %s", STATEMENTS, ", ".join(missing))
    job.run.log_artifact(job.root / FOLDER)


if __name__ == "__main__":
    document.main()
