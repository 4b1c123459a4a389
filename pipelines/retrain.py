"""The graph on a schedule: a Prefect flow that runs `dvc repro` to its last stage, the release, and notes the verdict.

`python -m pipelines.retrain` runs it once; with `--cron "0 3 * * 0"` it waits for its times on the Prefect server
that PREFECT_API_URL names. Leaves out: when a retraining is worth it.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path

from components.errors import SonoForgeError
from pipelines.graph import GraphRun, one_at_a_time, run_graph
from pipelines.runtime.environment import project_root
from pipelines.runtime.local_server import ensure_services
from pipelines.runtime.stage import talk
from pipelines.runtime.steps import step

log = logging.getLogger(__name__)


class ScheduleError(SonoForgeError):
    """A schedule without a server that keeps it."""


@step(timeout_s=30 * 24 * 3600)
def reproduce(root: Path) -> GraphRun:
    """Run what has changed, up to the release."""
    with one_at_a_time(root, say=log.info):
        return run_graph(root, say=log.info)


@step(timeout_s=60, retries=2)
def note(done: GraphRun) -> None:
    """Leave the verdict as an artefact on the flow's run."""
    from prefect.artifacts import create_markdown_artifact

    verdict = done.gate["verdict"] if done.gate else "none"
    action = done.promotion["action"] if done.promotion else "none"
    reasons = "\n".join(f"- {reason}" for reason in (done.promotion or {}).get("reasons", ()))
    text = f"**{verdict}**, {action}. Stages that ran: {', '.join(done.ran) or 'none'}.\n\n{reasons}"
    create_markdown_artifact(text, key="verdict", description="The gate's verdict on the student")


def retrain(root: str) -> None:
    """Bring the graph up to date and release if the gate allows it."""
    note(reproduce(Path(root)))


def main() -> None:
    """Run once, or keep a schedule; ends the process."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.retrain", description=__doc__)
    parser.add_argument("--cron", help="minute hour day month weekday, in UTC")
    arguments = parser.parse_args()
    talk()
    try:
        root = project_root()
        _run(root, cron=arguments.cron)
    except SonoForgeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


def _run(root: Path, *, cron: str | None) -> None:
    if cron is not None and not os.environ.get("PREFECT_API_URL"):
        raise ScheduleError(
            "there is no Prefect server to keep the schedule",
            expected="PREFECT_API_URL, the address of a running server",
            remedy="start one with `prefect server start`, export PREFECT_API_URL=http://127.0.0.1:4200/api",
        )
    if cron is None:
        # Prefect reads this when it loads; the graph's stages then find the same server.
        os.environ["PREFECT_API_URL"] = ensure_services(root).api_url
    from prefect import flow

    scheduled = flow(name="retrain", persist_result=False, timeout_seconds=31 * 24 * 3600)(retrain)
    if cron is None:
        scheduled(str(root))
    else:
        scheduled.serve(name="retrain", cron=cron, parameters={"root": str(root)}, limit=1)


if __name__ == "__main__":
    main()
