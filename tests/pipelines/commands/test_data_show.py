"""`sonoforge data show`: pages, filters, where images come from, exit codes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as PilImage
from typer.testing import CliRunner

from components.contract import load_contract
from components.intake.harmonise import harmonise
from pipelines.commands.data import app


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with contracts and five raw images of UDIAT, as working directory."""
    shutil.copytree(root / "data/contracts", tmp_path / "data/contracts")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for number in range(1, 6):
        mask = np.zeros((160, 180), dtype=np.uint8)
        mask[40:90, 50 : 80 + 10 * number] = 255
        image = cv2.GaussianBlur(rng.integers(60, 190, (160, 180), dtype=np.uint8), (5, 5), 1.0)
        for folder, content in (("original", image), ("GT", mask)):
            at = tmp_path / "data/01_raw/udiat/BUS" / folder
            at.mkdir(parents=True, exist_ok=True)
            PilImage.fromarray(content).save(at / f"{number:06}.png")
    return tmp_path


@pytest.fixture
def harmonised(project: Path) -> Path:
    harmonise(
        load_contract("udiat"),
        Path("data/01_raw/udiat"),
        out=Path("data/02_harmonised/internal/udiat"),
        phantom=True,
    )
    return project


def show(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(app, ["show", "udiat", "--json", *arguments])
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [one["image_id"] for one in answer["shown"]]


def test_pages_follow_each_other(harmonised: Path) -> None:
    pages = [show("--images", "2", "--page", str(page)) for page in (1, 2, 3)]
    assert [ids(page) for page in pages] == [["000001", "000002"], ["000003", "000004"], ["000005"]]
    assert [Path(page["sheet"]).is_file() for page in pages] == [True] * 3
    assert {(page["pages"], page["images"], page["form"]) for page in pages} == {(3, 5, "harmonised")}
    assert pages[0]["shown"][0]["phantom"] is True
    assert show("--out", "here.png")["sheet"] == "here.png"
    first = Path("here.png").read_bytes()
    show("--out", "here.png")
    assert Path("here.png").read_bytes() == first


def test_what_is_not_harmonised_is_shown_as_it_is(project: Path) -> None:
    raw = show()
    assert (raw["form"], raw["folder"], len(raw["shown"])) == ("original layout", "data/01_raw/udiat", 5)
    shutil.move("data/01_raw/udiat", "elsewhere")
    assert ids(show("--source", "elsewhere")) == ids(raw)
    shutil.move("elsewhere", "data/imports/udiat")
    assert show()["folder"] == "data/imports/udiat"


def test_filters(harmonised: Path) -> None:
    nothing = show("--flagged")
    assert (nothing["sheet"], nothing["shown"], nothing["images"]) == (None, [], 0)
    report = Path("reports/data/udiat")
    report.mkdir(parents=True)
    from components.intake.validate_data import check_data

    checked = check_data(load_contract("udiat"), Path("data/01_raw/udiat"), phantom=True)
    checked.facts.write(report / "facts.parquet")
    fault = {"code": "specks", "severity": "warning", "file": "BUS/GT/000004.png"}
    fault |= dict.fromkeys(("dataset", "found", "expected", "remedy"), "x")
    (report / "faults.json").write_text(json.dumps({"schema": 1, "faults": [fault]}))
    flagged = show("--flagged")
    assert [(one["image_id"], one["notes"]) for one in flagged["shown"]] == [("000004", ["specks"])]
    rows = [f"udiat,00000{k},g{k},{'test' if k > 3 else 'train'}" for k in range(1, 6)]
    Path("data/03_splits").mkdir()
    Path("data/03_splits/internal.csv").write_text("\n".join(["dataset,image_id,group,split", *rows]) + "\n")
    assert ids(show("--split", "test")) == ["000004", "000005"]
    assert ids(show("--split", "test", "--flagged")) == ["000004"]
    assert show("--split", "val")["shown"] == []


def test_misuse_says_what_to_do(project: Path) -> None:
    for arguments, said in (
        (["nobody"], "no contract"),
        (["busi"], "nothing of busi is here yet"),
        (["udiat", "--source", "nowhere"], "no folder nowhere"),
        (["udiat", "--page", "2"], "no page 2"),
        (["udiat", "--split", "tset"], "no split 'tset'"),
        (["udiat", "--split", "test"], "have no split"),
    ):
        result = CliRunner().invoke(app, ["show", *arguments])
        assert (result.exit_code, said in result.stderr) == (2, True), result.output
        assert "what to do:" in result.stderr
    Path("empty").mkdir()
    result = CliRunner().invoke(app, ["show", "udiat", "--source", "empty"])
    assert (result.exit_code, "sonoforge data check udiat" in result.stderr) == (2, True)


def test_text_names_the_sheet(harmonised: Path) -> None:
    result = CliRunner().invoke(app, ["show", "udiat", "--images", "3"])
    assert result.stdout == "reports/sheets/udiat_page_1.png: 3 of 5 images (harmonised), page 1 of 2\n"
    assert CliRunner().invoke(app, ["show", "udiat", "--flagged"]).stdout.startswith("No image of udiat to show")


def test_flagged_of_a_raw_folder_lists_what_cannot_be_drawn(project: Path) -> None:
    raw = Path("data/01_raw/udiat/BUS")
    (raw / "original/000002.png").write_bytes(b"no image")
    (raw / "GT/000003.png").unlink()
    PilImage.fromarray(np.zeros((160, 180), np.uint8)).save(raw / "GT/000004.png")
    flagged = show("--flagged")
    told = {one["image_id"]: (one["notes"], one["file"], one["height_px"]) for one in flagged["shown"]}
    assert told == {
        "000002": (["unreadable_image"], "BUS/original/000002.png", None),
        "000003.png": (["image_without_mask"], "BUS/original/000003.png", None),
        "000004": (["empty_mask"], "BUS/original/000004.png", 160),
    }
    assert Path(flagged["sheet"]).is_file()


def test_flagged_of_the_harmonised_form_lists_what_it_does_not_hold(harmonised: Path) -> None:
    from components.intake.validate_data import validate_data

    raw = Path("data/01_raw/udiat")
    (raw / "BUS/original/000006.png").write_bytes(b"no image")
    shutil.copy(raw / "BUS/GT/000001.png", raw / "BUS/GT/000006.png")
    validate_data(load_contract("udiat"), raw, out=Path("reports/data/udiat"), phantom=True)
    assert [(one["file"], one["notes"]) for one in show("--flagged")["shown"]] == [
        ("BUS/original/000006.png", ["unreadable_image"])
    ]


def test_text_is_covered_and_names_are_withheld(project: Path) -> None:
    raw = Path("data/01_raw/udiat/BUS")
    for kind in ("original", "GT"):
        (raw / kind / "000005.png").rename(raw / kind / "1961-03-27.png")
    image = np.asarray(PilImage.open(raw / "original/000001.png")).copy()
    cv2.putText(image, "SMITH JOHN", (20, 120), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 255, 1, cv2.LINE_AA)
    PilImage.fromarray(image).save(raw / "original/000001.png")
    covered, readable = show("--out", "a.png"), show("--out", "b.png", "--show-text")
    assert [one["text_covered"] > 0 for one in covered["shown"]] == [True, *[False] * 4]
    assert [one["text_covered"] for one in readable["shown"]] == [0] * 5
    assert [one["name_withheld"] for one in covered["shown"]] == [False] * 4 + [True]
    assert Path("a.png").read_bytes() != Path("b.png").read_bytes()
