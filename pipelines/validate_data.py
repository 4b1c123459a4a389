"""A raw dataset to `reports/data/<dataset>`: its facts, every fault with file and remedy, and Data Docs.

A fault of severity error stops the graph here, after the report is written. Leaves out: mending anything.
"""

from __future__ import annotations

import logging
from pathlib import Path

from components.contract import load_contract
from components.intake.faults import as_text, counts, errors
from components.intake.validate_data import Checked
from components.intake.validate_data import validate_data as judge_dataset
from pipelines.runtime.stage import Job, Progress, stage
from pipelines.runtime.steps import step

PARAMS = ("datasets.${key}",)
DATA = ("data/contracts/${key}.yaml", "data/01_raw/${key}")

log = logging.getLogger(__name__)


@step(timeout_s=6 * 3600, retries=2)
def judge(job: Job, out: Path) -> Checked:
    """Compute the facts of every image, judge them, and write the report."""
    contracts = job.root / "data/contracts"
    return judge_dataset(
        load_contract(job.dataset, contracts),
        job.root / "data/01_raw" / job.dataset,
        out=out,
        phantom=job.params.datasets[job.dataset].is_phantom,
        contracts=contracts,
        engine=job.engine,
        progress=Progress("images checked"),
        pairs_progress=Progress("pairs of images compared"),
        proofs=job.scratch / "pairs",
    )


@stage(params=PARAMS, data=DATA, timeout_s=6 * 3600)
def validate_data(job: Job) -> None:
    """Judge one dataset by its contract."""
    out = job.root / "reports/data" / job.dataset
    checked = judge(job, out)
    found = counts(checked.faults)
    job.run.log_metrics({"images": len(checked.facts), **{f"faults_{kind}": n for kind, n in found.items()}})
    job.run.log_artifact(out, under="report")
    log.info("%d images; %s", len(checked.facts), ", ".join(f"{n} {kind}" for kind, n in found.items()))
    if wrong := errors(checked.faults):
        log.error("%s", as_text(wrong, title=f"What is wrong with {job.dataset}"))
    checked.require_sound(out.relative_to(job.root) / "faults.md")


if __name__ == "__main__":
    validate_data.main()
