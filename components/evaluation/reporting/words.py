"""Names, numbers and standing sentences of everything that a validation's results are told with.

Report, console, figures and page word the same thing the same way, because they word it here. Leaves out: which of it
stands where (sections.py, console.py, page.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from components.evaluation.baselines import BASELINES
from components.evaluation.comparing.json_form import interval_key
from components.evaluation.comparing.names import ORIGINS, SUBJECT
from components.types import Role

METRICS, CASES = "metrics.json", "cases.parquet"
RESEARCH = "Research software: not a medical device, and not for diagnosis or treatment."
PHANTOM_MEANS = "Whatever rests on phantoms shows that the machinery works; it says nothing about patients."
ELLIPSE_IS = "The ellipse is drawn into the same box, without looking at the image."
SIMPLER = {"unet_box": "the plain U-Net", "grabcut": "GrabCut"}
"""Those that a model must beat to be worth its size, besides the ellipse, as people call them."""
MAXIM = "A model that doesn't beat the ellipse has learned nothing beyond the box that it was given."
PROMPT_WORDS = {
    "box": "exact box",
    "box_jitter": "jittered box",
    "click": "click",
    "box_click": "jittered box + click",
    "none": "no prompt",
    "whole_image": "whole image",
    "loose_box": "loose box",
    "box_jitter_05": "box moved, scaled by 5 %",
    "box_jitter_10": "box moved, scaled by 10 %",
    "box_jitter_20": "box moved, scaled by 20 %",
    "box_clicks_1": "jittered box, 1 correction",
    "box_clicks_3": "jittered box, 3 corrections",
    "box_clicks_5": "jittered box, 5 corrections",
    "box_clicks_3_mask": "3 corrections, answer given back",
    "box_nothing": "box where there is nothing",
}
PROMPT_MEANS = {
    "box": "a box that fits the object exactly, as nobody draws it by hand",
    "box_jitter": "a box whose four sides are each off by a little, as a careful person draws it",
    "box_jitter_05": "a box that is shifted and scaled by up to 5 % of its size",
    "box_jitter_10": "a box that is shifted and scaled by up to 10 % of its size",
    "box_jitter_20": "a box that is shifted and scaled by up to 20 % of its size",
    "loose_box": "a box that leaves a quarter of the object's size free on each side",
    "click": "one click in the middle of the object",
    "box_click": "the box whose sides are off, and a click in the middle",
    "box_clicks_1": "the box whose sides are off, and one click where the model's answer was most wrong",
    "box_clicks_3": "the same with three such corrections, one after the other",
    "box_clicks_5": "the same with five such corrections, one after the other",
    "box_clicks_3_mask": "three such corrections, the model's last answer given back to it with each",
    "whole_image": "a box round the whole image; all objects together are the truth",
    "none": "the model is shown the image and told nothing; all objects together are the truth",
    "box_nothing": "a box in a place where there is no object: the right answer is to outline nothing",
}

ROUNDING = 5e-4
"""A difference of Dice that three decimals don't show."""
DRAWN = {
    "text_page": "drawn page of text",
    "screenshot": "drawn screenshot",
    "photograph": "drawn like a photograph",
    "grey_photograph": "drawn like a grey photograph",
    "ct_slice": "drawn CT-like figure",
    "constant": "one grey",
}
"""What the kinds of components/evaluation/not_ultrasound.py truly are, where their names alone promise more."""
GUARD_TRIED = (
    "Pictures that aren't ultrasound are drawn by a generator: real photographs and real CT were never tried. A flag "
    "on an external image, of anatomy that the model never learned, is no fault of the guard."
)


def marked_dataset(metrics: Mapping[str, Any], name: str) -> str:
    """A dataset's name, marked where its images are phantoms."""
    return f"{name} (phantom)" if metrics["datasets"][name]["phantom"] else name


def marked_model(metrics: Mapping[str, Any], who: str) -> str:
    """A contender's role, marked where it was trained on phantoms; baselines learn from nothing."""
    return f"{who} (phantom-trained)" if who not in BASELINES and metrics["models"][who]["phantom"] else who


def phantom_words(metrics: Mapping[str, Any]) -> str:
    """Which images are phantoms, and whether the student was trained on any, in sentences; empty if neither."""
    made = [name for name, dataset in metrics["datasets"].items() if dataset["phantom"]]
    real = [name for name in metrics["datasets"] if name not in made]
    said = []
    if made and real:
        said.append(f"Images of {', '.join(made)} are made by a generator; those of {', '.join(real)} aren't.")
    elif made:
        said.append("All images here are made by a generator.")
    elif real and metrics["model"]["phantom"]:
        said.append("The images here aren't made by a generator.")
    if metrics["model"]["phantom"]:
        said.append("The student was trained on images that are.")
    return " ".join(said)


def exposure_words(metrics: Mapping[str, Any]) -> str:
    """Which external datasets don't count as external, and why, in sentences; empty if all do."""
    return " ".join(
        f"{name}: not counted as external: exposure {_seen(dataset['exposure'][SUBJECT])}; {dataset['exposure_basis']}."
        for name, dataset in metrics["datasets"].items()
        if not dataset.get("counts_as_external", True)
    )


