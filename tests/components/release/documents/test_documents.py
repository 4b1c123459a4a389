"""What holds of every document of a run, whatever the run: no gaps, counts that add up, nothing claimed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from components.release.documents.change_record import change_record
from components.release.documents.claim import claim
from components.release.documents.dataset_sheet import dataset_sheet
from components.release.documents.items import Document
from components.release.documents.run_files import Run
from components.release.documents.statements import LABELS, NOT_PROVIDED
from components.release.documents.tripod_ai import tripod_ai
from tests.components.release.documents.conftest import MakeRun

DOCUMENTS: dict[str, Callable[[Run], Document]] = {
    "claim": claim,
    "tripod_ai": tripod_ai,
    "change_record": change_record,
    "busi": lambda run: dataset_sheet(run, "busi"),
    "fugc": lambda run: dataset_sheet(run, "fugc"),
}


@pytest.mark.parametrize("real", [False, True], ids=["phantoms", "real"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_item_is_answered_and_counts_add_up(make_run: MakeRun, name: str, real: bool) -> None:
    document = DOCUMENTS[name](make_run(real=real))
    record = document.record("x.md", required=LABELS)
    assert record["items"] == len(document.items) == len({item.number for item in document.items})
    assert record["items"] == record["filled"] + record["not_applicable"] + len(record["not_provided"])
    for item in document.items:
        assert all(part.strip() for part in (item.number, item.section, item.subject, item.says, item.where)), item
        assert (item.status == NOT_PROVIDED) == (NOT_PROVIDED in item.says), item
    text = document.markdown()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert not [row for row in rows if re.search(r"\|\s*\|", row)], "an empty cell"
    assert not re.search(r"\b(None|nan|clear(ed|ance))\b", text)


@pytest.mark.parametrize("real", [False, True], ids=["phantoms", "real"])
@pytest.mark.parametrize("name", DOCUMENTS)
def test_statements_fill_all_that_only_people_know(make_run: MakeRun, name: str, real: bool) -> None:
    empty = make_run(real=real)
    stated = make_run(real=real, statements={key: f"stated {key} | x\n| y |" for key in LABELS})
    before, after = DOCUMENTS[name](empty), DOCUMENTS[name](stated)
    assert [item.name for item in before.items if item.asks] == [item.name for item in after.items if item.asks]
    assert all(item.status == NOT_PROVIDED for item in before.items if item.asks)
    assert all(item.status == "filled" for item in after.items if item.asks)
    assert after.record("x.md", required=LABELS)["missing_required"] == []
    # The same lines with the same number of cells: pipes and line breaks of a statement open none.
    shapes = [
        [len(re.findall(r"(?<!\\)\|", line)) for line in document.markdown().splitlines() if line.startswith("|")]
        for document in (before, after)
    ]
    assert shapes[0] == shapes[1]


def test_every_statement_is_asked_for_by_a_document_about_real_images(make_run: MakeRun) -> None:
    run = make_run(real=True)
    asked = {key for make in DOCUMENTS.values() for item in make(run).items for key in item.asks}
    assert set(LABELS) == asked
