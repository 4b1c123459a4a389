"""An ablation from data to its files: it goes on where it was, and trains nothing twice."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from components.params import MachineParams, Params
from components.training.ablation import trainings
from components.training.ablation.progress import Moment
from components.training.ablation.run import ablate
from components.training.ablation.trainings import Data, train_variants
from components.training.ablation.variants import chosen_variants
from components.types import Record


def test_it_is_resumed_and_finished_variants_are_taken(
    discs: list[Record], tiny: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The digest of the project's code is another one as soon as somebody saves a file.
    monkeypatch.setattr(trainings, "code_digest", lambda *places: "code")
    # Two threads on a core that is shared with other tests wait for each other most of the time.
    monkeypatch.setattr("components.training.ablation.run.pin_threads", lambda: None)
    data = Data(discs[:2], discs[2:4], "data")
    told: list[Moment] = []

    def run(*, stop_in: str = "") -> dict[str, Any]:
        def tell(moment: Moment) -> None:
            told.append(moment)
            if moment.variant == stop_in and moment.epoch:
                raise KeyboardInterrupt

        told.clear()
        return ablate(
            chosen_variants(tiny, ["student_alone"]),
            tiny,
            data,
            discs[4:6],
            work=tmp_path / "work",
            base_folder=tmp_path,
            device="cpu",
            out=tmp_path / "out",
            tell=tell,
        )

    with pytest.raises(KeyboardInterrupt):
        run(stop_in="student_alone")
    assert not (tmp_path / "out").exists()
    found = run()
    # The first epoch of the one that was interrupted isn't repeated.
    assert [(one.variant, one.epoch) for one in told] == [("student_alone", 0), ("student_alone", 2)]
    assert told[-1].left_s == 0

    assert [one["name"] for one in found["variants"]] == ["teacher_as_drawn", "student", "student_alone"]
    teacher, student, alone = found["variants"]
    assert teacher["digest"] != student["digest"] != alone["digest"]
    assert alone["prompts"]["box_jitter"]["difference"]["n"] == student["prompts"]["box_jitter"]["pooled"]["n"] == 3
    assert json.loads((tmp_path / "out/ablation.json").read_text()) == found
    cases = pd.read_parquet(tmp_path / "out/cases.parquet")
    assert {"teacher_as_drawn", "student", "student_alone", "ellipse"} <= set(cases["model"])
    assert cases.groupby("case_id")["prompt_json"].nunique().eq(1).all()
    text = (tmp_path / "out/ablation.md").read_text()
    assert "PHANTOM" in text and "`student_alone`" in text
    assert not list((tmp_path / "work").rglob("checkpoint.pt"))

    again = run()
    assert not told and again == found

    # A model that isn't as it was written is trained again; so is everything on other data.
    weights = next((tmp_path / "work").glob("teacher_as_drawn-*")) / "model/weights.safetensors"
    weights.write_bytes(b"altered")
    for known in (data, replace(data, digest="other")):
        told.clear()
        train_variants(
            chosen_variants(tiny, ["teacher_as_drawn"]),
            tiny,
            known,
            work=tmp_path / "work",
            base_folder=tmp_path,
            device="cpu",
            tell=told.append,
        )
        assert {one.variant for one in told} == {"teacher_as_drawn"}


@pytest.mark.parametrize("text", ["", '{"cut', "{}", "[]", '{"epochs": 1}'])
def test_a_record_that_was_cut_is_none(
    text: str, tmp_path: Path, tiny: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainings, "read_description", lambda folder: None)
    monkeypatch.setattr(trainings, "load_tensors", lambda folder, description: {})
    (tmp_path / "finished.json").write_text(text, encoding="utf-8")
    assert trainings._finished(tmp_path, chosen_variants(tiny, ["teacher_as_drawn"])[0]) is None


def test_the_code_that_trainings_rest_on_is_there() -> None:
    assert all(place.exists() for place in trainings.CODE)
    assert not any("ablation" in place.parts for place in trainings.CODE)


def test_how_a_training_is_done_is_not_in_its_key(tiny: Params) -> None:
    variant = next(one for one in chosen_variants(tiny, ["student"]) if one.name == "student")

    def key(**changes: object) -> str:
        distil = tiny.distil.model_copy(update=changes)
        return trainings._key(variant, tiny.model_copy(update={"distil": distil}), ["data"], teacher=None)

    elsewhere = MachineParams(checkpointing=True)
    assert key() == key(machine=elsewhere, teacher_outputs="auto", cache_gigabytes=1.0) != key(seed=99)
