"""The command's prompts are the ones that were typed, and what can't be done is said before anything is written."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image as PilImage
from typer.testing import CliRunner, Result

from components.artefacts import ModelDescription
from components.errors import FrameError, PromptError, ReleaseError
from components.types import Point, Prompt
from pipelines.commands import segment as command
from pipelines.commands.model_ref import Chosen

A, B = (0.0, 0.0, 10.0, 10.0), (20.0, 0.0, 30.0, 10.0)


@pytest.fixture
def app() -> typer.Typer:
    """An application with this command alone."""
    app = typer.Typer()
    command.register(app)
    return app


def test_each_box_is_an_object_and_clicks_go_to_the_box_around_them() -> None:
    assert command.to_prompts([A, B], [(25, 5, 0), (5, 5, 1), (6, 6, 1)]) == [
        Prompt(A, (Point(5, 5, True), Point(6, 6, True))),
        Prompt(B, (Point(25, 5, False),)),
    ]


def test_clicks_without_a_box_are_one_object_and_one_box_takes_all_clicks() -> None:
    assert command.to_prompts([], [(1, 2, 1), (50, 2, 0)]) == [Prompt(None, (Point(1, 2), Point(50, 2, False)))]
    assert command.to_prompts([A], [(50, 50, 0)]) == [Prompt(A, (Point(50, 50, False),))]


def test_a_previous_mask_is_the_one_objects() -> None:
    mask = np.eye(4, dtype=bool)
    assert command.to_prompts([], [], mask=mask) == [Prompt(mask=mask)]
    assert command.to_prompts([A], [(5, 5, 0)], mask=mask) == [Prompt(A, (Point(5, 5, False),), mask)]
    with pytest.raises(PromptError, match="several boxes"):
        command.to_prompts([A, B], [], mask=mask)


def test_a_previous_mask_of_another_size_is_refused(app: typer.Typer, tmp_path: Path) -> None:
    image, mask, out = (str(tmp_path / name) for name in ("a.png", "m.png", "o.png"))
    PilImage.new("L", (20, 30)).save(image)
    PilImage.new("L", (30, 20), 255).save(mask)
    ran = CliRunner().invoke(app, [image, "--mask", mask, "--out", out])
    assert isinstance(ran.exception, PromptError) and "20 x 30 pixels" in ran.exception.found


@pytest.mark.parametrize(
    ("boxes", "points"),
    [([], []), ([A], [(1, 1, 2)]), ([A, B], [(15, 5, 1)]), ([A, A], [(5, 5, 1)]), ([A] * 256, [])],
)
def test_unclear_prompts_are_refused(
    boxes: list[tuple[float, float, float, float]], points: list[tuple[float, float, float]]
) -> None:
    with pytest.raises(PromptError):
        command.to_prompts(boxes, points)


def test_without_any_model_nothing_is_written(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    PilImage.new("L", (20, 20)).save(tmp_path / "a.png")
    for chosen in ([], ["--model", "champion"], ["--model", "nowhere"]):
        ran = CliRunner().invoke(app, ["a.png", "--box", "1", "1", "9", "9", "--out", "o.png", *chosen])
        assert isinstance(ran.exception, ReleaseError), ran.output
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("numbers", [["1", "2", "3"], ["1", "2", "3", "x"], []])
def test_a_box_of_other_than_four_numbers_is_misuse(app: typer.Typer, tmp_path: Path, numbers: list[str]) -> None:
    ran = CliRunner().invoke(app, [str(tmp_path / "a.png"), "--box", *numbers, "--out", str(tmp_path / "o.png")])
    assert ran.exit_code == 2
    assert not list(tmp_path.iterdir())


def _ask(app: typer.Typer, image: Path, out: Path) -> Result:
    return CliRunner().invoke(app, [str(image), "--box", "1", "1", "9", "9", "--out", str(out)])


def _said(ran: Result) -> str:
    """What the error's frame holds, on one line."""
    return " ".join(ran.output.replace("│", " ").split())


@pytest.mark.parametrize("way", ["same", "other words", "link", "hard link"])
def test_the_image_is_never_overwritten(app: typer.Typer, tmp_path: Path, way: str) -> None:
    image, other = tmp_path / "scan.png", tmp_path / "other.png"
    PilImage.new("L", (20, 20)).save(image)
    before = image.read_bytes()
    if way == "link":
        other.symlink_to(image)
    elif way == "hard link":
        other.hardlink_to(image)
    out = {"same": image, "other words": tmp_path / "x/../scan.png"}.get(way, other)
    (tmp_path / "x").mkdir()
    ran = _ask(app, image, out)
    assert ran.exit_code == 2 and "is the image itself" in _said(ran)
    assert image.read_bytes() == before


def test_a_place_that_cannot_take_the_mask_is_refused(app: typer.Typer, tmp_path: Path) -> None:
    image = tmp_path / "scan.png"
    PilImage.new("L", (20, 20)).save(image)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for out in ("folder", "pipe", "none/o.png", "scan.png/o.png", "n" * 300 + ".png"):
        ran = _ask(app, image, tmp_path / out)
        assert ran.exit_code == 2 and "--out" in ran.output, out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe", "scan.png"]


def test_a_write_protected_folder_is_refused_before_anything_is_computed(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = tmp_path / "scan.png"
    PilImage.new("L", (20, 20)).save(image)
    # Whoever runs this may be root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: mode == os.R_OK)
    ran = _ask(app, image, tmp_path / "o.png")
    assert ran.exit_code == 2 and "write-protected" in _said(ran), _said(ran)


def test_each_object_has_a_name_or_none_has(app: typer.Typer, tmp_path: Path) -> None:
    image = tmp_path / "scan.png"
    PilImage.new("L", (20, 20)).save(image)
    ran = CliRunner().invoke(
        app, [str(image), "--box", "1", "1", "9", "9", "--name", "a", "--name", "b", "--out", str(tmp_path / "o.png")]
    )
    assert ran.exit_code == 2 and "2 names of 1 objects" in _said(ran)


def test_a_frame_that_is_not_there_is_refused(app: typer.Typer, tmp_path: Path) -> None:
    image = tmp_path / "scan.png"
    PilImage.new("L", (20, 20)).save(image)
    asked = [str(image), "--box", "1", "1", "9", "9", "--out", str(tmp_path / "o.png"), "--frame", "1"]
    ran = CliRunner().invoke(app, asked)
    assert isinstance(ran.exception, FrameError) and "frame 1 of 1" in ran.exception.found


def test_files_name_the_model_by_the_version_of_its_card(tmp_path: Path) -> None:
    described = ModelDescription(
        kind="student", name="tiny", config={}, image_size_px=64, preprocess_version=1, phantom=True, base="none",
        trained_on=(), provenance={}, weights_sha256="0123456789abcdef" * 4,
    )  # fmt: skip
    chosen = Chosen(tmp_path, "champion", released=described.digest)
    assert command.origin_of(described, chosen).model_version == "0123456789ab"
    (tmp_path / "card.json").write_text('{"version": "7"}')
    origin = command.origin_of(described, chosen)
    assert (origin.model_name, origin.model_version, origin.model_digest) == ("tiny", "7", described.digest)
