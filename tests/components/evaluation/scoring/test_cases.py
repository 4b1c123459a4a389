"""Cases: a row for each object, prompt and contender, from one embedding a model, and rows that say it all again."""

from __future__ import annotations

import json

import numpy as np

from components.evaluation.baselines import ELLIPSE, FILLED_BOX, GRABCUT, inscribed_ellipse
from components.evaluation.prompting.prompts import DrawnPrompt, draw_prompts
from components.evaluation.scoring.cases import Contender, mask_of_row, prompt_from_json, prompt_to_json, score_image
from components.evaluation.scoring.metrics import Tolerances
from components.intake.form.records import load_image, load_instances
from components.types import Point, Prompt

TOLERANCES = Tolerances(px=2.0, mm=0.3)


def drawn_for(record, kinds=("box", "click")) -> list[DrawnPrompt]:
    return draw_prompts(record, load_instances(record), kinds=kinds, jitter=0.1, seed=1, min_area_px=25)


def test_rows_are_plain_json_and_hold_the_masks(make_dataset, predictor, models) -> None:
    (record,) = make_dataset("ddti", 1, spacing=True)
    instances, drawn = load_instances(record), drawn_for(record)
    rows = score_image(
        record, load_image(record), instances, drawn, models=models, predictor=predictor, tolerances=TOLERANCES
    )
    assert json.loads(json.dumps(rows)) == rows
    assert [(row["model"], row["prompt"]) for row in rows] == [
        ("student", "box"),
        ("student", "click"),
        ("teacher", "box"),
        ("teacher", "click"),
        (ELLIPSE, "box"),
        (FILLED_BOX, "box"),
        (GRABCUT, "box"),
    ]
    assert predictor.embedded == ["1", "0"], "one embedding a model"
    teacher, ellipse, grabcut = rows[2], rows[4], rows[-1]
    assert teacher["case_id"] == "ddti/ddti_00/1" and teacher["model_digest"] == "b" * 64
    assert np.array_equal(mask_of_row(teacher), instances == 1) and teacher["dice"] == 1
    box = prompt_from_json(ellipse["prompt_json"]).box_xyxy
    assert box == record.objects[0].box_xyxy and (ellipse["quality"], ellipse["model_digest"]) == (None, "")
    assert np.array_equal(mask_of_row(ellipse), inscribed_ellipse(box, instances.shape))
    assert ellipse["predicted_area_px"] == mask_of_row(ellipse).sum()
    assert (ellipse["spacing_row_mm"], ellipse["spacing_column_mm"]) == (0.1, 0.2) and ellipse["hd_mm"] > 0
    assert [row["fallback"] for row in (teacher, ellipse, rows[5], grabcut)] == [None, None, None, 0.0]
    assert 0 < ellipse["nsd_px"] <= 1 and 0 < ellipse["nsd_mm"] <= 1 and teacher["nsd_px"] == 1


def test_an_image_without_a_prompt_is_not_even_embedded(make_dataset, predictor, models) -> None:
    (record,) = make_dataset("busi", 1)
    rows = score_image(
        record,
        load_image(record),
        load_instances(record),
        [],
        models=models,
        predictor=predictor,
        tolerances=TOLERANCES,
    )
    assert rows == [] and predictor.embedded == []


def test_a_prompt_comes_back_as_it_was() -> None:
    for prompt in (
        Prompt((1.5, 2.0, 30.25, 40.0), (Point(3.5, 4.5), Point(9.0, 1.25, positive=False))),
        Prompt(None, (Point(0.5, 0.5),)),
        Prompt((0.0, 0.0, 1.0, 1.0)),
        Prompt((0.0, 0.0, 1.0, 1.0), (Point(0.5, 0.5),), np.eye(5, 7, dtype=bool)),
    ):
        assert prompt_from_json(prompt_to_json(prompt)) == prompt


def test_what_needs_a_box_has_a_row_only_where_there_is_one(make_dataset, predictor) -> None:
    (record,) = make_dataset("busi", 1)
    own = type(predictor)()
    models = {
        "student": Contender(0, "a" * 64, "s", phantom=False),
        "rival": Contender(1, "b" * 64, "r", phantom=False, predictor=own, needs_box=True),
    }
    image, instances = load_image(record), load_instances(record)
    arguments = {"models": models, "predictor": predictor, "tolerances": TOLERANCES}
    rows = score_image(record, image, instances, drawn_for(record), **arguments)
    by_who = {who: [row["prompt"] for row in rows if row["model"] == who] for who in models}
    assert by_who == {"student": ["box", "click"], "rival": ["box"]}
    assert (predictor.embedded, own.embedded) == (["0"], ["1"]), "each by its own way"
    rows = score_image(record, image, instances, drawn_for(record, ("click",)), **arguments)
    assert {row["model"] for row in rows} == {"student"} and own.embedded == ["1"], "not even embedded"
