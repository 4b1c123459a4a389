"""What the report says, and that the folder is whole."""

from __future__ import annotations

import copy
import io
import json
from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image as PilImage
from rich.console import Console

from components.artefacts import PretrainingExposure
from components.evaluation.reporting.console import console_table
from components.evaluation.reporting.report import report_text, write_validation
from components.evaluation.reporting.words import MAXIM, beats_words
from components.evaluation.scoring.cases import Contender
from components.evaluation.validate import ValidationResult, validate
from tests.components.evaluation.conftest import ThresholdPredictor, dataset_maker


@pytest.fixture(scope="module")
def validated(models, prompts, params, tmp_path_factory) -> ValidationResult:
    folder = tmp_path_factory.mktemp("report")
    make_dataset = dataset_maker(folder / "harmonised")
    return validate(
        make_dataset("busi", 8) + make_dataset("ddti", 4, spacing=True),
        models=models,
        prompts=prompts,
        params=params,
        device="cpu",
        partial=folder / "p",
        predictor=ThresholdPredictor(),
    )


@pytest.fixture
def result(validated: ValidationResult) -> ValidationResult:
    """The validation, whose metrics a test may change."""
    return replace(validated, metrics=copy.deepcopy(validated.metrics))


def test_the_folder_is_whole_and_equal_runs_give_equal_bytes(result, tmp_path) -> None:
    for name in ("one", "two"):
        write_validation(tmp_path / name, result, role="internal", figure_cases=2)
    files = sorted(p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert [str(f) for f in files] == [
        "cases.parquet",
        "figures/cases_busi.png",
        "figures/cases_ddti.png",
        "figures/intervals.png",
        "metrics.json",
        "plots/dice.json",
        "plots/jitter_curve.json",
        "report.md",
    ]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)
    assert json.loads((tmp_path / "one" / "metrics.json").read_text()) == result.metrics
    read_back = pd.read_parquet(tmp_path / "one" / "cases.parquet")
    pd.testing.assert_frame_equal(read_back, result.cases)
    with PilImage.open(tmp_path / "one" / "figures" / "cases_busi.png") as picture:
        assert min(picture.size) > 400


def test_the_report_begins_with_the_ellipse(result) -> None:
    text = report_text(result.metrics, role="internal", case_figures={})
    assert text.index("PHANTOM") < text.index(MAXIM) < text.index("| dataset |")
    assert text.index("**busi (phantom)**, exact box: the student (phantom-trained)") < text.index("| dataset |")
    difference = result.metrics["datasets"]["busi"]["differences"]["box_jitter"]["student-ellipse"]["dice"]
    assert f"{difference['mean']:+.3f} [{difference['ci95'][0]:+.3f}, {difference['ci95'][1]:+.3f}]" in text
    assert "8 objects in 8 images of 4 groups" in text
    assert "Research software" in text


def test_a_student_that_copies_or_misses_is_called_so() -> None:
    def said(low: float | None, high: float | None, *, sufficient: bool = True) -> str:
        return beats_words({"ci95": [low, high], "groups": 9, "sufficient": sufficient}, 0.95)

    assert said(0.01, 0.1) == "beats the ellipse"
    assert said(-0.01, 0.1) == "isn't shown to beat the ellipse"
    assert said(-0.2, -0.1) == "is worse than the ellipse"
    assert "can't be judged" in said(None, None)
    assert said(0.01, 0.1, sufficient=False) == "can't be judged against the ellipse (INSUFFICIENT: 9 groups)"


def test_too_few_groups_are_called_insufficient(make_dataset, predictor, models, prompts, params, tmp_path) -> None:
    records = make_dataset("busi", 8)
    arguments = {"models": models, "prompts": prompts, "device": "cpu", "predictor": predictor}
    for least, insufficient in ((4, False), (5, True)):
        strict = params.model_copy(update={"min_groups": least})
        done = validate(records, **arguments, params=strict, partial=tmp_path / str(least))
        text = report_text(done.metrics, role="internal", case_figures={})
        assert ("[INSUFFICIENT: 4 groups]" in text) is insufficient
        assert ("can't be judged against the ellipse (INSUFFICIENT: 4 groups)" in text) is insufficient


