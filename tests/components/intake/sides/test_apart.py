"""What must have nothing in common: pixels, groups, near copies and sources, each refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from components.contract import Contract, contract_names, load_contract
from components.errors import LeakError
from components.intake.harmonise import harmonise
from components.intake.sides.apart import check_apart, check_sources
from components.params import load_params
from components.types import Record
from tests.components.intake.raw_trees import Tree, binary, disc, save
from tests.components.intake.sides.test_relatives import cut, record, scene


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
    assert "external fugc/x is a near copy of internal busi/2, " in caught.value.found
    assert "correlation 0." in caught.value.found and "quarantine" in caught.value.remedy


def test_near_copies_in_shards_are_named_one_by_one(
    tmp_path: Path, tree: Tree, contract_of: Callable[[str], Contract], contracts: Path
) -> None:
    raw, made = tree("udiat"), {}
    for name, gain in (("a", 1.0), ("b", 0.9)):
        for number, path in enumerate(sorted((raw / "BUS/original").iterdir())):
            save(path, np.clip(scene(number) * gain, 0, 255).astype(np.uint8))
            save(raw / "BUS/GT" / path.name, binary(disc(height=200, width=240)))
        contract = contract_of("udiat").model_copy(update={"name": name})
        made[name] = harmonise(contract, raw, out=tmp_path / name, phantom=True, contracts=contracts).records
    assert len({one.image_path for one in made["a"]}) == 1, "all in one shard"
    with pytest.raises(LeakError) as caught:
        check_apart([replace(one, role="external") for one in made["b"]], made["a"])
    assert len(made["b"]) > 1
    for one in made["b"]:
        assert f"external b/{one.image_id} is a near copy of internal a/{one.image_id}, " in caught.value.found
    assert ".tar" not in caught.value.found and "facts.parquet" in caught.value.remedy


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
