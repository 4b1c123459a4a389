"""The graph on a schedule: a Prefect flow that runs `dvc repro` to its last stage, the release, and notes the verdict.

`python -m pipelines.retrain` runs it once; with `--cron "0 3 * * 0"` it waits for its times on the Prefect server
that PREFECT_API_URL names. A request of `pipelines.monitor` is closed by the run that comes after it, and kept with
what came of it; with `--if-asked` nothing runs where no request stands. Leaves out: when a retraining is worth it.
"""

from __future__ import annotations

import argparse
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from components.errors import SonoForgeError
from components.monitoring.request import Request, answer, read_request
from pipelines.graph import GraphRun, one_at_a_time, run_graph
from pipelines.runtime.environment import project_root
from pipelines.runtime.stage import talk
from pipelines.runtime.steps import step
from pipelines.schedule import run_or_serve

TIMEOUT_S = 31 * 24 * 3600.0

log = logging.getLogger(__name__)


@step(timeout_s=30 * 24 * 3600)
def reproduce(root: Path) -> GraphRun:
    """Run what has changed, up to the release."""
    with one_at_a_time(root, say=log.info):
        return run_graph(root, say=log.info)


@step(timeout_s=60, retries=2)
def asked(root: Path) -> Request | None:
    """The request that stands, if any."""
    return read_request(root)


@step(timeout_s=60, retries=2)
def close(root: Path, done: GraphRun) -> None:
    """Close the request that stands with what came of it."""
    answer(root, outcome=outcome(done), at=datetime.now(UTC))


@step(timeout_s=60, retries=2)
def note(done: GraphRun, request: Request | None) -> None:
    """Leave the verdict as an artefact on the flow's run."""
    from prefect.artifacts import create_markdown_artifact

    reasons = "\n".join(f"- {reason}" for reason in (done.promotion or {}).get("reasons", ()))
    why = "" if request is None else "\n\nAsked for:\n" + "\n".join(f"- {one.why}" for one in request.drifted)
    text = f"**{outcome(done)}**\n\n{reasons}{why}"
    create_markdown_artifact(text, key="verdict", description="The gate's verdict on the student")


def outcome(done: GraphRun) -> str:
    """What a run came to, in a sentence; a run that found nothing changed says so."""
    verdict = done.gate["verdict"] if done.gate else "none"
    action = done.promotion["action"] if done.promotion else "none"
    ran = f"stages that ran: {', '.join(done.ran)}" if done.ran else "nothing had changed: new data must come in first"
    return f"{verdict}, {action}; {ran}"


def retrain(root: str, if_asked: bool = False) -> None:
    """Bring the graph up to date and release if the gate allows it."""
    request = asked(Path(root))
    if if_asked and request is None:
        log.info("nobody asked for retraining")
        return
    done = reproduce(Path(root))
    note(done, request)
    if request is not None:
        close(Path(root), done)


def main() -> None:
    """Run once, or keep a schedule; ends the process."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.retrain", description=__doc__)
    parser.add_argument("--cron", help="minute hour day month weekday, in UTC")
    parser.add_argument("--if-asked", action="store_true", help="only where reports/retrain_request.json stands")
    arguments = parser.parse_args()
    talk()
    try:
        root = project_root()
        parameters = {"root": str(root), "if_asked": arguments.if_asked}
        run_or_serve(retrain, root, cron=arguments.cron, timeout_s=TIMEOUT_S, parameters=parameters)
    except SonoForgeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
