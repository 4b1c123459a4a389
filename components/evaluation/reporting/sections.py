"""`metrics.json` to the sections of `report.md`, as Markdown.

Leaves out: in which order they stand (report.py), and what only some kinds of prompt say (prompt_sections.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from components.evaluation.baselines import ELLIPSE
from components.evaluation.comparing.names import SUBJECT
from components.evaluation.reporting.words import (
    DRAWN,
    GUARD_TRIED,
    MAXIM,
    SIMPLER,
    beats_words,
    each_prompt,
    interval_words,
    kept_warnings,
    marked_dataset,
    marked_model,
    mean_words,
    origin_words,
    p_words,
    prompt_words,
    share_words,
)


def ellipse_section(metrics: Mapping[str, Any]) -> str:
    """Whether the student beats the ellipse, for each dataset and prompt."""
    lines = []
    for name, kind, dataset in each_prompt(metrics):
        difference = dataset["differences"][kind].get(f"{SUBJECT}-{ELLIPSE}", {}).get("dice")
        if difference is None:
            continue
        words = beats_words(difference, metrics["confidence"])
        span = interval_words(difference, metrics["confidence"], signed=True)
        student = marked_model(metrics, SUBJECT)
        lines.append(
            f"- **{marked_dataset(metrics, name)}**, {prompt_words(kind)}: the {student} {words}: Dice {span}."
        )
    if not lines:
        return "No prompt here has a box, so there is no ellipse to beat."
    return MAXIM + " The difference of their Dice, student minus ellipse, on the same cases:\n\n" + "\n".join(lines)


def simpler_section(metrics: Mapping[str, Any]) -> str:
    """Whether the student beats those of SIMPLER, for each dataset and prompt; empty where none was scored."""
    lines = [
        f"- **{marked_dataset(metrics, name)}**, {prompt_words(kind)}: the {marked_model(metrics, SUBJECT)} "
        f"{beats_words(found, metrics['confidence'], other=other)}: "
        f"Dice {interval_words(found, metrics['confidence'], signed=True)}."
        for who, other in SIMPLER.items()
        for name, kind, dataset in each_prompt(metrics)
        if (found := dataset["differences"][kind].get(f"{SUBJECT}-{who}", {}).get("dice")) is not None
    ]
    told = "The difference of their Dice, student minus the other, on the same cases:\n\n" + "\n".join(lines)
    return told if lines else ""


def results_section(metrics: Mapping[str, Any]) -> str:
    """Everybody's means with intervals, in px, and in mm where spacing is known."""
    confidence = metrics["confidence"]
    head = ["dataset", "prompt", "model", "Dice", "skill", "IoU", "NSD", "HD95 px", "HD px", "area error", "n"]
    lines = [_line(head), _line(["---"] * len(head))]
    for name, kind, dataset in each_prompt(metrics):
        for who, by_metric in dataset["prompts"][kind].items():
            spans = [
                interval_words(by_metric[metric], confidence, decimals=decimals)
                for metric, decimals in (("dice", 3), ("iou", 3), ("nsd", 3), ("hd95", 1), ("hd", 1), ("area_error", 3))
            ]
            spans.insert(1, interval_words(by_metric["skill"], confidence) if "skill" in by_metric else "–")
            row = [marked_dataset(metrics, name), prompt_words(kind), marked_model(metrics, who)]
            lines.append(_line([*row, *spans, str(by_metric["dice"]["n"])]))
    note = (
        f"Means with {100 * confidence:g} % intervals (bootstrap over groups: patients, videos or scenes; every group "
        "weighs the same), at native resolution. Skill is the share of the distance from the ellipse's mean Dice to a "
        "perfect 1 that is gained: the ellipse has 0. A missed object counts with Dice 0 and a distance of the image's "
        "diagonal. Area error is the difference of areas over the larger one. NSD is the share of both outlines within "
        f"{metrics['nsd_tolerance']['px']:g} px of the other."
    )
    millimetres = [
        f"- {marked_dataset(metrics, name)}, {prompt_words(kind)}, {marked_model(metrics, who)}: "
        f"HD95 {interval_words(by_metric['hd95_mm'], confidence, decimals=2)} mm, "
        f"NSD at {metrics['nsd_tolerance']['mm']:g} mm {interval_words(by_metric['nsd_mm'], confidence)} "
        f"(n = {by_metric['hd95_mm']['n']} with known spacing)"
        for name, kind, dataset in each_prompt(metrics)
        for who, by_metric in dataset["prompts"][kind].items()
        if "hd95_mm" in by_metric
    ]
    tail = ["In millimetres, where the source states the spacing:\n" + "\n".join(millimetres)] if millimetres else []
    return "\n\n".join([note, "\n".join(lines), *tail, "![Intervals](figures/intervals.png)"])


def misses_section(metrics: Mapping[str, Any]) -> str:
    """What was missed, and where the ellipse stood in for a baseline."""
    lines = [_line(["dataset", "prompt", "model", "missed", "share"]), _line(["---"] * 5)]
    for name, kind, dataset in each_prompt(metrics):
        for who, by_metric in dataset["prompts"][kind].items():
            missed = by_metric["miss_rate"]
            row = [marked_dataset(metrics, name), prompt_words(kind), marked_model(metrics, who)]
            lines.append(_line([*row, f"{missed['count']} of {missed['n']}", share_words(missed)]))
    told = ["A miss is an object of which the prediction covers not one pixel.", "\n".join(lines)]
    stood_in = [
        f"- {marked_dataset(metrics, name)}, {prompt_words(kind)}, {who}: {found['count']} of {found['n']}"
        for name, kind, dataset in each_prompt(metrics)
        for who, by_metric in dataset["prompts"][kind].items()
        if (found := by_metric.get("fallback_rate")) and found["count"]
    ]
    if stood_in:
        told.append("Where a baseline had nothing to go by, and the ellipse stood in:\n" + "\n".join(stood_in))
    return "\n\n".join(told)


