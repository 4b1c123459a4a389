"""Short whatever the run holds: verdict, table, change against the champion, worst subgroup, open checks."""

from __future__ import annotations

from dataclasses import replace

from components.evaluation.reporting.page.pull_request import MOST_CHECKS, pull_request_text
from components.evaluation.reporting.page.results import Results


def test_it_says_what_a_reviewer_must_see(results: Results) -> None:
    text = pull_request_text(results, prompt="box_jitter")
    assert text.startswith("## FAIL: hiera_mini `aaaaaaaaaaaa`")
    assert "1 of 3 checks failed. It wasn't released" in text and "**PHANTOM.**" in text
    mean = results.metrics["internal"]["datasets"]["busi"]["prompts"]["box_jitter"]["student"]["dice"]["mean"]
    assert f"| busi (phantom) | 6 | {mean:.3f} |" in text and "| fugc (phantom) (external) | 2 |" in text
    assert (
        text.index("FAIL `floor:busi`") < text.index("INSUFFICIENT `cases:busi`")
        and r"Dice \<too low\> \& far" in text
        and "`leak`" not in text
    )
    assert "nothing changed against one" in text and "![" not in text and len(text.splitlines()) < 200


def test_the_change_against_the_model_in_use_is_told(results: Results) -> None:
    def with_champion(found):
        rivals = {kind: {**who, "champion": who["teacher"]} for kind, who in found["prompts"].items()}
        over = {kind: {**who, "student-champion": who["student-teacher"]} for kind, who in found["differences"].items()}
        return {**found, "prompts": rivals, "differences": over}

    tested = tuple(replace(one, found=with_champion(one.found)) for one in results.tested)
    text = pull_request_text(replace(results, tested=tested), prompt="box_jitter")
    change = tested[0].found["differences"]["box_jitter"]["student-champion"]["dice"]
    assert f"- busi (phantom): {change['mean']:+.3f} [" in text


def test_a_model_in_use_that_wasnt_scored_is_said(results: Results) -> None:
    for in_use, told in (
        (None, "No other model is in use"),
        (results.description.digest, "This model is the one in use."),
        ("f" * 64, "The model in use until then (`ffffffffffff`) wasn't scored on these cases"),
    ):
        text = pull_request_text(replace(results, promotion={**results.promotion, "from": in_use}), prompt="box_jitter")
        assert told in text, in_use


def test_many_open_checks_and_datasets_stay_under_200_lines(results: Results) -> None:
    checks = [{**results.gate["checks"][1], "id": f"floor:{number}"} for number in range(300)]
    many = replace(results, gate={**results.gate, "checks": checks}, tested=results.tested * 60)
    text = pull_request_text(many, prompt="box_jitter")
    assert len(text.splitlines()) < 200 and f"and {300 - MOST_CHECKS} more" in text


def test_a_check_that_had_nothing_to_ask_isnt_counted_as_passed(results: Results) -> None:
    idle = {"id": "seeds", "verdict": "PASS", "value": None, "limit": None, "reason": "no limit is declared"}
    gate = {**results.gate, "checks": [*results.gate["checks"], idle]}
    text = pull_request_text(replace(results, gate=gate), prompt="box_jitter")
    assert "1 of 3 checks failed. 1 checks passed, 1 not asked." in text
    assert text.index("Not asked, as no limit") < text.index("`seeds`: no limit is declared")


def test_where_something_simpler_is_better_is_said(results: Results) -> None:
    def worse(found):
        lost = {**found["differences"]["box_jitter"]["student-grabcut"]["dice"]}
        lost |= {"mean": -0.1, "ci95": [-0.2, -0.05], "sufficient": True}
        pairs = {**found["differences"]["box_jitter"], "student-grabcut": {"dice": lost}}
        return {**found, "differences": {**found["differences"], "box_jitter": pairs}}

    tested = tuple(replace(one, found=worse(one.found)) for one in results.tested)
    text = pull_request_text(replace(results, tested=tested), prompt="box_jitter")
    assert "The student is worse than GrabCut on busi (phantom), ddti (phantom), fugc (phantom)." in text
    assert "Dice, student minus GrabCut: -0.100 [-0.200, -0.050]." in text
    assert "boxes where there is nothing (busi" in text


def test_no_name_or_reason_means_anything_to_markdown(results: Results) -> None:
    check = {**results.gate["checks"][1], "id": "a`b", "reason": "x | [y](z) <img> \u202e\n# w"}
    named = replace(results, gate={**results.gate, "checks": [check]})
    text = pull_request_text(
        replace(named, description=named.description.model_copy(update={"name": "<b>*"})), prompt="box"
    )
    assert text.startswith(r"## FAIL: \<b\>\* `")
    assert r"- FAIL `aU+0060b`: x \| \[y\](z) \<img\> U+202E # w" in text
