"""Documents that were never written, are about another model, or lack what people must say."""

from __future__ import annotations

import pytest

from components.release.checks.documents import check_documents


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (None, "never written"),
        ({"model": {"digest": "e" * 64}}, "about the weights eeeeeeeeeeee"),
        ({"missing_required": ["intended_use"]}, "still write: intended_use (docs/statements.yaml)"),
        ({"documents": [{"name": "card", "missing_required": ["contact"]}]}, "still write: contact"),
        ({"documents": []}, "all of them"),
    ],
)
def test_what_is_owed_is_named(make_evidence, rules, changes, words) -> None:
    listed = None if changes is None else {**make_evidence().documents, **changes}
    (check,) = check_documents(make_evidence(documents=listed), rules)
    assert check.verdict == "INSUFFICIENT" and words in check.reason


def test_complete_documents_pass(make_evidence, rules) -> None:
    (check,) = check_documents(make_evidence(), rules)
    assert check.verdict == "PASS"
