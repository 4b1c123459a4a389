"""Figures that others published, and whether their mean Dice can stand beside their mean IoU.

Of two masks with an IoU of J the Dice is 2J / (1 + J), a concave function, so that a mean Dice is at most 2J / (1 + J)
of the mean IoU J (Jensen), and never below J. A table that breaks this wasn't made from one set of masks with one way
of averaging. Figures are allowed to be rounded by half of their last digit. A mean Dice that equals the bound fits only
if all masks have one IoU, or if it was computed from the mean IoU or from pooled pixels. What keeps UniUltra's figures
from standing beside ours is listed too, as its paper and its released code (xq141839/UniUltra) say it. Leaves out: our
own figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from components.evaluation.comparing.statistics import jensen_dice_bound

Finding = Literal["possible", "equal to the bound", "impossible", "no IoU given"]


@dataclass(frozen=True, slots=True)
class Published:
    """A row of somebody's table: mean Dice and mean IoU in per cent, as printed; `seen_in` says where we saw it.

    `prompt` is what the model was given for each object.
    """

    system: str
    on: str
    prompt: str
    dice_percent: str
    iou_percent: str | None
    seen_in: str


PUBLISHED = (
    Published("UniUltra-L", "BUSI, DDTI, TN3K, UDIAT: lowest", "exact box", "93.81", None, "news of the paper"),
    Published("UniUltra-L", "BUSI, DDTI, TN3K, UDIAT: highest", "exact box", "94.50", None, "news of the paper"),
    Published("UniUltra mini", "mean, of which sets isn't said", "exact box", "89.21", None, "news of the paper"),
    Published("SAM-MedUS", "mean of all sets", "not said", "88.0", "78.9", "news of the paper"),
    Published("SAM-MedUS", "adult kidney", "not said", "93.58", "87.93", "abstract, 10.1117/1.JMI.12.2.027001"),
    Published("SAM-MedUS", "infant vein", "not said", "78.93", "62.31", "abstract, 10.1117/1.JMI.12.2.027001"),
    Published("CMU-Net", "BUSI", "none", "84.16", "73.27", "others' tables"),
)


ALSO_PUBLISHED = (
    "On FUGC and JNU-IFM together, UniUltra-L is said to be 3.26 % above MedSAM in mean Dice (points or a share of it "
    "isn't said), and to have a Hausdorff distance lower by 39.17 %: changes, without the figures that they change.",
    "All of these were read in news of the paper; its own tables couldn't be read.",
)


@dataclass(frozen=True, slots=True)
class Hurdle:
    """One way in which UniUltra's evaluation and ours differ, and what follows for a comparison."""

    what: str
    theirs: str
    ours: str
    so: str


HURDLES = (
    Hurdle(
        "prompt",
        "one exact box for each connected part, drawn from the truth",
        "boxes that are off by a known share, clicks, none; the exact box too where it is asked for",
        "only our rows of the exact box may be looked at beside theirs",
    ),
    Hurdle(
        "yardstick",
        "none stated",
        "the ellipse in the same box, on every row",
        "how much of their Dice the box itself gives can't be told",
    ),
    Hurdle(
        "checkpoint",
        "chosen on the test set, by the released code",
        "chosen on val; the test side is opened once",
        "theirs are optimistic by an amount that nobody can say",
    ),
    Hurdle(
        "images",
        "a division of BUSI, DDTI, TN3K and UDIAT that isn't published",
        "divided by patient and near copy, sides on record",
        "never the same test images, even on the same dataset",
    ),
    Hurdle(
        "mean",
        "over images; no interval",
        "over patients, videos or scenes; intervals resampled by them",
        "differences of a point or two mean nothing",
    ),
    Hurdle(
        "distances",
        "on masks stretched to 1024 × 1024; infinite ones left out",
        "in the image's own pixels; a miss counts with the image's diagonal",
        "Hausdorff distances can't be compared at all",
    ),
    Hurdle(
        "figures of a model's size",
        "8.91 % of parameters trained, 0.86 M in the mini's encoder",
        "the same counts, from our code, held by tests",
        "these can be compared, and agree",
    ),
)


def finding(row: Published) -> Finding:
    """Whether a row's mean Dice is possible beside its mean IoU."""
    if row.iou_percent is None:
        return "no IoU given"
    dice, iou = (_range(text) for text in (row.dice_percent, row.iou_percent))
    if dice[0] > jensen_dice_bound(iou[1]) or dice[1] < iou[0]:
        return "impossible"
    return "equal to the bound" if dice[1] >= jensen_dice_bound(iou[0]) else "possible"


def _range(percent: str) -> tuple[float, float]:
    """The least and the greatest share that are printed so."""
    printed = Decimal(percent)
    exponent = printed.as_tuple().exponent
    assert isinstance(exponent, int), "a number"
    half = Decimal(5).scaleb(exponent - 1)
    return float((printed - half) / 100), float((printed + half) / 100)
