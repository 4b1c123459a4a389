"""Everything that the stages before it left behind to `reports/report.html` and `reports/pull_request.md`.

Both are written anew from files alone, and hold no time and no place, so that equal runs give equal pages. Leaves out:
any number of its own but the agreement of areas, which the validations' tables don't hold.
"""

from __future__ import annotations

import logging
from pathlib import Path

from components.artefacts import write_text
from components.evaluation.reporting.page.page import page_html
from components.evaluation.reporting.page.pull_request import pull_request_text
from components.evaluation.reporting.page.results import Results, read_results
from components.evaluation.reporting.page.tables import area_means
from pipelines.runtime.stage import Job, stage
from pipelines.runtime.steps import step

PARAMS = ("evaluate.figure_cases", "gate.skill_prompt")
DATA = (
    "data/02_harmonised",
    "models/student",
    "reports/document/documents.json",
    "reports/external/cases.parquet",
    "reports/external/metrics.json",
    "reports/gate.json",
    "reports/internal/cases.parquet",
    "reports/internal/metrics.json",
    "reports/package.json",
    "reports/promotion.json",
)
PAGE, PULL_REQUEST = Path("reports/report.html"), Path("reports/pull_request.md")

log = logging.getLogger(__name__)


@step(timeout_s=3600, retries=2)
def read(job: Job) -> Results:
    """Read what the run came to."""
    return read_results(job.root)


@step(timeout_s=3600, retries=2)
def write(job: Job, results: Results) -> None:
    """Write the page and the lines for a pull request."""
    prompt = job.params.gate.skill_prompt
    page = page_html(results, prompt=prompt, figure_cases=job.params.evaluate.figure_cases)
    write_text(job.root / PAGE, page)
    write_text(job.root / PULL_REQUEST, pull_request_text(results, prompt=prompt))


@stage(params=PARAMS, data=DATA, timeout_s=3 * 3600)
def report(job: Job) -> None:
    """Write what people read of the whole run."""
    results = read(job)
    write(job, results)
    log.info("%s: %s", results.gate["verdict"], PAGE)
    job.run.log_metrics(area_means(results, job.params.gate.skill_prompt))
    for path in (PAGE, PULL_REQUEST):
        job.run.log_artifact(job.root / path)


if __name__ == "__main__":
    report.main()