def _seen(exposure: str) -> str:
    return "unknown" if exposure == "unknown" else "known, the model has seen it"


def beats_words(difference: Mapping[str, Any], confidence: float, *, other: str = "the ellipse") -> str:
    """What a paired difference of Dice, the student minus another, says, in words."""
    low, high = difference[interval_key(confidence)]
    if low is None or high is None:
        return f"can't be judged against {other} (fewer than two groups)"
    if not difference["sufficient"]:
        return f"can't be judged against {other} (INSUFFICIENT: {difference['groups']} groups)"
    if low > 0:
        return f"beats {other}"
    return f"is worse than {other}" if high < 0 else f"isn't shown to beat {other}"


def answered_words(found: Mapping[str, Any]) -> str:
    """In how many boxes where there is nothing an outline was drawn."""
    count, n = found["count"], found["n"]
    each = "every one" if count == n else "none" if count == 0 else str(count)
    return f"{each} of {n}"


def limits(metrics: Mapping[str, Any], *, role: Role) -> list[str]:
    """What a validation of this role doesn't show, in sentences."""
    lines = [
        "Every prompt here is drawn from the truth; people draw other boxes and click elsewhere.",
        "An interval speaks of other images of the same sources, not of other hospitals, machines or operators.",
        "Each interval stands alone: none is widened for there being several.",
        "One training with one seed was tested; another may differ by more than the intervals show."
        if not metrics.get("seeds")
        else "The intervals are of one training; how far others with other seeds come out stands by itself.",
    ]
    if role == "internal":
        lines.append("The internal test images come from the same datasets as the training images.")
    if any(dataset["groups"] < 50 for dataset in metrics["datasets"].values()):
        lines.append("Some datasets have fewer than 50 groups, where bootstrap intervals tend to be too narrow.")
    return lines


def origin_words(datasets: Mapping[str, Mapping[str, Any]]) -> str:
    """Which datasets state the scanner or the site of their test images, and how many of them, in sentences."""
    said = []
    for kind in ORIGINS:
        stated = [(name, found.get("origins", {}).get(kind)) for name, found in datasets.items()]
        each = [f"{name} ({', '.join(names)})" for name, names in stated if names]
        if each:
            others = "" if len(each) == len(datasets) else "; the others state none"
            said.append(f"{kind.capitalize()} of the test images: {', '.join(each)}{others}.")
    lacking = [kind for kind in ORIGINS if not any(kind in found.get("origins", {}) for found in datasets.values())]
    if lacking:
        said.append(f"No dataset here states {' or '.join(f'a {kind}' for kind in lacking)}.")
    return " ".join(said)


def each_prompt(metrics: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Each dataset's name, each kind of prompt that has means in it, and the dataset."""
    for name, dataset in metrics["datasets"].items():
        for kind in dataset["prompts"]:
            yield name, kind, dataset


def prompt_words(kind: str) -> str:
    """A kind of prompt, as people call it."""
    return PROMPT_WORDS.get(kind, kind)


def mean_words(estimate: Mapping[str, Any]) -> str:
    """A mean without its interval; a dash where it is undefined."""
    return "–" if estimate["mean"] is None else f"{estimate['mean']:.3f}"


def interval_words(estimate: Mapping[str, Any], confidence: float, *, signed: bool = False, decimals: int = 3) -> str:
    """A mean with its interval, or with what keeps it from having one."""
    if estimate["mean"] is None:
        return "undefined"
    digits = f"{{:{'+' if signed else ''}.{decimals}f}}"
    low, high = estimate[interval_key(confidence)]
    if low is None or high is None:
        return f"{digits.format(estimate['mean'])} [no interval]"
    if not estimate["sufficient"]:
        return f"{digits.format(estimate['mean'])} [INSUFFICIENT: {estimate['groups']} groups]"
    return f"{digits.format(estimate['mean'])} [{digits.format(low)}, {digits.format(high)}]"


def share_words(missed: Mapping[str, Any]) -> str:
    """A rate in per cent."""
    return "–" if missed["mean"] is None else f"{100 * missed['mean']:.1f} %"


def kept_warnings(metrics: Mapping[str, Any]) -> list[str]:
    """Where the cases that are left without a warning come out worse than all: there a warning misleads."""
    lines = []
    for name, kind, dataset in each_prompt(metrics):
        for who, found in dataset.get("confidence", {}).get(kind, {}).items():
            kept, everything = (found.get("dice_kept") or {}).get("mean"), dataset["prompts"][kind][who]["dice"]["mean"]
            if kept is not None and everything is not None and everything - kept > ROUNDING:
                lines.append(
                    f"{marked_dataset(metrics, name)}, {prompt_words(kind)}: the warnings of the "
                    f"{marked_model(metrics, who)} mislead: Dice of the cases without a warning is {kept:.3f}, of all "
                    f"{everything:.3f}."
                )
    return lines


def p_words(value: float | None) -> str:
    """A p value with three digits."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
