"""The card says what the run knows, and leaves to a person what only a person knows."""

from __future__ import annotations

import json
from typing import Any

from components.artefacts import read_description
from components.release.documents.model_card import DRAFT, build_card, card_markdown, card_record
from components.release.documents.statements import LABELS, NOT_PROVIDED

ESTIMATE = {"mean": 0.8, "ci95": [0.7, 0.9], "n": 30, "undefined": 0, "groups": 30, "sufficient": True}
METRICS = {
    "datasets": {
        "busi": {
            "prompts": {
                "box": {"student": {"dice": ESTIMATE, "hd95": ESTIMATE, "miss_rate": {**ESTIMATE, "count": 3}}},
                "click": {
                    "student": {
                        "dice": {**ESTIMATE, "ci95": [None, None]},
                        "hd95": ESTIMATE,
                        "miss_rate": {**ESTIMATE, "count": 0},
                    }
                },
            },
            "differences": {"box": {"student-ellipse": {"dice": ESTIMATE}}, "click": {}},
        }
    }
}
GATE = {"verdict": "PASS", "checks": [{"id": "leak", "verdict": "PASS", "reason": "all apart"}]}


def test_the_card_is_filled_from_the_run(make_model) -> None:
    description = read_description(make_model(1))
    card = build_card(description, version="7", gate=GATE, internal=METRICS, external={"datasets": {}})
    assert json.loads(json.dumps(card, allow_nan=False)) == card
    assert (card["version"], card["digest"]) == ("7", description.digest)
    text = card_markdown(card)
    assert text.startswith("# hiera_mini 7\n")
    assert "| busi | box | 0.800 [0.700, 0.900] | 0.800 [0.700, 0.900] | 0.8 [0.7, 0.9] | 3 | 30 |" in text
    assert "| busi | click | 0.800 | – |" in text
    assert "No external dataset." in text
    assert "distil 12" in text
    assert "- what the base weights had seen: from scratch (any other no)" in text
    assert "PASS leak: all apart" in text


def test_too_few_groups_are_called_insufficient(make_model) -> None:
    few = json.loads(
        json.dumps(METRICS).replace('"groups": 30, "sufficient": true', '"groups": 7, "sufficient": false')
    )
    card = build_card(read_description(make_model(1)), version="7", gate=GATE, internal=few, external={"datasets": {}})
    assert "| busi | box | 0.800 [INSUFFICIENT: 7 groups] |" in card_markdown(card)


def test_it_makes_no_claim_and_shows_what_a_person_must_write(make_model) -> None:
    description = read_description(make_model(1))
    card = build_card(description, version="7", gate=GATE, internal=METRICS, external={"datasets": {}})
    text = card_markdown(card)
    assert "Not a medical device" in text
    assert "phantoms" in text
    assert f"intended population: {NOT_PROVIDED}" in text
    assert "clearance" not in text.lower()
    real = build_card(
        description.model_copy(update={"phantom": False}), version="7", gate=GATE, internal=METRICS, external=METRICS
    )
    assert "phantom" not in card_markdown(real).lower()


def _card(make_model, **changes: Any) -> dict[str, Any]:
    values = {"version": "7", "gate": GATE, "internal": METRICS, "external": {"datasets": {}}}
    return build_card(read_description(make_model(1)), **{**values, **changes})


def test_a_card_without_a_verdict_is_a_draft(make_model) -> None:
    card = _card(make_model, gate=None)
    text = card_markdown(card)
    assert card["verdict"] is None and card["checks"] == []
    assert f"- verdict of the gate: {DRAFT}" in text and "## Checks" not in text


def test_statements_are_shown_as_they_are_and_counted(make_model) -> None:
    stated = {"contact": "a | b <i>\nc"}
    card = _card(make_model, statements=stated)
    assert r"- contact: a \| b \<i\> c" in card_markdown(card)
    record = card_record(card, "x/model_card.md", statements=stated, required=("contact", "intended_use", "ethics"))
    assert record["items"] == record["filled"] + len(record["not_provided"])
    assert "intended use" in record["not_provided"] and "contact" not in record["not_provided"]
    assert record["missing_required"] == ["intended_use"], "ethics is another document's"
    full = dict.fromkeys(LABELS, "said")
    assert NOT_PROVIDED not in card_markdown(_card(make_model, statements=full)).split("## To be written")[1]


def test_no_statement_reads_as_an_approval(make_model) -> None:
    """An approval stands in the ledger, for one verdict; a card, of a refused model too, must never seem to have it."""
    stated = dict.fromkeys(LABELS, "said")
    refused = GATE | {"verdict": "FAIL"}
    assert "approved" not in card_markdown(_card(make_model, gate=refused, statements=stated)).lower()


def test_worst_subgroups_confidence_and_the_packed_service_are_told_where_they_are_known(make_model) -> None:
    bare = card_markdown(_card(make_model))
    assert "isn't calibrated" in bare and "weren't measured" in bare and "## Where it does worst" not in bare
    busi = METRICS["datasets"]["busi"]
    worst = {"kind": "size", "name": "smallest", "cases": 8, "groups": 8, "models": {"student": {"dice": ESTIMATE}}}
    known = {
        **busi,
        "subgroups": {"box": {"worst": {"kind": "size", "name": "smallest"}, "each": [worst]}},
        "confidence": {
            "box": {
                "student": {
                    "calibrated": True,
                    "ece": {**ESTIMATE, "mean": 0.71},
                    "ece_raw": ESTIMATE,
                    "aurc": ESTIMATE,
                    "abstained": ESTIMATE,
                }
            }
        },
    }
    how = {
        "forms": ["with_box", "without_box"],
        "cases": 40,
        "groups": 30,
        "sufficient": True,
        "max_failure_share": 0.05,
        "failure_iou": 0.5,
        "reached": True,
    }
    text = card_markdown(
        _card(
            make_model,
            internal={
                "datasets": {"busi": known},
                "guard": {
                    "not_ultrasound": [{"kind": "noise", "n": 8, "flagged": 7}],
                    "false_alarms": {"busi": ESTIMATE},
                },
            },
            external={"datasets": {"fugc": {**busi, "counts_as_external": True}}},
            package={
                "bento": "sonoforge:1",
                "parity": {"exported": {"cases": 4, "worst_share": 0.0005, "worst_dice_difference": 0.001}},
                "latency_ms": {"embed": {"p50": 100.0, "p95": 150.0, "n": 20}},
                "start_s": 4.0,
                "peak_memory_mb": 900.0,
                "machine": {"accelerator": None, "cpu": "a|b"},
            },
            calibration={"threshold": 0.7, "how": how},
        )
    )
    assert "- busi, box: size smallest, Dice 0.800 [0.700, 0.900], 8 cases" in text
    assert "| error of the confidence, after calibration | error of the model's own estimate |" in text
    spans = "0.710 [0.700, 0.900] | 0.800 [0.700, 0.900] | 0.800 [0.700, 0.900] | – |\n\n- Outlines with"
    assert f"| busi | box | {spans}" in text
    assert "- noise, which isn't ultrasound: 7 of 8 flagged\n- busi: flagged in a share of 0.800" in text
    assert "- exported model: masks of 4 cases differ in at most 0.05 % of pixels" in text
    assert "- embed: 100 ms in half of 20 requests, 150 ms in 95 of 100" in text
    assert "- start: 4.0 s\n- greatest memory: 900 MB\n- accelerator: none\n- cpu: a\\|b" in text
    assert "confidence below 0.700 come with a warning" in text
    assert "weren't measured" not in text and "isn't calibrated" not in text and "counts as external was" not in text
