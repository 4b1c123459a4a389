"""Trained variants and their scored cases to one comparison: `ablation.json`, `ablation.md`, `cases.parquet`.

For each kind of prompt: every variant's mean Dice by dataset and pooled (each dataset weighs the same), and its paired
difference from the reference of its kind, on the same cases and prompts, all with intervals by the cluster bootstrap.
At the one prompt that was declared before (`gate.skill_prompt`) a signed rank test of the groups' differences stands
beside, corrected over all variants (Holm): they are one family. Leaves out: training and scoring.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from components.artefacts import replacing, write_json, write_text
from components.evaluation.baselines import BASELINES
from components.evaluation.comparing.significance import holm, signed_rank_p
from components.evaluation.comparing.statistics import Bootstrap, cluster_means
from components.evaluation.comparing.summary import bootstrap_of, to_json
from components.evaluation.prompting.prompts import NOTHING
from components.evaluation.reporting.words import PHANTOM_MEANS, RESEARCH, interval_words, p_words, prompt_words
from components.params import Params
from components.training.ablation.trainings import Data, Trained
from components.training.ablation.variants import REFERENCES
from components.types import Record

SCHEMA = 1
JSON, TABLE, CASES = "ablation.json", "ablation.md", "cases.parquet"
YARDSTICK = "ellipse"
USED = ("model", "prompts", "augment", "teacher", "student", "finetune", "distil", "evaluate")


def compare_variants(
    trained: Sequence[Trained], cases: pd.DataFrame, test: Sequence[Record], data: Data, params: Params
) -> dict[str, Any]:
    """The content of `ablation.json`; undefined numbers are None.

    Parameters
    ----------
    trained
        The variants, each of which has rows in `cases` under its name; with both references of their kinds.
    cases
        As components.evaluation.validate.score_records gives them; the baselines' rows are taken along.
    test
        The images that were scored.
    """
    bootstrap = bootstrap_of(params.evaluate)
    kinds = [kind for kind in params.prompts.evaluate.kinds if kind != NOTHING]
    by_kind = {kind: _dices(cases[cases["prompt"] == kind]) for kind in kinds}
    prompt = params.gate.skill_prompt if params.gate.skill_prompt in kinds else kinds[0]
    variants = [_described(one) | {"prompts": {}} for one in trained]
    for kind, dices in by_kind.items():
        for variant in variants:
            variant["prompts"][kind] = _estimates(dices, variant["name"], variant["reference"], bootstrap)
    raw = [_p(by_kind[prompt], one["name"], one["reference"]) for one in variants]
    for variant, p, corrected in zip(variants, raw, holm(raw), strict=True):
        variant |= {"p": _number(p), "p_holm": _number(corrected)}
    baselines = {
        who: {kind: _estimates(dices, who, None, bootstrap) for kind, dices in by_kind.items() if who in dices}
        for who in BASELINES
    }
    return {
        "schema": SCHEMA,
        "phantom": any(record.phantom for record in (*data.train, *data.val, *test)),
        "prompt": prompt,
        "confidence": params.evaluate.confidence,
        "min_groups": params.evaluate.min_groups,
        "data": _data(data, test, cases),
        "params": {name: getattr(params, name).model_dump(mode="json") for name in USED},
        "variants": variants,
        "baselines": baselines,
    }


def write_ablation(folder: Path, found: Mapping[str, Any], cases: pd.DataFrame) -> None:
    """Write the three files, each in one piece; the folder may hold others."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / CASES) as beside:
        pq.write_table(pa.Table.from_pandas(cases, preserve_index=False), beside)
    write_text(folder / TABLE, table_text(found))
    write_json(folder / JSON, found)


def table_text(found: Mapping[str, Any]) -> str:
    """The comparison as Markdown: one table, what it rests on, and what it doesn't show."""
    parts = [f"# Ablation{' (PHANTOM)' if found['phantom'] else ''}"]
    if found["phantom"]:
        parts.append(f"**PHANTOM.** Images made by a generator took part. {PHANTOM_MEANS}")
    parts += [_what_it_is(found), _table(found), "\n".join(f"- {line}" for line in _limits(found)), RESEARCH]
    return "\n\n".join(parts) + "\n"


def _dices(cases: pd.DataFrame) -> pd.DataFrame:
    """Dice of one prompt's cases: a row for each case (dataset, group, case), a column for each contender."""
    wide = cases.pivot(index=["dataset", "group", "case_id"], columns="model", values="dice").sort_index()
    return wide.astype("float64")


def _estimates(dices: pd.DataFrame, who: str, reference: str | None, bootstrap: Bootstrap) -> dict[str, Any]:
    """A contender's mean Dice by dataset and pooled, and its difference from the reference."""
    columns = {"dice": dices[who]}
    if reference is not None:
        columns["difference"] = dices[who] - dices[reference]
    table = pd.DataFrame(columns)
    datasets = table.index.get_level_values("dataset")
    found: dict[str, Any] = {"datasets": {}}
    for name in sorted(set(datasets)):
        part = table.loc[datasets == name, ["dice"]]
        groups = part.index.get_level_values("group").tolist()
        found["datasets"][name] = to_json(cluster_means(part, groups, bootstrap=bootstrap)[0], bootstrap)
    groups = table.index.get_level_values("group").tolist()
    pooled = cluster_means(table, groups, strata=datasets.tolist(), bootstrap=bootstrap)
    found["pooled"] = to_json(pooled[0], bootstrap)
    found["difference"] = to_json(pooled[1], bootstrap) if reference is not None else None
    return found


