"""Which signals are compared, in which rows they stand, how, and with what: the whole list, and words for people.

Leaves out: what the signals are (components/promptable/signals.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from components.promptable.signals import IMAGE_SIGNALS, PROJECTION

Stratum = Literal["image", "box", "click", "outline", "feedback"]
"""Kinds of rows: images; outlines of a lone box, of a lone click, of any prompt; what people made of outlines."""
Test = Literal["numbers", "larger", "words", "vectors"]
STRATUM_WORDS: dict[Stratum, str] = {
    "image": "images",
    "box": "outlines of a first box",
    "click": "outlines of a first click",
    "outline": "outlines of any prompt",
    "feedback": "outlines that people judged",
}


@dataclass(frozen=True, slots=True)
class Signal:
    """One comparison: the signal's name, its rows and columns, the test, and what it is in words.

    `built_on` says whether the validation side has it too; what people do with the model is only known from traffic.
    """

    name: str
    stratum: Stratum
    columns: tuple[str, ...]
    test: Test
    words: str
    built_on: bool = True


IMAGE_WORDS = {
    "colour": "colour in the image",
    "mean": "mean grey",
    "spread": "spread of grey",
    "dark": "share of black",
    "bright": "share of saturated white",
    "levels": "grey levels in use (entropy)",
    "rough_across": "roughness across",
    "rough_down": "roughness down",
    "fine": "fine structure",
    "coarse": "coarse structure",
    "grey_q05": "grey, 5th percentile",
    "grey_q50": "grey, median",
    "grey_q95": "grey, 95th percentile",
    "sharpness": "sharpness",
    "grain": "direction of the grain",
    "top_heavy": "brighter above than below",
    "left_heavy": "brighter left than right",
    "aspect": "width over height",
    "guard_score": "the guard's score",
}


def _outline(stratum: Literal["box", "click"]) -> tuple[Signal, ...]:
    of = f"at a first {stratum}"
    found = [
        Signal(f"{stratum}:quality", stratum, ("quality",), "numbers", f"the model's own estimate, {of}"),
        Signal(f"{stratum}:abstain", stratum, ("abstain",), "words", f"warnings, {of}"),
        Signal(f"{stratum}:mask_share", stratum, ("mask_share",), "numbers", f"size of the outline, {of}"),
    ]
    if stratum == "box":
        found.append(Signal("box:box_fill", stratum, ("box_fill",), "numbers", f"outline's share of its box, {of}"))
    return tuple(found)


SIGNALS: tuple[Signal, ...] = (
    *(Signal(name, "image", (name,), "numbers", IMAGE_WORDS[name]) for name in IMAGE_SIGNALS),
    Signal("embedding", "image", PROJECTION, "vectors", "what the model makes of the image (embedding)"),
    *_outline("box"),
    *_outline("click"),
    Signal("form", "outline", ("form",), "words", "how people prompt", built_on=False),
    Signal("clicks", "outline", ("clicks",), "numbers", "clicks in a prompt", built_on=False),
    Signal("edit", "feedback", ("edit",), "larger", "how far people change outlines (edit distance)"),
    Signal("verdict", "feedback", ("verdict",), "words", "accepted, edited or rejected", built_on=False),
)
