"""The flow looks, leaves a page, asks once and trains nothing; the run that comes after closes the request."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import prefect.artifacts
import prefect.events
import pytest

from components.artefacts import write_json
from components.monitoring.reading import FIRST_MONDAY
from components.monitoring.request import ANSWERED, REQUEST
from components.promptable.reference import write_reference
from pipelines import retrain as retraining
from pipelines.graph import GraphRun
from pipelines.monitor import EVENT, NUMBERS, PAGE, monitor
from pipelines.retrain import retrain
from pipelines.schedule import ScheduleError, run_or_serve
from tests.components.monitoring.simulated import DIGEST, description, reference, write_weeks

DONE = GraphRun(
    ran=("finetune",), internal=None, external=None, gate={"verdict": "FAIL"}, promotion={"action": "refused"}
)


@pytest.fixture
def told(plain_steps: None, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What the flows told Prefect."""
    found: dict[str, list[Any]] = {"events": [], "artefacts": []}
    monkeypatch.setattr(prefect.events, "emit_event", lambda name, **rest: found["events"].append((name, rest)))
    monkeypatch.setattr(
        prefect.artifacts, "create_markdown_artifact", lambda text, **rest: found["artefacts"].append(text)
    )
    return found


@pytest.fixture
def served(tmp_path: Path, root: Path) -> Path:
    """A project with a model and three weeks of its traffic, the last of which is darker and corrected more."""
    model = tmp_path / "models/student"
    model.mkdir(parents=True)
    write_json(model / "model.json", description().model_dump(mode="json"))
    write_reference(model, reference())
    shutil.copy(root / "params.yaml", tmp_path)
    today = datetime.now(UTC).date()
    monday = today - timedelta(days=(today - FIRST_MONDAY).days % 7 + 21)
    changed = {"moved": {"mean": -2.0}, "accepted": 0.1, "mean": 0.35}
    write_weeks(tmp_path / "signals", monday, [{}, {}, changed])
    return tmp_path


def test_drift_asks_once_and_trains_nothing(served: Path, told: dict[str, list[Any]]) -> None:
    monitor(str(served))
    numbers, request = (json.loads((served / name).read_text()) for name in (NUMBERS, REQUEST))
    assert numbers["verdict"] == "DRIFT" and "<strong>DRIFT</strong>" in (served / PAGE).read_text()
    assert {"mean", "edit"} <= {one["signal"] for one in request["drifted"]}
    ((name, event),) = told["events"]
    assert name == EVENT and event["resource"]["prefect.resource.id"] == f"sonoforge.model.{DIGEST}"
    assert event["payload"] == request and "mean grey: differs from" in told["artefacts"][0]
    monitor(str(served))
    assert len(told["events"]) == 1 and len(told["artefacts"]) == 2
    assert json.loads((served / REQUEST).read_text()) == request
    assert [path.name for path in (served / "models").iterdir()] == ["student"]


def test_steady_traffic_asks_nothing(served: Path, told: dict[str, list[Any]]) -> None:
    shutil.rmtree(served / "signals")
    (served / "signals").mkdir()
    monitor(str(served))
    assert not (served / REQUEST).exists() and not told["events"]
    assert json.loads((served / NUMBERS).read_text())["verdict"] == "INSUFFICIENT"


def test_the_flow_looks_where_the_service_writes(
    served: Path, told: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (served / "signals").rename(served / "elsewhere")
    monkeypatch.setenv("SONOFORGE_SIGNALS", str(served / "elsewhere"))
    monitor(str(served))
    assert len(told["events"]) == 1


def test_the_retraining_that_comes_after_closes_the_request(
    served: Path, told: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retraining, "run_graph", lambda root, say: DONE)
    retrain(str(served), if_asked=True)
    assert not told["artefacts"], "nobody asked"
    monitor(str(served))
    retrain(str(served), if_asked=True)
    assert not (served / REQUEST).exists()
    (answered,) = json.loads((served / ANSWERED).read_text())["answers"]
    assert answered["outcome"] == "FAIL, refused; stages that ran: finetune"
    assert "Asked for:" in told["artefacts"][-1] and "mean grey" in told["artefacts"][-1]
    monitor(str(served))
    assert not (served / REQUEST).exists() and len(told["events"]) == 1


def test_a_schedule_without_a_server_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    with pytest.raises(ScheduleError, match="no Prefect server"):
        run_or_serve(monitor, tmp_path, cron="0 5 * * 1", timeout_s=60, parameters={})
