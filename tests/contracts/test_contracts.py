"""Every contract in data/contracts, discovered: it parses, its reader takes its options, its lists are whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from components.contract import contract_names, load_contract
from components.intake.faults import check_codes
from components.intake.layouts import READERS, read_layout
from components.intake.layouts.quarantine import corrections

CONTRACTS = Path(__file__).resolve().parents[2] / "data/contracts"
NAMES = contract_names(CONTRACTS)


def test_the_six_datasets_have_contracts() -> None:
    assert {"busi", "ddti", "tn3k", "udiat", "fugc", "jnu_ifm"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_contract_is_whole(name: str) -> None:
    contract = load_contract(name, CONTRACTS)
    assert contract.layout.reader in READERS
    assert (contract.mask.kind == "binary") == (contract.mask.threshold is not None)
    assert contract.spacing_mm is not None or contract.spacing_source
    check_codes(contract)
    corrections(contract, CONTRACTS)
    unknown = set(contract.expectations.classes) and set(contract.expectations.empty_mask_classes) - set(
        contract.expectations.classes
    )
    assert not unknown


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_told_yes_where_no_licence_is_stated(name: str) -> None:
    licence = load_contract(name, CONTRACTS).licence
    if licence.stated.startswith("unclear") or "without a licence" in licence.stated:
        assert licence.train == licence.redistribute == licence.commercial == "unknown"


def test_datasets_of_one_source_name_each_other() -> None:
    named = {name: set(load_contract(name, CONTRACTS).same_source_as) for name in NAMES}
    assert all(name in named[other] for name in NAMES for other in named[name])


@pytest.mark.parametrize("name", NAMES)
def test_its_reader_takes_its_options_and_says_what_an_empty_folder_lacks(name: str, tmp_path: Path) -> None:
    reading = read_layout(load_contract(name, CONTRACTS), tmp_path, contracts=CONTRACTS)
    assert not reading.cases
    assert any(one.severity == "error" for one in reading.faults)


def test_the_list_of_related_images_is_the_published_one() -> None:
    contract = load_contract("busi", CONTRACTS)
    rows = (CONTRACTS / str(contract.group.related)).read_bytes()
    assert hashlib.sha256(rows).hexdigest() == contract.group.related_sha256
    lines = rows.decode().splitlines()[1:]
    groups: dict[str, int] = {}
    for line in lines:
        groups[line.split(",")[0]] = groups.get(line.split(",")[0], 0) + 1
    several = [size for size in groups.values() if size > 1]
    # Pawłowska et al. 2023: 153 groups with relatives, 346 images in them, 193 of them redundant: 587 scenes of 780.
    assert (len(several), sum(several), sum(several) - len(several)) == (153, 346, 193)


@pytest.mark.parametrize("name", NAMES)
def test_the_phantom_of_a_layout_is_clean(name: str, tmp_path: Path) -> None:
    from components.intake.validate_data import check_data
    from components.phantom.layouts import LAYOUTS
    from components.phantom.write import write_dataset

    if name not in LAYOUTS:
        pytest.skip(f"the generator doesn't write the layout of {name}")
    write_dataset(name, tmp_path / name, images=6, seed=3)
    checked = check_data(load_contract(name, CONTRACTS), tmp_path / name, phantom=True, contracts=CONTRACTS)
    assert [one for one in checked.faults if one.severity != "info"] == []
    assert len(checked.facts) == 6
