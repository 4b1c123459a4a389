"""Tables of other weights, with rows left out or scores made up."""

from __future__ import annotations

import pytest

from components.release.checks.recount import Recount
from components.release.checks.scores import check_scores

NAMES = tuple(f"busi/{k}/1 (box)" for k in range(5))


def recounted(evidence, **changes):
    found = {"rows": 120, "differing": (), "gaps": {}, **changes}
    return {**evidence().recounts, "internal": Recount(**found)}


@pytest.mark.parametrize(
    ("changes", "check", "verdict", "words"),
    [
        ({"differing": NAMES}, "scores:internal", "FAIL", "5 of 120 rows"),
        ({"rows": 0}, "scores:internal", "INSUFFICIENT", "no row to score again"),
        ({"gaps": {"student": NAMES}}, "rows:internal", "FAIL", "student: busi/0/1 (box)"),
        ({"gaps": {"teacher": NAMES}}, "rows:internal", "FAIL", "and 2 more"),
    ],
)
def test_each_fault_of_a_table_is_named(make_evidence, rules, changes, check, verdict, words) -> None:
    evidence = make_evidence(recounts=recounted(make_evidence, **changes))
    found = {one.id: one for one in check_scores(evidence, rules)}
    assert found[check].verdict == verdict and words in found[check].reason
    assert {one.verdict for one in found.values() if one.id != check} == {"PASS"}


@pytest.mark.parametrize("who", ["student", "teacher", "ellipse"])
@pytest.mark.parametrize(("table", "side"), [("cases", "internal"), ("external_cases", "external")])
def test_scores_of_other_weights_tell_nothing(make_evidence, rules, who, table, side) -> None:
    cases = getattr(make_evidence(), table)
    cases.loc[cases["model"] == who, "model_digest"] = "e" * 64
    found = {one.id: one for one in check_scores(make_evidence(**{table: cases}), rules)}
    refused = [check for check, one in found.items() if one.verdict != "PASS"]
    assert refused == [f"scored_by:{side}"]
    assert (
        f"{who} (eeeeeeeeeeee)" in found[refused[0]].reason
        and f"dvc repro -f validate_{side}" in found[refused[0]].reason
    )
