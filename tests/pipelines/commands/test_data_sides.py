"""`sonoforge data keep-sides`: what it adds and says, what it refuses, and that the next split keeps it."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from PIL import Image as PilImage
from typer.testing import CliRunner

from components.intake.form.records import read_manifest, write_manifest, write_split
from components.intake.sides.record import Row, read_sides, write_sides
from components.intake.split import split
from components.params import load_params
from components.types import Record
from pipelines.commands.data import app
from pipelines.graph import one_at_a_time

SIDES, SPLIT = Path("data/sides.csv"), Path("data/03_splits/internal.csv")
INTERNAL = Path("data/02_harmonised/internal")


def write_dataset(name: str, *, images: int = 20, phantom: bool = False) -> None:
    """A harmonised dataset whose images share one file: sides need their names, groups and digests alone."""
    folder = INTERNAL / name
    folder.mkdir(parents=True)
    PilImage.new("L", (8, 8)).save(folder / "one.png")
    records = [
        Record(
            dataset=name,
            image_id=f"{k:03}",
            group=f"g{k}",
            role="internal",
            image_path=folder / "one.png",
            mask_path=folder / "one.png",
            height_px=8,
            width_px=8,
            pixels_md5=hashlib.md5(f"{name}{k}".encode()).hexdigest(),
            phantom=phantom,
        )
        for k in range(images)
    ]
    write_manifest(folder, records)


def divide() -> None:
    """What the stage `split` does."""
    params = load_params(Path("params.yaml"))
    datasets = {name: read_manifest(INTERNAL / name) for name in params.names("internal")}
    write_split(SPLIT, split(datasets, params.split, recorded=read_sides(SIDES)))


@pytest.fixture
def project(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of a real and a phantom dataset, divided."""
    monkeypatch.chdir(tmp_path)
    SPLIT.parent.mkdir(parents=True)
    params = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    params["datasets"]["busi"] = {"role": "internal", "source": "data/imports/busi"}
    params["datasets"] = {name: params["datasets"][name] for name in ("busi", "ddti", "fugc")}
    params["split"]["mix_phantoms"] = True
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")
    write_sides(SIDES, [])
    write_dataset("busi")
    write_dataset("ddti", images=12, phantom=True)
    divide()
    return tmp_path


def test_real_images_are_kept_phantoms_arent_and_the_next_split_is_the_same(project: Path) -> None:
    before = SPLIT.read_bytes()
    done = CliRunner().invoke(app, ["keep-sides"])
    assert done.exit_code == 0, done.output
    rows = tuple(read_sides(SIDES))
    assert [(row.dataset, row.image_id) for row in rows] == [("busi", f"{k:03}") for k in range(20)]
    assert {f"{row.dataset},{row.image_id},{row.dataset}/g{int(row.image_id)},{row.split}" for row in rows} < set(
        before.decode().splitlines()
    )
    for words in ("busi: 5 test\n", "busi: 13 train\n", "Added to data/sides.csv: 20 images. On record already: 0."):
        assert words in done.stdout
    assert "12 phantoms" in done.stdout and "`git add data/sides.csv`, `git commit`" in done.stdout
    divide()
    assert SPLIT.read_bytes() == before


def test_a_second_time_adds_nothing_and_says_so(project: Path) -> None:
    CliRunner().invoke(app, ["keep-sides"])
    before = SIDES.read_bytes()
    done = CliRunner().invoke(app, ["keep-sides"])
    assert done.exit_code == 0 and SIDES.read_bytes() == before
    assert "Added to data/sides.csv: 0 images. On record already: 20." in done.stdout and "Next" not in done.stdout


def test_json_says_the_same(project: Path) -> None:
    found = json.loads(CliRunner().invoke(app, ["keep-sides", "--json"]).stdout)
    assert found == {
        "schema": 1,
        "record": "data/sides.csv",
        "added": {"busi": {"test": 5, "train": 13, "val": 2}},
        "known": 0,
        "phantoms": 12,
        "next": ["git add data/sides.csv", "git commit", "dvc repro"],
    }


def test_images_that_come_later_are_added_and_none_moves(project: Path) -> None:
    CliRunner().invoke(app, ["keep-sides"])
    first = tuple(read_sides(SIDES))
    shutil.rmtree(INTERNAL / "busi")
    write_dataset("busi", images=45)
    divide()
    done = CliRunner().invoke(app, ["keep-sides"])
    assert "Added to data/sides.csv: 25 images. On record already: 20." in done.stdout
    assert set(first) < set(read_sides(SIDES))


def _no_split() -> None:
    SPLIT.unlink()


def _no_record() -> None:
    SIDES.unlink()


def _more_images() -> None:
    shutil.rmtree(INTERNAL / "busi")
    write_dataset("busi", images=21)


def _other_groups() -> None:
    records = read_manifest(INTERNAL / "busi")
    write_manifest(INTERNAL / "busi", [replace(record, group="one patient") for record in records])


def _not_harmonised() -> None:
    shutil.rmtree(INTERNAL / "busi")


def _other_side_on_record() -> None:
    ((dataset, image_id, _, side), *_) = (line.split(",") for line in SPLIT.read_text().splitlines()[1:])
    other = "val" if side == "train" else "train"
    write_sides(SIDES, [Row(dataset, image_id, "0" * 32, other)])


def _only_external() -> None:
    params = yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))
    params["datasets"] = {"fugc": params["datasets"]["fugc"]}
    Path("params.yaml").write_text(yaml.safe_dump(params), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "code", "said"),
    [
        (_no_split, 2, "no split file data/03_splits/internal.csv"),
        (_no_record, 2, "data/sides.csv is missing"),
        (_not_harmonised, 2, "holds no manifest.parquet"),
        (_only_external, 2, "the run has no internal dataset"),
        (_more_images, 1, "1 images are only in the split or only in the data"),
        (_other_groups, 1, "group busi/one patient crosses"),
        (_other_side_on_record, 1, "busi/000 is"),
    ],
)
def test_what_doesnt_fit_is_refused_and_nothing_is_written(spoil, code: int, said: str, project: Path) -> None:  # type: ignore[no-untyped-def]
    spoil()
    before = SIDES.read_bytes() if SIDES.exists() else None
    done = CliRunner().invoke(app, ["keep-sides"])
    assert done.exit_code == code and said in done.stderr and "what to do: " in done.stderr
    assert (SIDES.read_bytes() if SIDES.exists() else None) == before


def test_nothing_is_kept_while_a_run_or_another_keeping_goes_on(project: Path) -> None:
    before = SIDES.read_bytes()
    codes: list[int] = []
    keeping = threading.Thread(target=lambda: codes.append(CliRunner().invoke(app, ["keep-sides"]).exit_code))
    with one_at_a_time(project, say=lambda _: None):
        keeping.start()
        keeping.join(timeout=1.5)
        assert keeping.is_alive() and SIDES.read_bytes() == before
    keeping.join(timeout=30)
    assert codes == [0] and len(read_sides(SIDES)) == 20
