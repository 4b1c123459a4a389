"""What the gate said and what became of the model, in a sentence or two that anybody understands.

Leaves out: the checks one by one (release_tables.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from components.evaluation.comparing.names import SUBJECT
from components.evaluation.reporting.page.results import Results, main_prompt
from components.evaluation.reporting.words import (
    SIMPLER,
    answered_words,
    beats_words,
    interval_words,
    marked_dataset,
    mean_words,
    prompt_words,
)

_MEANS = {
    "PASS": "The gate passes this model: all {asked} checks that were asked hold.",
    "FAIL": "The gate refuses this model: {FAIL} of {asked} checks failed.",
    "INSUFFICIENT": "The gate can't pass this model: for {INSUFFICIENT} of {asked} checks there isn't enough to go by.",
}
_BECAME = {
    "promoted": "It is now the model in use.",
    "refused": "It wasn't released, and the refusal is on record.",
    "already champion": "It is the model in use already.",
    "rolled back": "The model before it is in use again.",
}


def was_asked(check: Mapping[str, Any]) -> bool:
    """Whether a check had anything to hold the model against: one without a limit passes whatever was measured."""
    return bool(check.get("asked", check["limit"] is not None or check["verdict"] != "PASS"))


def verdict_sentence(results: Results) -> str:
    """The verdict with its numbers of checks, and what became of the model."""
    checks = [check for check in results.gate["checks"] if was_asked(check)]
    counts = Counter(check["verdict"] for check in checks)
    numbers = {name: counts.get(name, 0) for name in _MEANS}
    said = _MEANS[results.gate["verdict"]].format(asked=len(checks), **numbers)
    left = len(results.gate["checks"]) - len(checks)
    counted = f" {numbers['PASS']} checks passed, {left} not asked." if left else ""
    return f"{said}{counted} {_BECAME[results.promotion['action']]}"


def open_checks(results: Results) -> list[Mapping[str, Any]]:
    """The checks that didn't pass, failures first."""
    checks = [check for check in results.gate["checks"] if check["verdict"] != "PASS"]
    return sorted(checks, key=lambda check: str(check["verdict"]))


def against_lines(results: Results, asked: str, who: str) -> list[str]:
    """For each dataset, whether the student beats `who` (the ellipse, or one of SIMPLER)."""
    other = SIMPLER.get(who, f"the {who}")
    lines = []
    for one in results.tested:
        kind = main_prompt(one, asked)
        difference = one.found["differences"].get(kind, {}).get(f"{SUBJECT}-{who}", {}).get("dice")
        if kind is not None and difference is not None:
            words = beats_words(difference, results.confidence, other=other)
            known = difference["sufficient"] and difference["mean"] is not None
            span = interval_words(difference, results.confidence, signed=True) if known else mean_words(difference)
            name = marked_dataset(one.metrics, one.name)
            lines.append(
                f"{name} ({one.role}), {prompt_words(kind)}: the student {words}; "
                f"Dice, student minus {other.removeprefix('the ')}: {span}."
            )
    return lines


def simpler_lines(results: Results, asked: str) -> list[str]:
    """For each of SIMPLER that was scored, on which datasets the student beats it, is worse, or neither is shown."""
    lines = []
    for who, other in SIMPLER.items():
        found: dict[str, list[str]] = {"is worse than": [], "beats": [], "isn't shown to differ from": []}
        for one in results.tested:
            difference = one.found["differences"].get(main_prompt(one, asked), {}).get(f"{SUBJECT}-{who}", {})
            if "dice" in difference:
                words = beats_words(difference["dice"], results.confidence, other=other)
                verb = next((verb for verb in found if words == f"{verb} {other}"), "isn't shown to differ from")
                found[verb].append(marked_dataset(one.metrics, one.name))
        said = [f"{verb} {other} on {', '.join(names)}" for verb, names in found.items() if names]
        if said:
            lines.append(f"The student {'; it '.join(said)}.")
    return lines


def nothing_sentence(results: Results) -> str:
    """How often the student outlined something in a box where there is nothing; empty where no such box was drawn."""
    each = [(one.name, found) for one in results.tested if (found := one.found.get("false_regions", {}).get(SUBJECT))]
    if not each:
        return ""
    total = {key: sum(found[key] for _, found in each) for key in ("count", "n")}
    shares = ", ".join(f"{name} {found['count']} of {found['n']}" for name, found in each)
    return f"The student outlined something in {answered_words(total)} boxes where there is nothing ({shares})."


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
