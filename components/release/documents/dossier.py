"""A finished run to the folder of its documents: card, dataset sheets, checklists, change record, and their list.

`documents.json` says of each document how many items it has, which of them still read NOT PROVIDED, and which
statements that `document.required` asks for are missing; the gate reads it. Leaves out: the verdict, which comes after,
and the words (components/release/documents).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.artefacts import replacing_folder, write_json, write_text
from components.release.documents.change_record import change_record
from components.release.documents.claim import claim
from components.release.documents.dataset_sheet import dataset_sheet
from components.release.documents.model_card import build_card, card_markdown, card_record
from components.release.documents.run_files import Run
from components.release.documents.statements import check_required
from components.release.documents.tripod_ai import tripod_ai

DOCUMENTS = "documents.json"
CARD_JSON, CARD_MARKDOWN = "model_card.json", "model_card.md"


def write_dossier(folder: Path, run: Run, *, under: str) -> dict[str, Any]:
    """Write all documents of a run in one piece; returns the content of `documents.json`.

    `under` is the folder's path in the project, with which paths in `documents.json` begin.

    Raises
    ------
    ParamsError
        If `document.required` names no statement.
    ReleaseError
        If the validations' results aren't any.
    """
    required = run.params.document.required
    check_required(required)
    documents = [claim(run), tripod_ai(run), change_record(run), *(dataset_sheet(run, name) for name in run.names)]
    card = draft_card(run)
    records = [card_record(card, f"{under}/{CARD_MARKDOWN}", statements=run.statements, required=required)]
    records += [one.record(f"{under}/{one.name}.md", required=required) for one in documents]
    listed = {
        "schema": 1,
        "model": {"name": run.student.name, "digest": run.student.digest},
        "phantom": run.phantom,
        "required": list(required),
        "missing_required": sorted(key for key in required if not run.statements[key]),
        "documents": records,
    }
    with replacing_folder(folder) as beside:
        for one in documents:
            write_text(beside / f"{one.name}.md", one.markdown())
        write_json(beside / CARD_JSON, card)
        write_text(beside / CARD_MARKDOWN, card_markdown(card))
        write_json(beside / DOCUMENTS, listed)
    return listed


def draft_card(run: Run) -> dict[str, Any]:
    """The model's card as far as it is known before the verdict."""
    results: Mapping[str, Any] = {"internal": run.internal, "external": run.external}
    return build_card(
        run.student,
        version=run.student.digest[:12],
        gate=None,
        **results,
        statements=run.statements,
        package=run.package,
        calibration=run.calibration,
    )
