"""A run's results to a few lines of Markdown for a pull request: what a reviewer must see before the page itself.

Held short whatever the run holds, and without pictures, which a pull request couldn't show. Leaves out: everything
else, which stands in reports/report.html.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from components.evaluation.baselines import ELLIPSE, IN_TABLES_ONLY
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.reporting.page.results import Results, Tested, main_prompt
from components.evaluation.reporting.page.verdict import (
    against_lines,
    nothing_sentence,
    open_checks,
    simpler_lines,
    verdict_sentence,
    was_asked,
    worst_subgroups,
)
from components.evaluation.reporting.words import (
    PHANTOM_MEANS,
    RESEARCH,
    SIMPLER,
    interval_words,
    marked_dataset,
    mean_words,
    prompt_words,
)
from components.marking import shown, visible

MOST_CHECKS, MOST_DATASETS = 40, 40


def pull_request_text(results: Results, *, prompt: str) -> str:
    """The Markdown; `prompt` is the kind of prompt that it is told by."""
    parts = [f"## {results.gate['verdict']}: {shown(results.description.name)} `{results.description.digest[:12]}`"]
    parts.append(verdict_sentence(results))
    if results.phantom:
        parts.append(f"**PHANTOM.** {PHANTOM_MEANS}")
    parts += [f"### Dice, {prompt_words(prompt)}", _table(results, prompt)]
    if rivals := [line for who in SIMPLER for line in against_lines(results, prompt, who)]:
        parts += ["### Against what is simpler", " ".join(simpler_lines(results, prompt))]
        parts.append(_bullets(rivals, MOST_DATASETS))
    parts += ["### Against the model in use", _against_champion(results, prompt)]
    if invented := nothing_sentence(results):
        parts += ["### Boxes where there is nothing", invented]
    if worst := worst_subgroups(results, prompt):
        parts += ["### The worst subgroup of each dataset", _bullets([shown(line) for line in worst], MOST_DATASETS)]
    parts += ["### Checks that didn't pass", _checks(results)]
    parts.append(
        "Everything else, pictures and failures too, is in `reports/report.html` of the project in which the run was "
        f"made, and among the run's artefacts in MLflow there. {RESEARCH}"
    )
    return "\n\n".join(parts) + "\n"


def _table(results: Results, prompt: str) -> str:
    shown = [one for one in results.tested if main_prompt(one, prompt) == prompt]
    contenders = [
        who
        for who in dict.fromkeys(who for one in shown for who in one.found["prompts"][prompt])
        if who not in IN_TABLES_ONLY
    ]
    head = ["dataset", "objects", *contenders, f"{SUBJECT} − {ELLIPSE}", "missed"]
    lines = [_line(head), _line(["---"] * len(head))]
    lines += [_line(_cells(one, results, prompt, contenders)) for one in shown[:MOST_DATASETS]]
    if len(shown) > MOST_DATASETS:
        lines.append(_line([f"… {len(shown) - MOST_DATASETS} more", *[""] * (len(head) - 1)]))
    return "\n".join(lines) if shown else "Nothing was scored with this prompt."


def _cells(one: Tested, results: Results, prompt: str, contenders: Sequence[str]) -> list[str]:
    by_who = one.found["prompts"][prompt]
    missed = by_who[SUBJECT]["miss_rate"]
    return [
        f"{marked_dataset(one.metrics, one.name)}{' (external)' if one.role == 'external' else ''}",
        str(one.found["cases"]),
        *(mean_words(by_who[who]["dice"]) if who in by_who else "–" for who in contenders),
        _over(one, results, prompt, ELLIPSE),
        f"{missed['count']} of {missed['n']}",
    ]


def _over(one: Tested, results: Results, prompt: str, who: str) -> str:
    found: Mapping[str, Any] = one.found["differences"].get(prompt, {}).get(f"{SUBJECT}-{who}", {})
    return interval_words(found["dice"], results.confidence, signed=True) if "dice" in found else "–"


def _against_champion(results: Results, prompt: str) -> str:
    lines = [
        f"{marked_dataset(one.metrics, one.name)}: {_over(one, results, prompt, 'champion')}"
        for one in results.tested
        if "champion" in one.found["prompts"].get(prompt, {})
    ]
    if lines:
        return "Student minus model in use, Dice:\n\n" + _bullets(lines, MOST_DATASETS)
    in_use = results.promotion["from"]
    if in_use is None:
        return "No other model is in use, so nothing changed against one."
    if in_use == results.description.digest:
        return "This model is the one in use."
    which = f"The model in use until then (`{in_use[:12]}`)"
    return f"{which} wasn't scored on these cases: what changed against it isn't known."


def _checks(results: Results) -> str:
    lines = [f"{check['verdict']} {_code(check['id'])}: {shown(check['reason'])}" for check in open_checks(results)]
    told = [_bullets(lines, MOST_CHECKS) if lines else "All checks that were asked pass."]
    if left := [check for check in results.gate["checks"] if not was_asked(check)]:
        told.append("Not asked, as no limit is declared or nothing is there to compare with:")
        told.append(_bullets([f"{_code(check['id'])}: {shown(check['reason'])}" for check in left], MOST_CHECKS))
    return "\n\n".join(told)


def _bullets(lines: Sequence[str], most: int) -> str:
    shown = [f"- {line}" for line in lines[:most]]
    return "\n".join(shown + ([f"- … and {len(lines) - most} more"] if len(lines) > most else []))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _code(text: str) -> str:
    """A name as code, which no backtick in it ends."""
    return f"`{visible(' '.join(text.split())).replace('`', 'U+0060')}`"
