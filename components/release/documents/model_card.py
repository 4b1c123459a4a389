"""A model's description and results, people's statements and, once there is one, the verdict, to its card.

Everything that the run knows is filled in from it; what only a person can say reads NOT PROVIDED until
`docs/statements.yaml` says it. Without a verdict the card is a draft, and says so. The card makes no claim of fitness
for any clinical use. Leaves out: where the card is put (dossier.py for the draft, promote.py).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from components.artefacts import ModelDescription
from components.errors import ReleaseError
from components.release.documents.calibrated import WITHOUT, warning_words
from components.release.documents.card_lines import (
    confidence_lines,
    each,
    package_lines,
    results_table,
    worst_lines,
)
from components.release.documents.marking import shown
from components.release.documents.statements import LABELS, NOT_PROVIDED

USE = "Research use only. Not a medical device; not for diagnosis or treatment."
PHANTOM = "Trained on phantoms, images made by a generator: its masks mean nothing on patients."
PERSON_WRITES = (
    "intended_use",
    "intended_population",
    "intended_users",
    "intended_setting",
    "clinical_limitations",
    "contact",
)
NOTHING_STATED: Mapping[str, str] = {}
DRAFT = "none yet: this card is a draft"
_CONFIDENCE = ("calibrated", "ece", "ece_raw", "aurc", "abstained", "dice_kept")
_PACKAGE = ("bento", "parity", "latency_ms", "start_s", "peak_memory_mb", "machine")


def build_card(
    description: ModelDescription,
    *,
    version: str,
    gate: Mapping[str, Any] | None,
    internal: Mapping[str, Any],
    external: Mapping[str, Any],
    statements: Mapping[str, str] = NOTHING_STATED,
    package: Mapping[str, Any] | None = None,
    calibration: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The card as JSON values.

    Parameters
    ----------
    gate
        The verdict on the model (`gate.json`); None makes the card a draft.
    internal, external
        The validations' `metrics.json`.
    statements
        What people state, by key of `LABELS`.
    package, calibration
        `reports/package.json` and `calibration.json`, where there are any.

    Raises
    ------
    ReleaseError
        If these aren't a validation's results.
    """
    results = {"internal": _results(internal, role="internal"), "external": _results(external, role="external")}
    return {
        "schema": 1,
        "name": description.name,
        "version": version,
        "digest": description.digest,
        "use": f"{USE} {PHANTOM}" if description.phantom else USE,
        "phantom": description.phantom,
        "task": "outline of one object in a 2D ultrasound image, from a box or clicks",
        "input": f"one image, stretched to {description.image_size_px} px square; boxes or clicks in its own pixels",
        "trained_on": list(description.trained_on),
        "base_weights": description.base,
        "pretraining_exposure": description.pretraining_exposure.model_dump(mode="json"),
        "preprocess_version": description.preprocess_version,
        "provenance": dict(description.provenance),
        "verdict": None if gate is None else gate["verdict"],
        "checks": [] if gate is None else list(gate["checks"]),
        "results": results,
        "guard": _guard(internal, external),
        "warnings": warning_words(calibration),
        "package": None if package is None else {key: package[key] for key in _PACKAGE if key in package},
        "limits": _limits(results, external, calibrated=calibration is not None, measured=package is not None),
        "to_be_written_by_a_person": {LABELS[key]: statements.get(key) or NOT_PROVIDED for key in PERSON_WRITES},
    }


def _results(metrics: Mapping[str, Any], *, role: str) -> dict[str, Any]:
    """Per dataset and prompt, the student's results."""
    try:
        return _by_dataset(metrics)
    except (KeyError, TypeError, AttributeError, StopIteration) as error:
        raise ReleaseError(
            f"the {role} metrics aren't a validation's results ({type(error).__name__}: {error})",
            expected="for each dataset and prompt the student's Dice, HD95 and misses",
            remedy=f"run the stage again: `dvc repro validate_{role}`",
        ) from None


def _by_dataset(metrics: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {
            kind: {
                **{metric: by_who["student"][metric] for metric in ("dice", "hd95", "miss_rate")},
                "dice_above_ellipse": dataset["differences"][kind].get("student-ellipse", {}).get("dice"),
                "worst_subgroup": _worst(dataset.get("subgroups", {}).get(kind)),
                "confidence": _confidence(dataset.get("confidence", {}).get(kind, {}).get("student")),
            }
            for kind, by_who in dataset["prompts"].items()
        }
        for name, dataset in metrics["datasets"].items()
    }


