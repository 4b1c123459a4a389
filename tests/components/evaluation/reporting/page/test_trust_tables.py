"""What is known of trust stands under its head, and what isn't leaves its place empty instead of moving the others."""

from __future__ import annotations

from dataclasses import replace

from components.evaluation.reporting.page.results import Results
from components.evaluation.reporting.page.trust_tables import (
    confidence_table,
    guard_table,
    seed_table,
    subgroup_table,
)


def with_(results: Results, **values) -> Results:
    return replace(results, metrics={role: {**metrics, **values} for role, metrics in results.metrics.items()})


def test_two_seeds_have_no_spread_and_keep_their_columns(results: Results) -> None:
    found = {"mean": 0.75, "sd": None, "min": 0.75, "max": 0.75, "n": 1, "candidate_minus_mean": -0.25}
    seeds = {"candidate_seed": 7, "spread": {"busi": {"box_jitter": found}, "all": {"box": found}}}
    table = seed_table(with_(results, seeds=seeds), "box_jitter")
    ((heading, (busi, pooled)), _) = table.groups
    assert heading == "internal; the candidate is seed 7"
    assert [cell.text for cell in busi.cells] == ["1", "0.750", "–", "0.750", "0.750", "-0.250"]
    assert busi.cells[1].name == "seeds/busi/box_jitter/mean" and pooled.cells[1].name == ""
    assert len(table.head) == 1 + len(busi.cells) and seed_table(results, "box_jitter").empty


def test_the_guard_is_told_once_with_all_datasets(results: Results) -> None:
    rate = {"mean": 0.125, "ci95": [0.0, 0.25], "n": 8, "undefined": 0, "groups": 8, "sufficient": True}
    guard = {
        "threshold": 12.5,
        "not_ultrasound": [{"kind": "noise", "n": 4, "flagged": 3}],
        "false_alarms": {"busi": rate},
    }
    table = guard_table(with_(results, guard=guard))
    (_, (noise,)), (_, alarms) = table.groups
    assert [cell.text for cell in noise.cells] == ["4", "3 of 4"] and len(alarms) == 2
    assert (alarms[0].cells[1].text, alarms[0].cells[1].aside) == ("0.125", "[0.000, 0.250]")
    assert "12.5" in table.notes[0] and guard_table(results).empty


def test_without_a_calibration_nothing_is_withheld(results: Results) -> None:
    table = confidence_table(results, "box_jitter")
    row = table.groups[0][1][0]
    assert row.head.startswith("student") and row.cells[1].value is not None
    assert [cell.text for cell in row.cells[-2:]] == ["–", "–"] and len(table.head) == 1 + len(row.cells)


def test_the_worst_subgroup_is_marked_once_in_each_dataset(results: Results) -> None:
    for _, rows in subgroup_table(results, "box_jitter").groups:
        assert sum(row.mark == "worst" for row in rows) <= 1
    marked = [row for _, rows in subgroup_table(results, "box_jitter").groups for row in rows if row.mark == "worst"]
    found = results.tested[0].found["subgroups"]["box_jitter"]["worst"]
    assert marked and marked[0].head == f"{found['kind']}: {found['name']} (the worst)"