def test_subgroups_are_listed_and_small_ones_called_so(result) -> None:
    text = report_text(result.metrics, role="internal", case_figures={})
    section = text[text.index("## Subgroups") : text.index("## Against the others")]
    assert "| busi (phantom) | exact box | size | smallest 0." in section and "too small)" in section
    assert "- **busi (phantom)**, exact box: worst by " in section
    alone = json.loads(json.dumps(result.metrics))
    for dataset in alone["datasets"].values():
        dataset["subgroups"] = {kind: {"worst": None, "each": []} for kind in dataset["prompts"]}
    assert "No dataset here has subgroups" in report_text(alone, role="internal", case_figures={})


def test_the_student_stands_against_each_other(result) -> None:
    text = report_text(result.metrics, role="internal", case_figures={})
    section = text[text.index("## Against the others") : text.index("## On what")]
    for who in ("teacher (phantom-trained)", "ellipse", "filled_box", "grabcut"):
        assert f"| busi (phantom) | exact box | {who} |" in section
    assert "Holm" in section and "| 0 : 0 | 1.000 |" in section


def test_what_is_a_phantoms_is_said_truly(make_dataset, predictor, prompts, params, tmp_path) -> None:
    def said(name: str, *, images: set[str], student: bool, champion: bool = False) -> str:
        records = [replace(r, phantom=r.dataset in images) for r in make_dataset(f"{name}a", 2)]
        records += [replace(r, phantom=r.dataset in images) for r in make_dataset(f"{name}b", 2)]
        models = {"student": Contender(1, "a" * 64, "s", student), "champion": Contender(0, "b" * 64, "c", champion)}
        done = validate(
            records,
            models=models,
            prompts=prompts,
            params=params,
            device="cpu",
            partial=tmp_path / name,
            predictor=predictor,
        )
        assert done.metrics["phantom"] is bool(images or student)
        assert done.metrics["datasets"][f"{name}a"]["phantom_images"] == 2 * (f"{name}a" in images)
        return report_text(done.metrics, role="external", case_figures={})

    real = said("r", images=set(), student=False, champion=True)
    assert "PHANTOM" not in real and "| ra | exact box | student |" in real
    assert "| ra | exact box | champion (phantom-trained) |" in real
    trained = said("t", images=set(), student=True)
    assert "images here aren't made by a generator. The student was trained on images that are." in trained
    assert "| ta | exact box | student (phantom-trained) |" in trained
    mixed = said("m", images={"ma"}, student=False)
    assert "Images of ma are made by a generator; those of mb aren't." in mixed and "was trained" not in mixed
    assert "| ma (phantom) | exact box | student |" in mixed and "| mb | exact box | ellipse |" in mixed
    both = said("b", images={"ba", "bb"}, student=True)
    assert "All images here are made by a generator. The student was trained on images that are." in both


def test_misses_are_listed(make_dataset, predictor, prompts, params, tmp_path) -> None:
    blind = {"student": Contender(40, "c" * 64, "blind", phantom=True)}
    result = validate(
        make_dataset("busi", 4),
        models=blind,
        prompts=prompts,
        params=params,
        device="cpu",
        partial=tmp_path / "p",
        predictor=predictor,
    )
    text = report_text(result.metrics, role="external", case_figures={})
    assert "| busi (phantom) | exact box | student (phantom-trained) | 4 of 4 | 100.0 % |" in text
    assert "the student (phantom-trained) is worse than the ellipse" in text
    write_validation(tmp_path / "out", result, role="external", figure_cases=2)


def test_what_does_not_count_as_external_is_marked(make_dataset, predictor, prompts, params, tmp_path) -> None:
    exposure = PretrainingExposure(basis="as stated", otherwise="unknown", datasets={"fugc": "no", "hc18": "yes"})
    models = {"student": Contender(1, "a" * 64, "hiera_mini", phantom=False, exposure=exposure)}
    records = [one for name in ("fugc", "hc18", "jnu_ifm") for one in make_dataset(name, 2, role="external")]
    result = validate(
        records,
        models=models,
        prompts=prompts,
        params=params,
        device="cpu",
        partial=tmp_path / "p",
        predictor=predictor,
    )
    text = report_text(result.metrics, role="external", case_figures={})
    assert "jnu_ifm: not counted as external: exposure unknown; as stated." in text
    assert "hc18: not counted as external: exposure known, the model has seen it" in text
    assert "fugc: not counted" not in text
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(console_table(result.metrics))
    assert "jnu_ifm: not counted as external" in " ".join(console.export_text().split())


