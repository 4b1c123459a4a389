"""Served traffic on a schedule: a Prefect flow that judges it, and asks for retraining where it has changed.

`python -m pipelines.monitor` looks once; with `--cron "0 5 * * 1"` it waits for its times on the Prefect server that
PREFECT_API_URL names. It leaves `reports/monitor.html` and `reports/monitor.json`, and, on DRIFT that wasn't asked
about before, `reports/retrain_request.json` and the Prefect event `sonoforge.retrain.asked`, which an automation may
listen to. It trains and promotes nothing. Leaves out: what is judged (components/monitoring), retraining (retrain.py).
"""

from __future__ import annotations

import argparse
import logging
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from components.artefacts import write_json, write_text
from components.errors import SonoForgeError
from components.monitoring.drift import Judgement
from components.monitoring.request import Request, ask
from pipelines.commands.model_ref import default_model, resolve
from pipelines.commands.monitor import make_report
from pipelines.runtime.environment import project_root
from pipelines.runtime.stage import talk
from pipelines.runtime.steps import step
from pipelines.schedule import run_or_serve

PAGE, NUMBERS = Path("reports/monitor.html"), Path("reports/monitor.json")
EVENT = "sonoforge.retrain.asked"
TIMEOUT_S = 2 * 3600.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the traffic leaves for the next steps: little, as Prefect goes through all that it is handed."""

    model_name: str
    model_digest: str
    judgement: Judgement
    notes: tuple[str, ...]


@step(timeout_s=3600, retries=2)
def look(root: Path, signals: str | None, model: str | None) -> Looked:
    """Judge the traffic, and write page and numbers."""
    from components.monitoring.page import page_html
    from components.monitoring.report import as_json

    chosen = default_model(root) if model is None else resolve(root, model)
    report = make_report(root, chosen, None if signals is None else Path(signals), today=datetime.now(UTC).date())
    write_text(root / PAGE, page_html(report))
    write_json(root / NUMBERS, as_json(report))
    log.info("%s: %s", report.newest.verdict, report.newest.window.told)
    for reason in report.newest.reasons:
        log.info("- %s", reason)
    return Looked(report.description.name, report.description.digest, report.newest, report.notes)


@step(timeout_s=60, retries=2)
def ask_once(root: Path, looked: Looked) -> Request | None:
    """Ask for retraining if something drifted that wasn't asked about before."""
    return ask(
        root,
        looked.judgement,
        model_name=looked.model_name,
        model_digest=looked.model_digest,
        at=datetime.now(UTC),
    )


@step(timeout_s=60, retries=2)
def note(looked: Looked) -> None:
    """Leave the verdict as an artefact on the flow's run."""
    from prefect.artifacts import create_markdown_artifact

    newest = looked.judgement
    reasons = "\n".join(f"- {line}" for line in (*newest.reasons, *looked.notes))
    text = f"**{newest.verdict}**, {newest.window.told}\n\n{reasons}\n\nAn early warning, no verdict on the model."
    create_markdown_artifact(text, key="traffic", description="Whether served traffic has changed")


@step(timeout_s=60)
def tell(request: Request) -> None:
    """Emit the event that retraining was asked for."""
    from prefect.events import emit_event

    emit_event(
        EVENT,
        resource={
            "prefect.resource.id": f"sonoforge.model.{request.model_digest}",
            "prefect.resource.name": request.model_name,
        },
        payload=request.model_dump(mode="json", by_alias=True),
    )


def monitor(root: str, signals: str | None = None, model: str | None = None) -> None:
    """Judge the traffic of the model in use, and ask for retraining where it has changed."""
    looked = look(Path(root), signals, model)
    note(looked)
    request = ask_once(Path(root), looked)
    if request is not None:
        log.warning("retraining is asked for, %d reasons: reports/retrain_request.json", len(request.drifted))
        tell(request)


def main() -> None:
    """Look once, or keep a schedule; ends the process."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.monitor", description=__doc__)
    parser.add_argument("--cron", help="minute hour day month weekday, in UTC")
    parser.add_argument("--signals", help="the folder of signals; default: the one that the service writes here")
    parser.add_argument("--model", help="the model; default: the one in use")
    arguments = parser.parse_args()
    talk()
    try:
        root = project_root()
        parameters = {"root": str(root), "signals": arguments.signals, "model": arguments.model}
        run_or_serve(monitor, root, cron=arguments.cron, timeout_s=TIMEOUT_S, parameters=parameters)
    except SonoForgeError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
