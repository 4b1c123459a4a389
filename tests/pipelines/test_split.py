"""Every internal image gets a side; a dataset that left the run leaves the folder too."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from components.errors import LeakError
from components.intake.form.records import read_split
from components.intake.sides.sources import read_sources
from components.params import load_params
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
