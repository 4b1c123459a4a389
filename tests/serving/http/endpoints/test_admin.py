"""Those who run the service see which model serves, and can make it look again."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from components.artefacts import ModelDescription
from components.in_service import IN_SERVICE
from components.promptable.runtimes.pytorch import PyTorch
from serving.bedside import Bedside
from serving.operation.switching import Switching


def test_the_model_that_serves_is_told(client: TestClient, loaded: tuple[PyTorch, ModelDescription]) -> None:
    told = client.get("/v1/admin/models").json()
    assert told["serving"]["digest"] == loaded[1].digest
    assert (told["former"], told["coming"], told["failure"], told["watching"]) == ([], None, None, False)
    assert client.post("/v1/admin/refresh").json() == told


def test_a_model_that_could_not_come_is_told_and_tried_again(
    client: TestClient, bedside: Bedside, tmp_path: Path
) -> None:
    def never(_: Path) -> None:
        raise AssertionError("nothing is to be loaded")

    path = tmp_path / IN_SERVICE
    path.write_text("{")
    bedside.switching = Switching(path, models=bedside.models, load=never, told=lambda *_: None)  # type: ignore[arg-type]
    told = client.post("/v1/admin/refresh").json()
    assert told["watching"] and told["failure"]["digest"] is None and "names no model" in told["failure"]["why"]
    assert told["serving"] is not None, "the former one goes on"