def _p(dices: pd.DataFrame, who: str, reference: str | None) -> float:
    if reference is None:
        return math.nan
    levels = (dices.index.get_level_values(level) for level in ("dataset", "group"))
    groups = [f"{dataset}/{group}" for dataset, group in zip(*levels, strict=True)]
    return signed_rank_p(dices[who] - dices[reference], groups)


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _described(one: Trained) -> dict[str, Any]:
    variant = one.variant
    return {
        "name": variant.name,
        "kind": variant.kind,
        "change": variant.change,
        "settings": dict(variant.settings),
        "takes_over_decoder": variant.takes_over if variant.kind == "student" else None,
        "reference": None if variant.is_reference else REFERENCES[variant.kind],
        "digest": one.description.digest,
        "parameters": {"total": one.parameters_total, "trainable": one.parameters_trainable},
        "training": {
            "best_val_dice": one.best_val_dice,
            "best_epoch": one.best_epoch,
            "epochs": one.epochs,
            "seconds": one.seconds,
        },
    }


def _data(data: Data, test: Sequence[Record], cases: pd.DataFrame) -> dict[str, Any]:
    found = {}
    for name in sorted({record.dataset for record in test}):
        records = [record for record in test if record.dataset == name]
        rows = cases[cases["dataset"] == name]
        found[name] = {
            "images": len(records),
            "groups": int(rows["group"].nunique()),
            "cases": int(rows["case_id"].nunique()),
            "phantom": any(record.phantom for record in records),
        }
    return {"train_images": len(data.train), "val_images": len(data.val), "test": found, "digest": data.digest}


def _what_it_is(found: Mapping[str, Any]) -> str:
    params, data = found["params"], found["data"]
    teacher, student = params["teacher"], params["student"]
    teaching, studying = (_count(params[stage]["epochs"], "epoch") for stage in ("finetune", "distil"))
    kinds = {one["kind"] for one in found["variants"]}
    said = [
        f"Small trainings on what data there is: {data['train_images']} images to learn from, {data['val_images']} to "
        f"choose the weights by, at {params['model']['image_size_px']} px.",
        f"Teachers ({teacher['hiera']}, from {teacher['base']}) learn {teaching} at most.",
    ]
    if "student" in kinds:
        said.append(
            f"Students ({student['name']}) learn {studying} at most, all of them from `{REFERENCES['teacher']}`."
        )
    references = " or ".join(f"`{REFERENCES[kind]}`" for kind in ("teacher", "student") if kind in kinds)
    said += [
        "Data, seeds, order and schedule are the same for all of a kind; each differs from its reference "
        f"({references}) in what is named, and in nothing else.",
        f"Dice of the internal test images, {prompt_words(found['prompt'])}, the same prompts for all; "
        f"{100 * found['confidence']:g} % intervals by resampling groups.",
    ]
    return " ".join(said)


def _table(found: Mapping[str, Any]) -> str:
    names = list(found["data"]["test"])
    shown = [f"{name} (phantom)" if found["data"]["test"][name]["phantom"] else name for name in names]
    head = ["Variant", "What", "Parameters, M", "of which train, M", *(f"Dice {name}" for name in shown)]
    head += ["Dice pooled", "Minus its reference", "p (Holm)"]
    lines = [head, ["---"] * len(head)]
    for one in found["variants"]:
        millions = [f"{one['parameters'][which] / 1e6:.3f}" for which in ("total", "trainable")]
        lines.append([f"`{one['name']}`", one["change"], *millions, *_dice_cells(found, one["prompts"], names)])
        difference = one["prompts"][found["prompt"]]["difference"]
        words = "–" if difference is None else interval_words(difference, found["confidence"], signed=True)
        lines[-1] += [words, p_words(one["p_holm"])]
    if found["prompt"] in (ellipse := found["baselines"].get(YARDSTICK, {})):
        what = "no model: the ellipse inscribed in the box"
        lines.append([f"`{YARDSTICK}`", what, "–", "–", *_dice_cells(found, ellipse, names), "–", "–"])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _dice_cells(found: Mapping[str, Any], prompts: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    estimates = prompts[found["prompt"]]
    each = [*(estimates["datasets"][name] for name in names if name in estimates["datasets"]), estimates["pooled"]]
    return [interval_words(one, found["confidence"]) for one in each]


def _count(number: int, of: str) -> str:
    return f"{number} {of}{'' if number == 1 else 's'}"


def _limits(found: Mapping[str, Any]) -> list[str]:
    family = sum(one["p"] is not None for one in found["variants"])
    tested = (
        "p of a signed rank test of the groups' mean differences (a group is one witness, whatever its dataset), "
        f"corrected for {_count(family, 'comparison')} (Holm). No interval is corrected, and each stands for itself."
    )
    return [
        "One training each with one seed: the intervals hold the chance of the test images, not that of the seed. A "
        "difference that another seed could turn round is none.",
        *([tested] if family else []),
        f"Fewer than {found['min_groups']} groups are too few for an interval to be a claim (INSUFFICIENT).",
        "The weights were chosen by val; test chose nothing. Whoever picks a variant by this table has chosen by test, "
        "and needs other images to say how good it is.",
    ]
