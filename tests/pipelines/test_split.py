"""Every internal image gets a side; a dataset that left the run leaves the folder too."""

from __future__ import annotations

import json
import logging
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from components.errors import LayoutError, LeakError
from components.intake.form.records import read_manifest, read_split, write_manifest
from components.intake.sides.record import keep_sides
from components.intake.sides.sources import read_sources
from components.params import Params, load_params
from pipelines.split import split
from tests.pipelines.conftest import SMALL, Reached, make_job


def test_every_internal_image_has_one_side(reached: Reached) -> None:
    root = reached("split")
    frame = read_split(root / "data/03_splits/internal.csv")
    assert len(frame) == SMALL["busi"] and set(frame["dataset"]) == {"busi"}
    assert set(frame["split"]) == {"train", "val", "test"}
    assert (frame.groupby("group")["split"].nunique() == 1).all()
    report = json.loads((root / "reports/split/report.json").read_text(encoding="utf-8"))
    assert report["phantom"] is True and report["datasets"]["busi"]["images"] == SMALL["busi"]
    assert (root / "reports/split/report.md").read_text(encoding="utf-8").startswith("# The split")
    assert (root / "reports/split/joins.png").is_file() == bool(report["joins"])


def test_it_writes_which_datasets_hold_the_same_patients_in_the_run_or_not(reached: Reached) -> None:
    sources = read_sources(reached("split") / "data/03_splits/sources.json")
    assert ("busi", "busi_curated", "busi_listed") in sources and ("fh_ps_aop", "jnu_ifm", "psfhs") in sources


def test_two_datasets_of_the_same_patients_are_refused(reached: Reached, plain_steps: None) -> None:
    root = reached("split")
    before = (root / "data/03_splits/internal.csv").read_bytes()
    params = load_params(root / "params.yaml")
    curated = params.datasets["busi"].model_copy(update={"role": "external"})
    both = params.model_copy(update={"datasets": {**params.datasets, "busi_curated": curated}})
    with pytest.raises(LeakError, match="busi trains and busi_curated is external"):
        split.function(make_job(split, root, params=both)[0])
    assert (root / "data/03_splits/internal.csv").read_bytes() == before


def test_a_link_that_only_a_third_contract_states_is_seen(reached: Reached, plain_steps: None) -> None:
    root = reached("split")
    folder = root / "data/contracts"
    third = (folder / "busi_curated.yaml").read_text(encoding="utf-8").replace("name: busi_curated", "name: third", 1)
    third = re.sub(r"^same_source_as: .*$", "same_source_as: [busi, fugc]", third, flags=re.MULTILINE)
    (folder / "third.yaml").write_text(third, encoding="utf-8")
    try:
        with pytest.raises(LeakError, match="busi trains and fugc is external"):
            split.function(make_job(split, root)[0])
    finally:
        (folder / "third.yaml").unlink()


def test_a_dataset_that_left_the_run_is_cleared(reached: Reached, plain_steps: None) -> None:
    root = reached("split")
    internal = root / "data/02_harmonised/internal"
    before = (root / "data/03_splits/internal.csv").read_bytes()
    shutil.copytree(internal / "busi", internal / "departed")
    split.function(make_job(split, root)[0])
    assert not (internal / "departed").exists() and (internal / "busi").is_dir()
    assert (root / "data/03_splits/internal.csv").read_bytes() == before


@pytest.fixture
def real(reached: Reached, plain_steps: None, tmp_path: Path) -> Path:
    """A copy of the project whose internal images are taken for real ones."""
    root = reached("split")
    for part in ("data/02_harmonised", "data/contracts"):
        shutil.copytree(root / part, tmp_path / part)
    for part in ("params.yaml", "data/sides.csv"):
        shutil.copy(root / part, tmp_path / part)
    folder = tmp_path / "data/02_harmonised/internal/busi"
    write_manifest(folder, [replace(record, phantom=False) for record in read_manifest(folder)])
    return tmp_path


def sides(root: Path) -> dict[str, str]:
    frame = read_split(root / "data/03_splits/internal.csv")
    return dict(zip(frame["image_id"], frame["split"], strict=True))


# Where Prefect has been set up in this process, it misses a run to tell.
@pytest.mark.filterwarnings("ignore:Logger 'pipelines.split' attempted to send logs")
def test_sides_on_record_are_kept_and_new_ones_are_warned_of(
    real: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(logging.getLogger("pipelines"), "propagate", True)
    job, _ = make_job(split, real)
    split.function(job)
    assert f"The sides of {SMALL['busi']} real images aren't on record yet" in caplog.text
    first = sides(real)
    # Another seed divides otherwise; once that is on record, the first seed changes nothing.
    split.function(replace(job, params=with_seed(job.params, 1)))
    second = sides(real)
    assert second != first
    records = read_manifest(real / "data/02_harmonised/internal/busi")
    keep_sides(real / "data/sides.csv", {("busi", name): side for name, side in second.items()}, records)
    caplog.clear()
    split.function(job)
    assert sides(real) == second and "on record yet" not in caplog.text
    report = json.loads((real / "reports/split/report.json").read_text(encoding="utf-8"))
    assert report["record"] == {"on_record": SMALL["busi"], "new": 0, "phantoms": 0}


def with_seed(params: Params, seed: int) -> Params:
    return params.model_copy(update={"split": params.split.model_copy(update={"seed": seed})})


@pytest.mark.parametrize(
    ("content", "said"), [(None, "is missing"), ("dataset,image_id,pixels_md5,split\nbusi,1\n", "line 2: 'busi,1'")]
)
def test_without_a_sound_record_nothing_is_divided(content: str | None, said: str, real: Path) -> None:
    record = real / "data/sides.csv"
    record.unlink() if content is None else record.write_text(content, encoding="utf-8")
    with pytest.raises(LayoutError, match=said):
        split.function(make_job(split, real)[0])
    assert not (real / "data/03_splits/internal.csv").exists()