def _worst(subgroups: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The subgroup in which the student's mean Dice is lowest; None where none is large enough."""
    if subgroups is None or subgroups["worst"] is None:
        return None
    named = subgroups["worst"]
    one = next(one for one in subgroups["each"] if (one["kind"], one["name"]) == (named["kind"], named["name"]))
    return {**named, "dice": one["models"]["student"]["dice"], "cases": one["cases"], "groups": one["groups"]}


def _confidence(found: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """How far confidence and the model's own estimate hold; if it is calibrated, also warnings and Dice of the rest."""
    return None if found is None else {key: found.get(key) for key in _CONFIDENCE}


def _guard(internal: Mapping[str, Any], external: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the guard flagged: of what isn't ultrasound, and of the images of each dataset; None without a guard."""
    if internal.get("guard") is None:
        return None
    alarms = {**internal["guard"]["false_alarms"], **(external.get("guard") or {"false_alarms": {}})["false_alarms"]}
    return {**internal["guard"], "false_alarms": alarms}


def _limits(results: Mapping[str, Any], external: Mapping[str, Any], *, calibrated: bool, measured: bool) -> list[str]:
    """What these results don't show."""
    found = ["Every prompt of the tests was drawn from the truth; people draw other boxes and click elsewhere."]
    if not any(dataset.get("counts_as_external") for dataset in external["datasets"].values()):
        found.append("No dataset that counts as external was tested: nothing is known beyond the sources.")
    few = sorted({name for name, _, one in each(results) if not one["dice"].get("sufficient", True)})
    if few:
        found.append(f"Too few groups for a claim: {', '.join(few)}.")
    if not calibrated:
        found.append(f"{WITHOUT}.")
    if not measured:
        found.append("Speed and memory of the packed service weren't measured.")
    return found


def card_markdown(card: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    parts = [
        f"# {card['name']} {card['version']}",
        f"**{card['use']}**",
        "\n".join(f"- {key}: {value}" for key, value in _facts(card).items()),
        "## Results at the image's own resolution",
        *(results_table(role, card["results"][role]) for role in ("internal", "external")),
        *_section("Where it does worst", worst_lines(card)),
        *_section("How far its confidence holds", confidence_lines(card)),
        *_section("The packed service", package_lines(card)),
        *_section("Limits", [f"- {line}" for line in card["limits"]]),
        *_section(
            "Checks", [f"- {check['verdict']} {check['id']}: {shown(check['reason'])}" for check in card["checks"]]
        ),
        "## To be written by a person",
        "\n".join(f"- {key}: {shown(value)}" for key, value in card["to_be_written_by_a_person"].items()),
    ]
    return "\n\n".join(parts) + "\n"


def card_record(
    card: Mapping[str, Any], path: str, *, statements: Mapping[str, str], required: Collection[str]
) -> dict[str, Any]:
    """What `documents.json` says of the card."""
    lines = {**_facts(card), **card["to_be_written_by_a_person"]}
    lacking = [key for key, value in lines.items() if value == NOT_PROVIDED]
    return {
        "name": "model_card",
        "path": path,
        "items": len(lines),
        "filled": len(lines) - len(lacking),
        "not_applicable": 0,
        "not_provided": lacking,
        "missing_required": sorted(key for key in PERSON_WRITES if key in required and not statements.get(key)),
    }


def _facts(card: Mapping[str, Any]) -> dict[str, str]:
    provenance = card["provenance"]
    return {
        "version": card["version"],
        "weights sha256": card["digest"],
        "task": card["task"],
        "input": card["input"],
        "trained on": ", ".join(card["trained_on"]) or NOT_PROVIDED,
        "base weights": card["base_weights"],
        "what the base weights had seen": _exposure_words(card["pretraining_exposure"]),
        "commit": provenance.get("git_sha", NOT_PROVIDED),
        "parameters sha256": provenance.get("params_sha256", NOT_PROVIDED),
        "seeds": ", ".join(f"{key} {value}" for key, value in (provenance.get("seeds") or {}).items()) or NOT_PROVIDED,
        "verdict of the gate": card["verdict"] or DRAFT,
    }


def _section(title: str, lines: list[str]) -> list[str]:
    """A heading with its lines; nothing where there are none."""
    return [f"## {title}", "\n".join(lines)] if lines else []


def _exposure_words(exposure: Mapping[str, Any]) -> str:
    named = [f"{name} {seen}" for name, seen in sorted(exposure["datasets"].items())]
    listed = ", ".join([*named, f"any other {exposure['otherwise']}"])
    return f"{exposure['basis']} ({listed})"
