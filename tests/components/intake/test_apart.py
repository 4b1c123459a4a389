"""What must have nothing in common: pixels, groups, near copies and sources, each refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.contract import contract_names, load_contract
from components.errors import LeakError
from components.intake.apart import check_apart, check_sources
from components.params import load_params
from components.types import Record
from tests.components.intake.test_relatives import cut, record, scene


@pytest.fixture
def internal(tmp_path: Path) -> list[Record]:
    return [record(tmp_path, f"{seed}", scene(seed)) for seed in range(4)]


def outside(folder: Path, name: str, pixels: np.ndarray) -> Record:
    return replace(record(folder, name, pixels, dataset="fugc"), role="external")


def test_sets_of_other_images_are_apart(internal: list[Record], tmp_path: Path) -> None:
    # Equal names of groups in two datasets are no leak.
    check_apart([outside(tmp_path, "0", scene(10)), outside(tmp_path, "1", scene(11))], internal)
    check_apart([], internal)


def test_an_image_in_both_is_refused(internal: list[Record], tmp_path: Path) -> None:
    with pytest.raises(LeakError, match="image busi/2, image fugc/x"):
        check_apart([outside(tmp_path, "x", scene(2))], internal)


def test_a_near_copy_is_refused_with_pair_correlation_and_files(internal: list[Record], tmp_path: Path) -> None:
    external = [outside(tmp_path, "x", cut(scene(2))), outside(tmp_path, "y", scene(10))]
    with pytest.raises(LeakError, match="1 external images have relatives") as caught:
        check_apart(external, internal)
    assert "fugc/x (external/fugc/fugc_x.png) is a near copy of busi/2 (internal/busi/busi_2.png)" in caught.value.found
    assert "correlation 0." in caught.value.found and "quarantine" in caught.value.remedy


def test_datasets_of_one_source_must_not_meet() -> None:
    check_sources({"jnu_ifm": "external", "psfhs": "external", "busi": "internal"}, {"jnu_ifm": ["psfhs"]})
    check_sources({"jnu_ifm": "internal", "busi": "internal"}, {"jnu_ifm": ["psfhs"], "busi": []})
    with pytest.raises(LeakError, match=r"psfhs trains and jnu_ifm is external.*same patients") as caught:
        check_sources({"jnu_ifm": "external", "psfhs": "internal"}, {"jnu_ifm": ["psfhs"], "psfhs": []})
    assert "remove psfhs or jnu_ifm" in caught.value.remedy
    with pytest.raises(LeakError, match="is internal too"):
        check_sources({"ddti": "internal", "ddti_637": "internal"}, {"ddti": [], "ddti_637": ["ddti"]})


def test_a_dataset_that_is_not_in_the_run_links_two_that_are() -> None:
    with pytest.raises(LeakError, match="fh_ps_aop trains and psfhs is external"):
        check_sources({"fh_ps_aop": "internal", "psfhs": "external"}, {"fh_ps_aop": ["jnu_ifm"], "psfhs": ["jnu_ifm"]})


def test_the_projects_own_run_is_apart_by_its_contracts(root: Path) -> None:
    contracts = {name: load_contract(name, root / "data/contracts") for name in contract_names(root / "data/contracts")}
    roles = {name: dataset.role for name, dataset in load_params(root / "params.yaml").datasets.items()}
    check_sources(roles, {name: contracts[name].same_source_as for name in roles})