def subgroups_section(metrics: Mapping[str, Any]) -> str:
    """The student's Dice by subgroup, and the worst."""
    lines = [_line(["dataset", "prompt", "by", "the student's Dice (groups)"]), _line(["---"] * 4)]
    worst = []
    for name, kind, dataset in each_prompt(metrics):
        found = dataset["subgroups"][kind]
        for by in dict.fromkeys(one["kind"] for one in found["each"]):
            cells = [_subgroup_cell(one) for one in found["each"] if one["kind"] == by]
            lines.append(_line([marked_dataset(metrics, name), prompt_words(kind), by, "; ".join(cells)]))
        if (lowest := found["worst"]) is not None:
            where = f"**{marked_dataset(metrics, name)}**, {prompt_words(kind)}"
            worst.append(f"- {where}: worst by {lowest['kind']}, {lowest['name']}.")
    if len(lines) == 2:
        return "No dataset here has subgroups: nothing that is known tells its objects apart."
    note = (
        "By what the truth and the image say of an object. Quarters are of each dataset's objects, by area and by "
        f"contrast to the surroundings. Subgroups of fewer than {metrics['subgroup_min_groups']} groups are too small "
        f"to be called the worst. {origin_words(metrics['datasets'])}"
    )
    return "\n\n".join([note, "\n".join(lines), *(["\n".join(worst)] if worst else [])])


def _subgroup_cell(found: Mapping[str, Any]) -> str:
    mean = mean_words(found["models"][SUBJECT]["dice"]) if SUBJECT in found["models"] else "–"
    return f"{found['name']} {mean} ({found['groups']}{'' if found['enough'] else ', too small'})"


def confidence_section(metrics: Mapping[str, Any]) -> str:
    """What each model states of its own quality, and what warning by it does; empty where nobody was asked."""
    head = ["dataset", "prompt", "model", "calibration error (ECE)", "share with a warning", "Dice of the rest"]
    lines = [
        _line(
            [
                marked_dataset(metrics, name),
                prompt_words(kind),
                marked_model(metrics, who),
                *(
                    interval_words(found[key], metrics["confidence"]) if found.get(key) else "–"
                    for key in ("ece", "abstained", "dice_kept")
                ),
            ]
        )
        for name, kind, dataset in each_prompt(metrics)
        for who, found in dataset.get("confidence", {}).get(kind, {}).items()
    ]
    if not lines:
        return ""
    table = "\n".join([_line(head), _line(["---"] * len(head)), *lines])
    return "\n\n".join([table, *(f"**{line}**" for line in kept_warnings(metrics))])


def guard_section(metrics: Mapping[str, Any]) -> str:
    """What the guard flags, of drawn pictures and of test images; empty where none was asked."""
    if (guard := metrics.get("guard")) is None:
        return ""
    lines = [_line(["pictures", "how many", "flagged"]), _line(["---"] * 3)]
    lines += [
        _line([DRAWN.get(one["kind"], one["kind"].replace("_", " ")), str(one["n"]), str(one["flagged"])])
        for one in guard["not_ultrasound"]
    ]
    for name, found in guard["false_alarms"].items():
        span = interval_words(found, metrics["confidence"])
        lines.append(_line([f"test images of {marked_dataset(metrics, name)}", str(found["n"]), span]))
    return GUARD_TRIED + "\n\n" + "\n".join(lines)


def others_section(metrics: Mapping[str, Any]) -> str:
    """The student minus each other contender, with p values as checks."""
    head = ["dataset", "prompt", "student minus", "Dice", "p", "groups where the student : the other misses more", "p"]
    lines = [_line(head), _line(["---"] * len(head))]
    for name, kind, dataset in each_prompt(metrics):
        for pair, check in dataset["checks"][kind].items():
            misses = f"{check['groups_where_student_misses_more']} : {check['groups_where_other_misses_more']}"
            lines.append(
                _line(
                    [
                        marked_dataset(metrics, name),
                        prompt_words(kind),
                        marked_model(metrics, pair.removeprefix(f"{SUBJECT}-")),
                        interval_words(dataset["differences"][kind][pair]["dice"], metrics["confidence"], signed=True),
                        p_words(check["signed_rank_p_holm"]),
                        misses,
                        p_words(check["misses_p_holm"]),
                    ]
                )
            )
    if len(lines) == 2:
        return "Nobody else was scored."
    note = (
        "Differences on the same cases and prompts. The p values are checks beside the intervals, and decide nothing: "
        "Wilcoxon's signed ranks of the groups' mean differences, and McNemar's exact test by groups. All of this "
        "table are one family, corrected by Holm's procedure."
    )
    return note + "\n\n" + "\n".join(lines)


def on_what_section(metrics: Mapping[str, Any]) -> str:
    """How many objects, images and groups there are."""
    lines = [
        f"- **{marked_dataset(metrics, name)}**: {dataset['cases']} objects in "
        f"{dataset['images']} images of {dataset['groups']} groups; {dataset['images_without_case']} more images "
        "have no object large enough for a prompt."
        for name, dataset in metrics["datasets"].items()
    ]
    undefined = sum(
        by_metric["dice"]["undefined"]
        for _, kind, dataset in each_prompt(metrics)
        for by_metric in dataset["prompts"][kind].values()
    )
    return "\n".join([*lines, f"- Cases whose Dice is undefined: {undefined}."])


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
