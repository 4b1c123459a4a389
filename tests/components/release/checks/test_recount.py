"""A table of real masks held against its images: rows left out, added or altered are found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image as PilImage

from components.evaluation.prompting.prompts import draw_prompts
from components.evaluation.scoring.cases import score_image
from components.evaluation.scoring.metrics import Tolerances
from components.evaluation.scoring.table import to_frame
from components.intake.form.records import load_image, load_instances
from components.params import Params, load_params
from components.release.checks.recount import recount
from components.types import ObjectTruth, Record

KINDS = ("box", "box_jitter", "click", "box_clicks_1")


@pytest.fixture(scope="module")
def params(root: Path) -> Params:
    whole = load_params(root / "params.yaml")
    drawn = whole.prompts.evaluate.model_copy(update={"kinds": KINDS})
    return whole.model_copy(update={"prompts": whole.prompts.model_copy(update={"evaluate": drawn})})


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[Record]:
    folder = tmp_path_factory.mktemp("images")
    found = []
    for index in range(3):
        truth = np.zeros((40, 48), dtype=np.uint8)
        truth[8 : 24 + index, 10:30] = 1
        paths = folder / f"{index}.png", folder / f"{index}_mask.png"
        PilImage.fromarray(np.where(truth == 1, 180, 60).astype(np.uint8)).save(paths[0])
        PilImage.fromarray(truth).save(paths[1])
        thing = ObjectTruth(1, "lesion", (10, 8, 30, 24 + index), int(truth.sum()))
        found.append(Record("busi", str(index), f"g{index}", "internal", *paths, 40, 48, f"{index}", True, (thing,)))
    return found


@pytest.fixture
def cases(records: list[Record], params: Params) -> pd.DataFrame:
    """The baselines' rows, and again as those of a student and a teacher, which answer clicks with nothing."""
    rows = []
    for record in records:
        instances = load_instances(record)
        drawn = draw_prompts(record, instances, kinds=KINDS, jitter=0.1, seed=2026, min_area_px=25)
        tolerances = Tolerances(px=3.0, mm=1.0)
        arguments = {"models": {}, "predictor": None, "tolerances": tolerances}
        rows += score_image(record, load_image(record), instances, drawn, **arguments)
        click = next(one for one in drawn if one.kind == "click")
        empty = {**rows[-1], "prompt": "click", "mask_counts": _nothing(), "predicted_area_px": 0, "miss": 1.0}
        from components.evaluation.scoring.cases import prompt_to_json

        scores = {"dice": 0.0, "iou": 0.0, "nsd_px": 0.0, "false_region": 0.0}
        rows += [{**empty, **scores, "model": "student", "prompt_json": prompt_to_json(click.prompt)}]
    ellipses = [row for row in rows if row["model"] == "ellipse"]
    students = [{**row, "model": "student"} for row in ellipses]
    both = [row for row in rows if row["model"] == "student"] + students
    return to_frame([*ellipses, *both, *({**row, "model": "teacher"} for row in both)])


def _nothing() -> str:
    from components.masks import to_rle

    return str(to_rle(np.zeros((40, 48), dtype=bool))["counts"])


@pytest.fixture
def counted(records, params):
    arguments = {"prompts": params.prompts, "evaluate": params.evaluate, "skill_prompt": "box_jitter"}
    return lambda cases: recount(cases, records, **arguments)


def test_a_true_table_has_no_fault(counted, cases) -> None:
    found = counted(cases)
    assert (found.rows, found.differing, found.gaps) == (3 * (4 + 1 + 1), (), {})


@pytest.mark.parametrize("who", ["student", "teacher", "ellipse"])
def test_a_row_left_out_or_told_twice_is_found(counted, cases, who) -> None:
    row = cases[(cases["model"] == who) & (cases["image_id"] == "1") & (cases["prompt"] == "box")]
    for changed in (cases.drop(row.index), pd.concat([cases, row])):
        found = counted(changed)
        assert found.gaps == {who: ("busi/1/1 (box)",)} and not found.differing


@pytest.mark.parametrize(
    ("column", "value"), [("group", "own"), ("prompt_json", '{"box": [0, 0, 9, 9], "points": []}'), ("image_id", "9")]
)
def test_an_easier_prompt_or_another_group_is_found(counted, cases, column, value) -> None:
    chosen = (cases["model"] == "student") & (cases["image_id"] == "2") & (cases["prompt"] == "box_jitter")
    cases.loc[chosen, column] = value
    assert "busi/2/1 (box_jitter)" in counted(cases).gaps["student"]


@pytest.mark.parametrize("column", ["dice", "iou", "nsd_px", "miss"])
def test_a_score_that_is_not_its_masks_is_found(counted, cases, column) -> None:
    chosen = (cases["model"] == "student") & (cases["image_id"] == "0") & (cases["prompt"] == "click")
    cases.loc[chosen, column] = 0.9
    found = counted(cases)
    assert found.differing == ("student on busi/0/1 (click)",) and not found.gaps


def test_a_rivals_score_is_checked_where_it_is_compared(counted, cases) -> None:
    cases.loc[(cases["model"] == "teacher") & (cases["prompt"] == "box_jitter"), "dice"] -= 0.2
    assert len(counted(cases).differing) == 3
    cases.loc[cases["model"] == "ellipse", "mask_counts"] = "no run lengths"
    assert len(counted(cases).differing) == 6


def test_without_the_students_rows_all_of_them_lack(counted, cases) -> None:
    assert len(counted(cases[cases["model"] != "student"]).gaps["student"]) == 12