def test_no_external_dataset_is_said(models, prompts, params, tmp_path) -> None:
    result = validate([], models=models, prompts=prompts, params=params, device="cpu", partial=tmp_path / "p")
    write_validation(tmp_path / "external", result, role="external", figure_cases=2)
    assert "no external dataset" in (tmp_path / "external" / "report.md").read_text()
    assert len(pd.read_parquet(tmp_path / "external" / "cases.parquet")) == 0


def test_the_console_table_names_all_contenders(result) -> None:
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(console_table(result.metrics, title="Internal", width=160))
    text = console.export_text()
    for words in ("student", "teacher", "ellipse", "(phantom)", "jittered box", "PHANTOM", "Internal", "skill"):
        assert words in text
    assert "In report.md" not in text


def test_where_the_ellipse_stood_in_for_a_baseline_is_said(result) -> None:
    assert "stood in" not in report_text(result.metrics, role="internal", case_figures={})
    rate = result.metrics["datasets"]["busi"]["prompts"]["box"]["grabcut"]["fallback_rate"]
    assert (rate["count"], rate["n"], rate["mean"]) == (0, 8, 0.0)
    rate["count"] = 3
    text = report_text(result.metrics, role="internal", case_figures={})
    assert "the ellipse stood in:\n- busi (phantom), exact box, grabcut: 3 of 8" in text
    assert "fallback_rate" not in result.metrics["datasets"]["busi"]["prompts"]["box"]["ellipse"]


def test_all_baselines_stand_in_the_report_and_the_console_shows_the_yardstick_alone(result) -> None:
    text = report_text(result.metrics, role="internal", case_figures={})
    assert "| busi (phantom) | exact box | filled_box |" in text and "| busi (phantom) | exact box | grabcut |" in text
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(console_table(result.metrics))
    shown = console.export_text()
    assert "grabcut" not in shown and "filled_box" not in shown


def test_skill_stands_in_the_table_where_there_is_an_ellipse(result) -> None:
    text = report_text(result.metrics, role="internal", case_figures={})
    lines = [line for line in text.splitlines() if line.startswith("| busi (phantom) |") and line.count("|") > 8]
    skill = {tuple(cell.strip() for cell in line.split("|")[2:4]): line.split("|")[5].strip() for line in lines}
    found = result.metrics["datasets"]["busi"]["prompts"]["box"]["teacher"]["skill"]
    assert found["mean"] == 1 and skill["exact box", "teacher (phantom-trained)"].startswith("1.000 [")
    assert skill["exact box", "ellipse"] == skill["click", "teacher (phantom-trained)"] == "–"


def test_the_console_table_cuts_no_number_on_80_columns(result) -> None:
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(console_table(result.metrics))
    shown = console.export_text()
    difference = result.metrics["datasets"]["busi"]["differences"]["box"]["student-ellipse"]["dice"]
    for words in (f"{difference['mean']:+.3f} [", "0/8", "0/4"):
        assert words in shown
    assert "…" not in shown and max(len(line) for line in shown.splitlines()) <= 80


def test_a_run_with_every_prompt_and_rival_ends_on_one_screen(result) -> None:
    busi = result.metrics["datasets"]["busi"]
    prompts = {kind: {**found, "champion": found["teacher"]} for kind, found in busi["prompts"].items()}
    many = {"box_jitter_05": "box", "box_jitter_20": "box", "loose_box": "box"}
    crowded = {
        **busi,
        "prompts": prompts | {kind: prompts[same] for kind, same in many.items()},
        "differences": busi["differences"] | {kind: busi["differences"][same] for kind, same in many.items()},
    }
    who = {**result.metrics["models"], "champion": result.metrics["models"]["teacher"]}
    metrics = {**result.metrics, "models": who, "datasets": {f"busi_{i}": crowded for i in range(4)}}
    for width in (80, 120):
        console = Console(width=width, record=True, file=io.StringIO())
        console.print(console_table(metrics, title="Internal", width=width))
        lines = console.export_text().splitlines()
        assert len(lines) <= 24 and max(map(len, lines)) <= width and not any("…" in line for line in lines)
        assert sum(" [" in line for line in lines) == 8, "an interval on the line of its mean"
        assert "champion" in "".join(lines) and "moved" not in "".join(lines)
        told = " ".join(" ".join(lines).split())
        assert "3 more kinds of prompt." in told
        assert ("In report.md: teacher" in told) == (width == 80)
