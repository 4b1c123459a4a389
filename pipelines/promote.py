"""A verdict to the model in use, or to a recorded refusal: `reports/promotion.json`, ledger, alias and Bento.

A refusal is a result, not an error. A model that a rollback took out of use is refused, too: a person put it away, and
only a person brings it back. Leaves out: the verdict (gate), rolling back (`sonoforge rollback`), serving.
"""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path

from components.artefacts import read_description, write_json
from components.release.documents.statements import STATEMENTS, read_statements
from components.release.judged import read_metrics
from components.release.packing.packaged import CANDIDATE, PACKAGE
from components.release.promote import promote as release
from components.release.records.promotion import Promotion
from components.tracking import find_run
from pipelines.runtime.stage import Job, stage
from pipelines.runtime.steps import step

PARAMS = ("gate.require_approval",)
DATA = (
    "models/candidate",
    "reports/package.json",
    "reports/gate.json",
    "reports/internal/metrics.json",
    "reports/external/metrics.json",
    "docs/statements.yaml",
)
PROMOTION = Path("reports/promotion.json")

log = logging.getLogger(__name__)


@step(timeout_s=2 * 3600, retries=1)
def move_champion(job: Job) -> Promotion:
    """Pack, register and point to the candidate on PASS; record the refusal on any other verdict."""
    model = job.root / CANDIDATE
    return release(
        job.root,
        model=model,
        gate=job.root / "reports/gate.json",
        params=job.params.gate,
        package=job.root / PACKAGE,
        internal=read_metrics(job.root, "internal"),
        external=read_metrics(job.root, "external"),
        statements=read_statements(job.root / STATEMENTS),
        run_id=find_run(job.root, digest=read_description(model).digest),
        pack=partial(pack, job.root),
    )


def pack(root: Path, folder: Path) -> str:
    """Build the Bento of a released folder, which must be the one that was judged; returns its tag."""
    # BentoML takes seconds to import, and a refusal needs none of it.
    from components.release.packing.bento import release_bento

    return release_bento(root, folder).tag


@stage(params=PARAMS, data=DATA, timeout_s=3 * 3600)
def promote(job: Job) -> None:
    """Release the candidate if the gate allows it."""
    promotion = move_champion(job)
    write_json(job.root / PROMOTION, promotion.as_json())
    log.info("%s: %s", promotion.action, promotion.bento or "; ".join(promotion.reasons))
    job.run.log_tags({"sonoforge.action": promotion.action, "sonoforge.bento": promotion.bento or ""})
    job.run.log_artifact(job.root / PROMOTION)


if __name__ == "__main__":
    promote.main()
