"""The card says what the run knows, and leaves to a person what only a person knows."""

from __future__ import annotations

import json

from components.artefacts import read_description
from components.release.model_card import NOT_PROVIDED, build_card, card_markdown

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
