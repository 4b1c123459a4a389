"""The summary: whose mean is whose, what is undefined, whose differences are pooled how, and impossible tables."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from components.artefacts import PretrainingExposure
from components.evaluation.comparing.statistics import Bootstrap
from components.evaluation.comparing.summary import bootstrap_of, compare, summarise
from components.evaluation.scoring.cases import Contender
from components.evaluation.scoring.table import to_frame
from components.types import Role

BOOTSTRAP = Bootstrap(resamples=100, confidence=0.9, seed=1)


def row(dataset: str, image: int, who: str, dice: float, **changes: Any) -> dict[str, Any]:
    return {
        "case_id": f"{dataset}/{dataset}_{image:02d}/1",
        "dataset": dataset,
        "image_id": f"{dataset}_{image:02d}",
        "group": f"g{image // 2}",
        "object_index": 1,
        "prompt": "box",
        "model": who,
        "dice": dice,
        "iou": dice / (2 - dice),
        "nsd_px": dice,
        "hd95_px": 10 * (1 - dice),
        "hd_px": 20 * (1 - dice),
        "area_error_share": 0.1,
        "miss": float(dice == 0),
        "false_region": 0.0,
        "area_px": 9,
        "predicted_area_px": 9,
        "height_px": 72,
        "width_px": 90,
        "phantom": True,
        **changes,
    }


def test_the_calibrations_that_were_used_are_named(make_dataset, models, params) -> None:
    records = make_dataset("busi", 2)
    cases = to_frame([row("busi", i, "student", 0.8) for i in range(2)])
    named = {"student": replace(models["student"], calibration_sha256="c" * 64), "champion": models["teacher"]}
    assert summarise(cases, records, models=models, params=params)["calibration"] == {"student": None, "champion": None}
    found = summarise(cases, records, models=named, params=params)["calibration"]
    assert found == {"student": "c" * 64, "champion": None}


def test_every_group_weighs_the_same_and_misses_are_counted(make_dataset, models, params) -> None:
    records = make_dataset("busi", 5)  # groups of 2, 2 and 1
    dices = [0.9, 0.7, 0.6, 0.0, 0.5]
    cases = to_frame([row("busi", i, "student", dice) for i, dice in enumerate(dices[:4])])
    metrics = summarise(cases, records, models=models, params=params)
    busi = metrics["datasets"]["busi"]
    assert (busi["images"], busi["groups"], busi["cases"], busi["images_without_case"]) == (4, 2, 4, 1)
    found = busi["prompts"]["box"]["student"]
    assert found["dice"]["mean"] == pytest.approx((0.8 + 0.3) / 2)
    assert found["miss_rate"]["count"] == 1 and found["miss_rate"]["mean"] == pytest.approx(0.25)
    assert "hd95_mm" not in found and busi["differences"]["box"] == {}
    assert (metrics["confidence"], busi["phantom_images"]) == (params.confidence, 5)


def test_phantom_at_the_top_is_the_students_or_any_images(make_dataset, params) -> None:
    records = [replace(record, phantom=False) for record in make_dataset("busi", 2)]
    cases = to_frame([row("busi", i, "student", 0.5, phantom=False) for i in range(2)])

    def marks(student: bool, teacher: bool, some: bool) -> tuple[bool, bool, bool, int]:
        models = {"student": Contender(0, "a", "s", student), "teacher": Contender(0, "b", "t", teacher)}
        images = [replace(records[0], phantom=some), records[1]]
        found = summarise(cases, images, models=models, params=params)
        busi = found["datasets"]["busi"]
        return found["phantom"], found["model"]["phantom"], busi["phantom"], busi["phantom_images"]

    assert marks(student=False, teacher=True, some=False) == (False, False, False, 0)
    assert marks(student=True, teacher=True, some=False) == (True, True, False, 0)
    assert marks(student=False, teacher=False, some=True) == (True, False, True, 1)


def test_differences_are_taken_on_common_cases_and_datasets_weigh_the_same() -> None:
    rows = [row("busi", i, "student", 0.8) for i in range(6)] + [row("busi", i, "teacher", 0.7) for i in range(4)]
    rows += [row("ddti", i, who, dice) for i in range(2) for who, dice in (("student", 0.5), ("teacher", 0.8))]
    found = compare(to_frame(rows), "student", "teacher", bootstrap=BOOTSTRAP)
    assert (found.n, found.mean) == (6, pytest.approx((0.1 - 0.3) / 2))
    back = compare(to_frame(rows), "teacher", "student", bootstrap=BOOTSTRAP)
    assert back.mean == pytest.approx(-found.mean)
    nobody = compare(to_frame(rows), "student", "champion", bootstrap=BOOTSTRAP)
    assert nobody.n == 0 and math.isnan(nobody.mean)


def test_checks_stand_beside_differences_and_are_one_family(make_dataset, models, params) -> None:
    records = make_dataset("busi", 12) + make_dataset("ddti", 12)
    rows = []
    for dataset, edge in (("busi", 0.1), ("ddti", 0.001)):
        for i in range(12):
            ours = 0.0 if dataset == "ddti" and i < 2 else 0.8 + edge * (1 if dataset == "busi" or i % 2 else -1)
            rows += [row(dataset, i, "student", ours, group=f"g{i}"), row(dataset, i, "teacher", 0.8, group=f"g{i}")]
    found = summarise(to_frame(rows), records, models=models, params=params)["datasets"]
    busi, ddti = (found[name]["checks"]["box"]["student-teacher"] for name in ("busi", "ddti"))
    assert busi["signed_rank_p"] == pytest.approx(2 / 2**12)
    assert (busi["groups_where_student_misses_more"], busi["misses_p"]) == (0, 1)
    assert (ddti["groups_where_student_misses_more"], ddti["groups_where_other_misses_more"]) == (2, 0)
    assert ddti["misses_p"] == pytest.approx(0.5)
    assert busi["signed_rank_p_holm"] == pytest.approx(4 * busi["signed_rank_p"]), "the smallest of four p values"
    assert all(check[f"{name}_holm"] >= check[name] for check in (busi, ddti) for name in ("signed_rank_p", "misses_p"))


def test_too_few_groups_make_no_claim(make_dataset, models, params) -> None:
    records = make_dataset("busi", 8)
    cases = to_frame([row("busi", i, "student", 0.8 + i / 100) for i in range(8)])
    for least, enough in ((4, True), (5, False)):
        strict = params.model_copy(update={"min_groups": least})
        found = summarise(cases, records, models=models, params=strict)
        estimate = found["datasets"]["busi"]["prompts"]["box"]["student"]["dice"]
        assert found["min_groups"] == least
        assert (estimate["groups"], estimate["sufficient"]) == (4, enough) and estimate["ci95"][0] is not None


def test_subgroups_stand_under_each_prompt_and_the_students_worst_is_named(make_dataset, models, params) -> None:
    rows = [
        row("busi", i, who, 0.5 if who == "student" and i < 4 else 0.9, area_px=10 + i, group=f"g{i}")
        for i in range(16)
        for who in ("student", "teacher")
    ]
    records = make_dataset("busi", 16)
    found = summarise(to_frame(rows), records, models=models, params=params)
    subgroups = found["datasets"]["busi"]["subgroups"]["box"]
    assert subgroups["worst"] == {"kind": "size", "name": "smallest"}
    smallest = subgroups["each"][0]
    assert (smallest["cases"], smallest["groups"], smallest["enough"], smallest["span"]) == (4, 4, True, [10, 13])
    assert smallest["models"]["student"]["dice"]["mean"] == 0.5 and smallest["models"]["teacher"]["nsd"]["n"] == 4
    strict = params.model_copy(update={"subgroup_min_groups": 5})
    found = summarise(to_frame(rows), records, models=models, params=strict)
    assert found["datasets"]["busi"]["subgroups"]["box"]["worst"] is None and found["subgroup_min_groups"] == 5


def test_a_subgroup_that_no_masks_could_give_is_refused(make_dataset, models, params) -> None:
    # The whole stays possible: only among the small ones is the mean Dice above what the mean IoU allows.
    rows = [row("busi", i, "student", 0.9 if i < 4 else 0.1, area_px=10 + i, group=f"g{i}") for i in range(16)]
    for one in rows[:4]:
        one["iou"] = 0.7
    for one in rows[4:]:
        one["iou"] = 0.099
    with pytest.raises(ValueError, match=r"mean Dice of 0\.9"):
        summarise(to_frame(rows), make_dataset("busi", 16), models=models, params=params)


@pytest.mark.parametrize("iou", [0.2, 0.9, math.nan])
def test_a_table_that_no_masks_could_give_is_refused(make_dataset, models, params, iou) -> None:
    records = make_dataset("busi", 4)
    rows = [row("busi", i, "student", 0.8, iou=iou) for i in range(4)]
    with pytest.raises(ValueError, match=r"mean Dice of 0\.8"):
        summarise(to_frame(rows), records, models=models, params=params)
    possible = [row("busi", i, "student", dice) for i, dice in enumerate((0.0, 1.0, 0.8, 0.1))]
    assert summarise(to_frame(possible), records, models=models, params=params)["datasets"]["busi"]["cases"] == 4


def test_the_bootstrap_is_that_of_the_parameters(params) -> None:
    assert bootstrap_of(params) == Bootstrap(resamples=200, confidence=0.95, seed=3, min_groups=2)


def test_no_case_at_all_gives_empty_tables(make_dataset, models, params) -> None:
    metrics = summarise(to_frame([]), make_dataset("busi", 2), models=models, params=params)
    assert metrics["datasets"]["busi"]["prompts"] == {}
    assert metrics["datasets"]["busi"]["images_without_case"] == 2
    assert isinstance(to_frame([]), pd.DataFrame)


def test_an_external_dataset_counts_only_if_the_student_is_known_never_to_have_seen_it(make_dataset, params) -> None:
    def summary(name: str, student: PretrainingExposure, role: Role = "external") -> dict[str, Any]:
        models = {
            "student": Contender(0, "a", "s", phantom=False, exposure=student),
            "teacher": Contender(0, "b", "t", phantom=False),
        }
        found = summarise(to_frame([]), make_dataset(name, 1, role=role), models=models, params=params)
        return dict(found["datasets"][name])

    stated = PretrainingExposure(basis="stated", otherwise="unknown", datasets={"fugc": "no", "hc18": "yes"})
    fugc = summary("fugc", stated)
    assert fugc["counts_as_external"] is True and fugc["exposure"] == {"student": "no", "teacher": "unknown"}
    assert fugc["exposure_basis"] == "stated"
    assert summary("jnu_ifm", stated)["counts_as_external"] is summary("hc18", stated)["counts_as_external"] is False
    assert "counts_as_external" not in summary("busi", stated, role="internal")


def test_skill_is_the_share_of_the_distance_to_perfect_that_is_gained(make_dataset, models, params) -> None:
    """Groups of 2 and 2: the ellipse has 0.8 and 0.6, the student 0.9 and 0.7, so it gains 0.1 of 0.3."""
    ellipse, student = [0.8, 0.8, 0.6, 0.6], [0.85, 0.95, 0.65, 0.75]
    rows = [row("busi", i, who, of[i]) for who, of in (("student", student), ("ellipse", ellipse)) for i in range(4)]
    found = summarise(to_frame(rows), make_dataset("busi", 4), models=models, params=params)
    by_who = found["datasets"]["busi"]["prompts"]["box"]
    skill = by_who["student"]["skill"]
    assert skill["mean"] == pytest.approx(0.1 / 0.3) and skill["n"] == 4
    # Drawn are both groups, the first twice (0.1 of 0.2) or the second twice (0.1 of 0.4).
    assert skill["ci95"] == pytest.approx([0.25, 0.5])
    assert "skill" not in by_who["ellipse"]


def test_skill_is_undefined_where_the_ellipse_is_perfect_and_absent_without_a_box(make_dataset, models, params) -> None:
    records = make_dataset("busi", 4)
    rows = [row("busi", i, who, dice) for i in range(4) for who, dice in (("student", 0.9), ("ellipse", 1.0))]
    rows += [row("busi", i, "student", 0.9, prompt="click") for i in range(4)]
    prompts = summarise(to_frame(rows), records, models=models, params=params)["datasets"]["busi"]["prompts"]
    assert prompts["box"]["student"]["skill"]["mean"] is None
    assert prompts["box"]["student"]["skill"]["ci95"] == [None, None]
    assert "skill" not in prompts["click"]["student"]
