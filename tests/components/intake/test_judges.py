"""The plain judge and Great Expectations over random tables of facts: they agree on every rule, held or broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.contract import Contract
from components.intake.judging.rules import Rule, broken_rows, counts_frame, judge, rules_of
from components.intake.measuring.facts_table import COLUMNS, Facts
from components.intake.validate_data import Checked, gx_verdicts, plain_verdicts

ContractOf = Callable[[str], Contract]


def values(rule: Rule) -> st.SearchStrategy[Any]:
    """Values of a rule's column on both sides of what it allows, and missing ones."""
    kind = COLUMNS[rule.column]
    if rule.kind == "unique":
        return st.sampled_from(["1", "2", "3", "4", "5", "6", "7", "8", None])
    if rule.kind == "clear":
        return st.sampled_from([False, True, None] if kind == "boolean" else ["", "a.png\tfound", None])
    limits = [limit for limit in (rule.low, rule.high) if limit is not None]
    step = 1 if kind == "Int64" else 1e-6
    around = [limit + sign * step for limit in limits for sign in (-1, 0, 1)]
    return st.sampled_from([*(int(value) if kind == "Int64" else float(value) for value in around), None])


@st.composite
def tables(draw: st.DrawFn, rules: tuple[Rule, ...]) -> Facts:
    """A few images; each rule's column is sound throughout, or anything."""
    rows: list[dict[str, Any]] = [
        {**dict.fromkeys(COLUMNS), "image_id": str(number), "image_file": f"{number}.png"}
        for number in range(draw(st.integers(0, 4)))
    ]
    for rule in rules:
        if draw(st.booleans()):
            for row in rows:
                row[rule.column] = draw(values(rule))
    return Facts(rows)


def checked_of(facts: Facts, contract: Contract, *, layout: list[tuple[str, str, str, str]]) -> Checked:
    frame = pd.DataFrame(layout, columns=["code", "severity", "file", "found"])
    return Checked(contract.name, False, facts, tuple(judge(facts, contract)), frame, counts_frame(facts, contract))


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_both_judges_agree_on_any_table(data: st.DataObject, contract_of: ContractOf) -> None:
    contract = contract_of(data.draw(st.sampled_from(["udiat", "jnu_ifm"])))
    facts = data.draw(tables(rules_of(contract)))
    severity = data.draw(st.sampled_from(["error", "warning"]))
    checked = checked_of(facts, contract, layout=[("unexpected_file", severity, "a", "b")])
    assert gx_verdicts(checked, contract) == plain_verdicts(checked, contract)


def test_both_judges_see_each_rule_broken_alone(contract_of: ContractOf) -> None:
    """One table in which every rule is broken: each by one row of its own, so that none is passed over."""
    contract = contract_of("udiat")
    rules = rules_of(contract)
    rows: list[dict[str, Any]] = []
    for rule in rules:
        row = {**dict.fromkeys(COLUMNS), "image_id": rule.name, "image_file": f"{len(rows)}.png"}
        if rule.kind == "unique":
            row[rule.column] = "same"
            rows.append({**row, "image_file": "copy.png"})
        elif rule.kind == "clear":
            row[rule.column] = True if COLUMNS[rule.column] == "boolean" else "a.png\tfound"
        else:
            row[rule.column] = (rule.high + 1) if rule.high is not None else (rule.low or 0) - 1
        rows.append(row)
    facts = Facts(rows)
    broken = broken_rows(facts, contract)
    assert all(broken[rule.name] == (2 if rule.kind == "unique" else 1) for rule in rules)
    checked = checked_of(facts, contract, layout=[])
    verdicts = gx_verdicts(checked, contract)
    assert not any(verdicts[rule.name] for rule in rules)
    assert verdicts == plain_verdicts(checked, contract)
