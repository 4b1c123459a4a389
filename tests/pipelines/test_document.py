"""The stage fills the documents from a real run's files, and asks again when what people state changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from components.artefacts import read_description
from components.errors import ReleaseError, StatementsError
from components.params import Params
from components.release.documents.statements import NOT_PROVIDED
from pipelines.document import PARAMS, document
from tests.pipelines.conftest import Reached, make_job


@pytest.fixture
def validated(reached: Reached, tmp_path: Path) -> Path:
    """A project after its validations, without a package."""
    folder = tmp_path / "project"
    unneeded = shutil.ignore_patterns("01_raw", "package.json", ".cache", "*.tar")
    shutil.copytree(reached("validate_external"), folder, ignore=unneeded)
    return folder


@pytest.mark.usefixtures("plain_steps")
def test_the_documents_of_a_run(validated: Path) -> None:
    job, run = make_job(document, validated)
    document.function(job)
    listed = json.loads((validated / "reports/document/documents.json").read_text(encoding="utf-8"))
    assert listed["model"]["digest"] == read_description(validated / "models/student").digest
    assert all((validated / one["path"]).is_file() for one in listed["documents"])
    assert [path.name for path in run.artifacts] == ["document"]
    sheet = (validated / "reports/document/datasets/busi.md").read_text(encoding="utf-8")
    assert "24 images (phantoms in the layout of" in sheet
    assert NOT_PROVIDED in (validated / "reports/document/claim.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("plain_steps")
def test_what_people_state_appears_and_what_they_state_wrongly_stops_the_stage(validated: Path) -> None:
    statements = validated / "docs/statements.yaml"
    statements.write_text("contact: Dr A. Nyone, anywhere\n", encoding="utf-8")
    document.function(make_job(document, validated)[0])
    card = (validated / "reports/document/model_card.md").read_text(encoding="utf-8")
    assert "- contact: Dr A. Nyone, anywhere" in card and f"- intended setting: {NOT_PROVIDED}" in card
    statements.write_text("contact: [1, 2]\n", encoding="utf-8")
    with pytest.raises(StatementsError, match="contact"):
        document.function(make_job(document, validated)[0])
    assert (validated / "reports/document/model_card.md").read_text(encoding="utf-8") == card


@pytest.mark.usefixtures("plain_steps")
def test_results_of_another_model_are_refused(validated: Path) -> None:
    path = validated / "reports/internal/metrics.json"
    metrics = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(metrics | {"model": {**metrics["model"], "digest": "0" * 64}}), encoding="utf-8")
    with pytest.raises(ReleaseError, match="is about the weights 000000000000"):
        document.function(make_job(document, validated)[0])


def test_the_protocol_holds_every_section_of_the_parameters() -> None:
    assert set(PARAMS) == set(Params.model_fields) - {"engine"}, "the change record lists all that results depend on"
