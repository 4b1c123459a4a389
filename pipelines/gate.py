"""Models, reports and faults to `reports/gate.json`: a verdict with reasons.

A FAIL is a result, not an error: the stage ends well and the verdict says no. The model in use is read from the
ledger when the stage runs; a promotion or rollback alone doesn't run it again (docs/operations.md). Leaves out: acting
on the verdict (promote).
"""

from __future__ import annotations

import logging
from pathlib import Path

from components.artefacts import write_json
from components.intake.likeness.proof import proof_stamp
from components.journal import Journal
from components.promptable.predict import pick_device, pin_threads
from components.release.checks.evidence import Evidence, Rules
from components.release.gate import Verdict, judge
from components.release.gathering import gather
from components.release.records.ledger import LEDGER, read_ledger
from pipelines.departed import clear_departed
from pipelines.runtime.stage import WORKERS, Job, stage
from pipelines.runtime.steps import step

# All of `datasets`: every dataset of the run must have been validated and scored, and a removed one leaves its
# folder of faults behind.
PARAMS = (
    "datasets",
    "prompts.min_area_px",
    # Whether these are those that stood there at training.
    "prompts.evaluate",
    "calibrate",
    "evaluate",
    "package",
    "document",
    "gate",
)
DATA = (
    "data/02_harmonised",
    "data/03_splits/internal.csv",
    "data/03_splits/sources.json",
    "data/sides.csv",
    "models/student",
    "models/teacher",
    "models/candidate",
    "reports/data",
    "reports/internal/cases.parquet",
    "reports/internal/metrics.json",
    "reports/external/cases.parquet",
    "reports/package.json",
    "reports/document",
)
GATE = Path("reports/gate.json")

log = logging.getLogger(__name__)


@step(timeout_s=6 * 3600, retries=2)
def collect(job: Job) -> Evidence:
    """Read everything that the verdict rests on; the saved model is tried as the validations tried it."""
    clear_departed(job.root / "reports/data", keep=job.params.datasets)
    pin_threads()
    return gather(
        job.root,
        model=job.root / "models/student",
        internal=job.params.names("internal"),
        external=job.params.names("external"),
        champion=read_ledger(job.root / LEDGER).champion,
        params=job.params,
        device=str(pick_device()),
        workers=WORKERS,
        proofs=Journal(job.scratch / "pairs", proof_stamp()),
    )


@step(timeout_s=3600)
def decide(job: Job, evidence: Evidence) -> Verdict:
    """Run all checks."""
    return judge(evidence, Rules.of(job.params))


@stage(params=PARAMS, data=DATA, seeds=("evaluate.seed",), timeout_s=8 * 3600, on_gpu=True)
def gate(job: Job) -> None:
    """Judge the student."""
    verdict = decide(job, collect(job))
    judging = job.provenance.lasting()
    judged_on = {name: judging[name] for name in ("git_sha", "dirty", "params_sha256", "judging_sha256")}
    write_json(job.root / GATE, verdict.as_json() | {"judged_on": judged_on})
    log.info("%s", verdict.verdict)
    for reason in verdict.reasons:
        log.info("- %s", reason)
    job.run.log_tags({"sonoforge.verdict": verdict.verdict})
    job.run.log_artifact(job.root / GATE)


if __name__ == "__main__":
    gate.main()
