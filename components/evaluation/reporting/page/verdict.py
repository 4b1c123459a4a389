"""What the gate said and what became of the model, in a sentence or two that anybody understands.

Leaves out: the checks one by one (release_tables.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.reporting.page.results import Results, main_prompt
from components.evaluation.reporting.words import beats_words, interval_words, marked_dataset, mean_words, prompt_words

_MEANS = {
    "PASS": "The gate passes this model: all {total} checks hold.",
    "FAIL": "The gate refuses this model: {FAIL} of {total} checks failed.",
    "INSUFFICIENT": "The gate can't pass this model: for {INSUFFICIENT} of {total} checks there isn't enough to go by.",
}
_BECAME = {
    "promoted": "It is now the model in use.",
    "refused": "It wasn't released, and the refusal is on record.",
    "already champion": "It is the model in use already.",
    "rolled back": "The model before it is in use again.",
}


def verdict_sentence(results: Results) -> str:
    """The verdict with its number of checks, and what became of the model."""
    checks = results.gate["checks"]
    counts = Counter(check["verdict"] for check in checks)
    numbers = {name: counts.get(name, 0) for name in _MEANS}
    said = _MEANS[results.gate["verdict"]].format(total=len(checks), **numbers)
    return f"{said} {_BECAME[results.promotion['action']]}"


def open_checks(results: Results) -> list[Mapping[str, Any]]:
    """The checks that didn't pass, failures first."""
    checks = [check for check in results.gate["checks"] if check["verdict"] != "PASS"]
    return sorted(checks, key=lambda check: str(check["verdict"]))


def ellipse_lines(results: Results, asked: str) -> list[str]:
    """For each dataset, whether the student beats the ellipse."""
    lines = []
    for one in results.tested:
        kind = main_prompt(one, asked)
        difference = one.found["differences"].get(kind, {}).get(f"{SUBJECT}-{ELLIPSE}", {}).get("dice")
        if kind is not None and difference is not None:
            words = beats_words(difference, results.confidence)
            known = difference["sufficient"] and difference["mean"] is not None
            span = interval_words(difference, results.confidence, signed=True) if known else mean_words(difference)
            name = marked_dataset(one.metrics, one.name)
            lines.append(
                f"{name} ({one.role}), {prompt_words(kind)}: the student {words}; Dice, student minus ellipse: {span}."
            )
    return lines


def worst_subgroups(results: Results, asked: str) -> list[str]:
    """For each dataset, the subgroup in which the student does worst, with its Dice."""
    lines = []
    for one in results.tested:
        found = one.found["subgroups"].get(main_prompt(one, asked), {"worst": None})
        if (worst := found["worst"]) is None:
            continue
        each = next(each for each in found["each"] if worst == {"kind": each["kind"], "name": each["name"]})
        dice = each["models"][SUBJECT]["dice"]
        groups = f" in {dice['groups']} groups" if dice["sufficient"] else ""
        span = interval_words(dice, results.confidence) + groups
        name = marked_dataset(one.metrics, one.name)
        lines.append(f"{name}: {worst['kind']}, {worst['name']}: Dice {span}.")
    return lines
