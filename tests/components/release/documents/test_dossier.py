"""The folder holds every document, and its list says of each what people still owe."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from components.errors import ParamsError
from components.params import DocumentParams, load_params
from components.release.documents.dossier import write_dossier
from components.release.documents.run_files import Run
from components.release.documents.statements import LABELS, NOT_PROVIDED
from tests.components.release.documents.conftest import DIGEST, finished_run


def _requiring(run: Run, *required: str) -> Run:
    return replace(run, params=run.params.model_copy(update={"document": DocumentParams(required=required)}))


@pytest.fixture(scope="module")
def run(root: Path) -> Run:
    return finished_run(root, load_params(root / "params.yaml"))


def test_every_document_is_written_and_listed(run: Run, tmp_path: Path) -> None:
    listed = write_dossier(tmp_path / "document", _requiring(run, "contact", "ethics"), under="reports/document")
    assert json.loads((tmp_path / "document/documents.json").read_text(encoding="utf-8")) == listed
    assert listed["model"] == {"name": "hiera_mini", "digest": DIGEST} and listed["phantom"] is True
    assert listed["required"] == ["contact", "ethics"] == listed["missing_required"]
    names = {one["name"]: one for one in listed["documents"]}
    assert set(names) == {"model_card", "claim", "tripod_ai", "change_record", "datasets/busi", "datasets/fugc"}
    for one in listed["documents"]:
        text = (tmp_path / "document" / Path(one["path"]).relative_to("reports/document")).read_text(encoding="utf-8")
        assert one["items"] == one["filled"] + one["not_applicable"] + len(one["not_provided"])
        assert (NOT_PROVIDED in text) == bool(one["not_provided"]) or "0 NOT PROVIDED" in text
    assert names["model_card"]["missing_required"] == ["contact"]
    assert names["tripod_ai"]["missing_required"] == ["ethics"]
    card = json.loads((tmp_path / "document/model_card.json").read_text(encoding="utf-8"))
    assert card["verdict"] is None and card["digest"] == DIGEST


def test_nothing_is_missing_once_people_have_written(run: Run, tmp_path: Path) -> None:
    stated = replace(run, statements=dict.fromkeys(LABELS, "said"))
    listed = write_dossier(tmp_path / "document", _requiring(stated, *LABELS), under="reports/document")
    assert listed["missing_required"] == []
    assert [one["not_provided"] for one in listed["documents"]] == [[]] * 6


def test_a_statement_that_doesnt_exist_cant_be_required(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="names fax"):
        write_dossier(tmp_path / "document", _requiring(run, "fax"), under="reports/document")
    assert not (tmp_path / "document").exists()


def test_the_same_run_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_dossier(tmp_path / name, run, under="reports/document")
    files = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(files) == 8
    assert all((tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes() for path in files)
