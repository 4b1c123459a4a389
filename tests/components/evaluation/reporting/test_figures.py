"""Figures: drawn from a validation, equal bytes for equal numbers, phantoms named in titles and legends."""

from __future__ import annotations

import copy
import functools
from dataclasses import replace

import pytest
from PIL import Image as PilImage

from components.evaluation.reporting.figures import case_figure, interval_figure, write_figure
from components.evaluation.scoring.cases import Contender
from components.evaluation.validate import ValidationResult, validate
from tests.components.evaluation.conftest import ThresholdPredictor, dataset_maker


@pytest.fixture(scope="module")
def validated(prompts, params, tmp_path_factory):
    """Validate two datasets whose images and whose student are phantoms' or not; a test may change the metrics."""
    folder = tmp_path_factory.mktemp("figures")
    make_dataset = dataset_maker(folder / "harmonised")

    @functools.cache
    def once(images: bool, student: bool) -> ValidationResult:
        name = f"{images}{student}".lower()
        records = [replace(r, phantom=images) for r in make_dataset(f"one{name}", 5) + make_dataset(f"two{name}", 2)]
        models = {"student": Contender(1, "a" * 64, "s", student), "teacher": Contender(0, "b" * 64, "t", False)}
        return validate(
            records,
            models=models,
            prompts=prompts,
            params=params,
            device="cpu",
            partial=folder / name,
            predictor=ThresholdPredictor(),
        )

    def run(*, images: bool, student: bool) -> ValidationResult:
        result = once(images, student)
        return replace(result, metrics=copy.deepcopy(result.metrics))

    return run


def legend(figure) -> list[str]:
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(
    ("images", "student", "title"),
    [
        (False, False, "Mean Dice"),
        (True, False, "PHANTOM images: "),
        (False, True, "PHANTOM-trained student: "),
        (True, True, "PHANTOM images and PHANTOM-trained student: "),
    ],
)
def test_titles_and_legends_say_what_is_a_phantoms(validated, images, student, title) -> None:
    result = validated(images=images, student=student)
    figure = interval_figure(result.metrics)
    assert figure.get_suptitle().startswith(title)
    assert legend(figure) == ["student (phantom-trained)" if student else "student", "teacher", "ellipse"]
    rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(rows) == 6 and all(("(phantom)" in row) is images for row in rows)
    name = next(iter(result.metrics["datasets"]))
    cases = case_figure(result.cases, result.records, result.metrics, dataset=name, prompt="box", count=2)
    assert cases.get_suptitle().replace("\n", " ").startswith(title.replace("Mean Dice", name))
    assert len(cases.axes) == 6 and legend(cases)[:2] == ["truth", legend(figure)[0]]


def test_a_mixture_is_called_one(validated) -> None:
    metrics = validated(images=True, student=False).metrics
    next(iter(metrics["datasets"].values()))["phantom"] = False
    assert interval_figure(metrics).get_suptitle().startswith("some PHANTOM images: ")


def test_fewer_cases_than_asked_for_are_drawn_once_a_row(validated) -> None:
    result = validated(images=True, student=False)
    figure = case_figure(result.cases, result.records, result.metrics, dataset="twotruefalse", prompt="click", count=5)
    assert len(figure.axes) == 3 * 2
    assert "ellipse" not in legend(figure), "a click has no ellipse"


def test_too_few_groups_draw_no_interval(validated) -> None:
    metrics = validated(images=False, student=False).metrics
    before = sum(len(axis.lines) for axis in interval_figure(metrics).axes)
    for dataset in metrics["datasets"].values():
        for by_who in dataset["prompts"].values():
            for estimates in by_who.values():
                for name in ("dice", "hd95"):
                    estimates[name]["sufficient"] = False
    after = sum(len(axis.lines) for axis in interval_figure(metrics).axes)
    marks = 2 * 2 * (3 * 2 + 2)  # panels, datasets; two models at three prompts, the ellipse at two
    assert marks <= after < before


def test_equal_numbers_give_equal_bytes(validated, tmp_path) -> None:
    metrics = validated(images=True, student=True).metrics
    for name in ("a.png", "b.png"):
        write_figure(interval_figure(metrics), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with PilImage.open(tmp_path / "a.png") as picture:
        assert picture.format == "PNG" and len(picture.convert("L").getcolors(256) or ()) > 10


def test_no_dataset_is_an_empty_picture_not_an_error() -> None:
    empty = {"datasets": {}, "models": {}, "model": {"phantom": False}, "phantom": False, "confidence": 0.95}
    assert interval_figure(empty).legends == []


def test_peers_have_colours_of_their_own(make_dataset, predictor, models, prompts, params, tmp_path) -> None:
    peers = {who: Contender(2, who * 64, who, phantom=False, needs_box=True) for who in "abc"}
    result = validate(
        make_dataset("busi", 3),
        models=models | peers,
        prompts=prompts,
        params=params,
        device="cpu",
        partial=tmp_path / "p",
        predictor=predictor,
    )
    (drawn,) = interval_figure(result.metrics).legends
    colours = {
        text.get_text(): mark.get_color() for text, mark in zip(drawn.get_texts(), drawn.legend_handles, strict=True)
    }
    assert list(colours) == ["student (phantom-trained)", "teacher (phantom-trained)", "a", "b", "c", "ellipse"]
    assert len(set(colours.values())) == 6
