"""Documents that were never written, are about another model, or lack what people must say."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.release.checks.documents import check_documents

CARD = {"name": "card", "path": "reports/document/card.md", "items": 3, "filled": 3}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (None, "never written"),
        ({"model": {"digest": "e" * 64}}, "about the weights eeeeeeeeeeee"),
        ({"missing_required": ["intended_use"]}, "still write: intended_use (docs/statements.yaml)"),
        ({"documents": [CARD | {"missing_required": ["contact"]}]}, "still write: contact"),
        ({"documents": []}, "isn't known"),
        ({"documents": [{}]}, "isn't known"),
        ({"documents": [{"name": "card", "missing_required": []}]}, "isn't known"),
        ({"required": ["contact"]}, "isn't known"),
    ],
)
def test_what_is_owed_is_named(make_evidence, rules, changes, words) -> None:
    listed = None if changes is None else {**make_evidence().documents, **changes}
    (check,) = check_documents(make_evidence(documents=listed), rules)
    assert check.verdict == "INSUFFICIENT" and words in check.reason


def test_documents_that_arent_there_or_were_asked_for_since_are_owed(make_evidence, rules) -> None:
    (check,) = check_documents(make_evidence(document_files={"reports/document/claim.md": None}), rules)
    assert check.verdict == "INSUFFICIENT" and "not there: reports/document/claim.md" in check.reason
    (check,) = check_documents(make_evidence(), replace(rules, required=("contact",)))
    assert check.verdict == "INSUFFICIENT"
    listed = {**make_evidence().documents, "required": ["contact"]}
    (check,) = check_documents(make_evidence(documents=listed), replace(rules, required=("contact",)))
    assert check.verdict == "PASS"


def test_complete_documents_pass(make_evidence, rules) -> None:
    (check,) = check_documents(make_evidence(), rules)
    assert check.verdict == "PASS"
