"""Names that strangers write in several ways: one patient stays one group, and no image is without an id."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from components.contract import Contract
from components.intake.layouts import read_layout
from tests.components.intake.raw_trees import Tree, binary, disc, save, speckle

ContractOf = Callable[[str], Contract]


def _groups(contract: Contract, raw: Path, *patients: str) -> set[str]:
    for number, patient in enumerate(patients):
        for part in ("images", "masks"):
            save(raw / part / f"benign_{patient}-{number}.png", binary(disc()))
    reading = read_layout(contract, raw)
    assert len(reading.cases) == len(patients)
    return {case.group for case in reading.cases}


@pytest.mark.parametrize(
    "other",
    [
        "p1 é",
        "P1 É",
        "P1 e\N{COMBINING ACUTE ACCENT}",
        " P1  é",
        "P1\N{ZERO WIDTH SPACE} é",
        "P\N{FULLWIDTH DIGIT ONE} é",
    ],
)
def test_a_patient_stays_one_group_however_the_key_is_written(
    other: str, contract_of: ContractOf, contracts: Path, tmp_path: Path
) -> None:
    assert len(_groups(contract_of("bus_bra"), tmp_path, "P1 é", other)) == 1


def test_other_patients_stay_others_and_keep_their_names(contract_of: ContractOf, tmp_path: Path) -> None:
    assert _groups(contract_of("bus_bra"), tmp_path, "P1", "P2", "Q1") == {"P1", "P2", "Q1"}


def test_a_name_that_leaves_no_id_is_a_fault(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("busi")
    folder = raw / "Dataset_BUSI_with_GT/benign"
    save(folder / "图片.png", speckle(77))
    save(folder / "图片_mask.png", binary(disc()))
    reading = read_layout(contract_of("busi"), raw, phantom=True, contracts=contracts)
    assert [one.file for one in reading.faults if one.code == "undecodable_name"] == [
        "Dataset_BUSI_with_GT/benign/图片.png"
    ]
    assert all(case.image_id for case in reading.cases)
