"""A run to the record of a change: what changes against the model in use, by which protocol, with which effect.

The three parts are those of a predetermined change control plan (description, protocol, impact; FDA, final guidance of
December 2024), used here as a shape for research software; the record is no such plan and claims no clearance. Leaves
out: the verdict, which comes after (gate), and the approval.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.artefacts import ModelDescription
from components.evaluation.comparing.names import CHAMPION, SUBJECT
from components.evaluation.reporting.words import interval_words, p_words
from components.release.documents import about_model as model
from components.release.documents import about_results as results
from components.release.documents.items import Answers, Document
from components.release.documents.marking import table
from components.release.documents.run_files import Run
from components.release.documents.statements import NOT_PROVIDED

SHAPE = (
    "Description, protocol and impact are the parts of a predetermined change control plan, used here as a shape for "
    "research software. This record is no such plan, and was submitted to nobody."
)
MODEL, PARAMS, INTERNAL = "models/student/model.json", "params.yaml", "reports/internal/metrics.json"


def change_record(run: Run) -> Document:
    """The record, with all parameters and the paired differences behind it."""
    answers = Answers(run.statements)
    _description(answers, run)
    _protocol(answers, run)
    _impact(answers, run)
    closing = [*_differences(run), "## All parameters", _parameters(run)]
    return Document("change_record", "Change record", (SHAPE,), tuple(answers.items), tuple(closing))


def _description(answers: Answers, run: Run) -> None:
    answers.section = "What changes"
    candidate = f"{run.student.name}, weights {run.student.digest}"
    answers.run("1", "Candidate", candidate, where=MODEL)
    answers.run("2", "Model in use", _in_use(run), where="models/released/ledger.jsonl")
    if run.champion is None:
        answers.skip("3", "What differs", "There is no model in use; this is a first model.")
        answers.people(
            "4", "Why", "change_reason", run="There is no model in use", where="models/released/ledger.jsonl"
        )
        return
    differing = changed(run.champion, run.student)
    told = "; ".join(differing) or "nothing that model.json tells, the weights included"
    answers.run("3", "What differs", told, where=MODEL)
    answers.people("4", "Why", "change_reason")


def _in_use(run: Run) -> str:
    if run.champion is None:
        return "none"
    same = "; the candidate is that very model" if run.champion.digest == run.student.digest else ""
    return f"{run.champion.name}, weights {run.champion.digest}{same}"


def changed(old: ModelDescription, new: ModelDescription) -> list[str]:
    """What two models' descriptions tell differently, each as `key: old → new`."""
    before, after = (dict(_flat(one.model_dump(mode="json"))) for one in (old, new))
    return [
        f"{key}: {before.get(key, '–')} → {after.get(key, '–')}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _flat(values: Any, under: str = "") -> Iterator[tuple[str, str]]:
    """Nested mappings as dotted keys; lists as one text."""
    if not isinstance(values, Mapping):
        yield under, _told(values)
        return
    for key, value in values.items():
        yield from _flat(value, f"{under}.{key}" if under else str(key))


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_told, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None or value == "" else str(value)


def _protocol(answers: Answers, run: Run) -> None:
    answers.section = "By which protocol"
    limits = ", ".join(f"{key} {value}" for key, value in _flat(run.params.gate.model_dump(mode="json")))
    where = "params.yaml (gate); models/student/model.json; reports/gate.json"
    answers.run("5", "Limits of the gate, and since when", f"{limits}. {_declared(run)}", where=where)
    answers.run("6", "Training", f"{model.training(run)}. {model.chosen_by(run)}", where=PARAMS)
    tests = f"{results.metrics_used(run)}. {results.uncertainty(run)}"
    answers.run("7", "Testing", tests, where="docs/evaluation.md")
    answers.run("8", "Code and packages", model.software(run), where=MODEL)
    rule = "A candidate must pass all checks of the gate; the model before it stays at hand for `sonoforge rollback`"
    answers.people(
        "9", "Watching it in use, and taking it back", "monitoring_plan", run=rule, where="docs/operations.md"
    )
    answers.people("10", "Protocol of the study", "protocol")


def _declared(run: Run) -> str:
    """What is known of when the limits were declared."""
    if "judging_sha256" not in run.student.provenance:
        return "Whether they stood before the training isn't recorded with this model"
    return (
        "The model's record holds the sha256 of the sections that judge it, as they stood when it was trained "
        "(judging_sha256); whether these are the same is the gate's check `declared`"
    )


def _impact(answers: Answers, run: Run) -> None:
    answers.section = "With which effect"
    if run.champion is None:
        answers.skip("11", "Against the model in use", "There is no model in use.")
    elif run.champion.digest == run.student.digest:
        answers.skip("11", "Against the model in use", "The candidate is the model in use.")
    elif _scored_champion(run) != run.champion.digest:
        told = f"{NOT_PROVIDED}: it wasn't scored in this run; run `dvc repro -f validate_internal validate_external`"
        answers.run("11", "Against the model in use", told, where=INTERNAL, lacks=True)
    else:
        answers.run("11", "Against the model in use", _both(run, CHAMPION), where=INTERNAL)
    answers.run("12", "Against the teacher", _both(run, "teacher"), where=INTERNAL)
    answers.run("13", "Against the ellipse in the box", _both(run, "ellipse"), where=INTERNAL)
    answers.run("14", "Where it does worst", results.failures(run), where=INTERNAL)
    answers.run("15", "What the tests don't show", results.shown_limits(run), where="docs/evaluation.md")
    answers.people("16", "Risks, and what is done about them", "change_risks")


def _scored_champion(run: Run) -> str | None:
    found = run.internal["models"].get(CHAMPION)
    return None if found is None else str(found["digest"])


def _both(run: Run, other: str) -> str:
    inner, outer = (results.against(run, other, role) for role in ("internal", "external"))
    return f"Student minus {other}, Dice. Internal: {inner}. External: {outer}"


def _differences(run: Run) -> list[str]:
    """Every paired difference between the student and another, with its tests, as a table."""
    rows = [
        (
            name,
            kind,
            pair.removeprefix(f"{SUBJECT}-"),
            interval_words(found["dice"], metrics["confidence"], signed=True),
            interval_words(found["hd95"], metrics["confidence"], signed=True, decimals=1),
            p_words(checks["signed_rank_p_holm"]),
            p_words(checks["misses_p_holm"]),
        )
        for _, metrics in run.validations
        for name, dataset in metrics["datasets"].items()
        for kind, pairs in dataset["differences"].items()
        for pair, found in pairs.items()
        for checks in [dataset["checks"][kind][pair]]
    ]
    head = ("dataset", "prompt", "student minus", "Dice", "HD95 px", "p, signed ranks (Holm)", "p, misses (Holm)")
    return ["## Paired differences on the same cases and prompts", table(head, rows)] if rows else []


def _parameters(run: Run) -> str:
    return table(("parameter", "value"), list(_flat(run.params.model_dump(mode="json", exclude_none=True))))
