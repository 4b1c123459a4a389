"""A released model's description, verdict and results to its card, as JSON and as Markdown.

Everything that the run knows is filled in from it; what only a person can say reads NOT PROVIDED. The card makes
no claim of fitness for any clinical use. Leaves out: where the card is put (components/release/promote.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.artefacts import ModelDescription
from components.errors import ReleaseError

NOT_PROVIDED = "NOT PROVIDED"
USE = "Research use only. Not a medical device; not for diagnosis or treatment."
PHANTOM = "Trained on phantoms, images made by a generator: its masks mean nothing on patients."
PERSON_WRITES = (
    "intended population",
    "intended users and setting",
    "clinical limitations found in use",
    "contact",
    "approved by",
)


def build_card(
    description: ModelDescription,
    *,
    version: str,
    gate: Mapping[str, Any],
    internal: Mapping[str, Any],
    external: Mapping[str, Any],
) -> dict[str, Any]:
    """The card as JSON values; `internal` and `external` are the validations' `metrics.json`.

    Raises
    ------
    ReleaseError
        If these aren't a validation's results.
    """
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
        "verdict": gate["verdict"],
        "checks": list(gate["checks"]),
        "results": {"internal": _results(internal, role="internal"), "external": _results(external, role="external")},
        "to_be_written_by_a_person": dict.fromkeys(PERSON_WRITES, NOT_PROVIDED),
    }


def _results(metrics: Mapping[str, Any], *, role: str) -> dict[str, Any]:
    """Per dataset and prompt, the student's Dice, HD95 and misses, and the difference to the ellipse."""
    try:
        return _by_dataset(metrics)
    except (KeyError, TypeError, AttributeError) as error:
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
            }
            for kind, by_who in dataset["prompts"].items()
        }
        for name, dataset in metrics["datasets"].items()
    }


def card_markdown(card: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    provenance = card["provenance"]
    facts = {
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
        "verdict of the gate": card["verdict"],
    }
    parts = [
        f"# {card['name']} {card['version']}",
        f"**{card['use']}**",
        "\n".join(f"- {key}: {value}" for key, value in facts.items()),
        "## Results at the image's own resolution",
        *(_table(role, card["results"][role]) for role in ("internal", "external")),
        "## Checks",
        "\n".join(f"- {check['verdict']} {check['id']}: {check['reason']}" for check in card["checks"]),
        "## To be written by a person",
        "\n".join(f"- {key}: {value}" for key, value in card["to_be_written_by_a_person"].items()),
    ]
    return "\n\n".join(parts) + "\n"


def _exposure_words(exposure: Mapping[str, Any]) -> str:
    named = [f"{name} {seen}" for name, seen in sorted(exposure["datasets"].items())]
    listed = ", ".join([*named, f"any other {exposure['otherwise']}"])
    return f"{exposure['basis']} ({listed})"


def _table(role: str, results: Mapping[str, Any]) -> str:
    if not results:
        return f"No {role} dataset."
    lines = [f"| {role} | prompt | Dice | above the ellipse | HD95 px | missed | n |", "| --- |" + " --- |" * 6]
    for name, by_kind in results.items():
        for kind, found in by_kind.items():
            cells = [
                name,
                kind,
                _span(found["dice"], 3),
                _span(found["dice_above_ellipse"], 3),
                _span(found["hd95"], 1),
                str(found["miss_rate"]["count"]),
                str(found["dice"]["n"]),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _span(estimate: Mapping[str, Any] | None, decimals: int) -> str:
    if estimate is None or estimate["mean"] is None:
        return "–"
    interval = next(value for key, value in estimate.items() if key.startswith("ci"))
    if None in interval:
        return f"{estimate['mean']:.{decimals}f}"
    if not estimate["sufficient"]:
        return f"{estimate['mean']:.{decimals}f} [INSUFFICIENT: {estimate['groups']} groups]"
    return f"{estimate['mean']:.{decimals}f} [{interval[0]:.{decimals}f}, {interval[1]:.{decimals}f}]"
