"""Scanner and site, of all images or by image from a table; what can't be one, or may tell of a person, is refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from components.contract import Contract, Stated
from components.errors import ContractError
from components.intake.form.records import read_manifest
from components.intake.harmonise import harmonise
from components.intake.layouts import read_layout
from components.intake.validate_data import check_data
from tests.components.intake.raw_trees import Tree

ContractOf = Callable[[str], Contract]
BRA = "mini_test/bus_data.csv"


def with_table(contract: Contract, **options: Any) -> Contract:
    table = {"file": "scanners.csv", "key": "image", "value": "scanner", **options}
    return contract.model_copy(update={"scanner": Stated(table=table, stated_by="a test"), "site": None})


def test_a_name_holds_for_all_images_of_a_real_dataset_and_reaches_the_manifest(
    tree: Tree, contract_of: ContractOf, contracts: Path, tmp_path: Path
) -> None:
    contract, raw = contract_of("udiat"), tree("udiat")
    real = harmonise(contract, raw, out=tmp_path / "out", phantom=False, contracts=contracts)
    for record in (*real.records, *read_manifest(tmp_path / "out")):
        assert (record.scanner, record.site) == ("Siemens ACUSON Sequoia C512", "UDIAT Diagnostic Centre, Sabadell")


def test_a_phantom_has_neither(tree: Tree, contract_of: ContractOf) -> None:
    reading = read_layout(contract_of("udiat"), tree("udiat"), phantom=True)
    assert reading.cases
    assert {(case.scanner, case.site) for case in reading.cases} == {(None, None)}


def test_bus_bra_has_its_scanners_by_image_where_the_table_is_there(
    tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("bus_bra")
    rows = ("bus_0849-l,1,Made Up 1", "bus_0849-r,1,Made Up 1", "bus_0010-r,2,Made Up 2", "bus_0261-s,3,Made Up 2")
    (raw / BRA).write_text("\n".join(["ID,Case,Device", *rows, "bus_0999-l,4,Made Up 3"]) + "\n")
    reading = read_layout(contract_of("bus_bra"), raw, contracts=contracts)
    assert {case.image.stem: case.scanner for case in reading.cases} == {
        "benign_0849-l": "Made Up 1",
        "benign_0849-r": "Made Up 1",
        "1-malignant_0010-r": "Made Up 2",
        "malignant_0261-s": "Made Up 2",
    }
    assert not reading.faults
    (raw / BRA).unlink()
    without = read_layout(contract_of("bus_bra"), raw, contracts=contracts)
    assert {case.scanner for case in without.cases} == {None}
    assert {case.site for case in without.cases} == {"National Institute of Cancer, Rio de Janeiro"}
    assert not without.faults


def test_a_row_for_each_patient_and_names_for_its_values(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("bus_bra")
    (raw / "mini_test/sites.csv").write_text("who,where\n0849,A\n0010,B\n0261,B\n")
    options = {
        "file": "sites.csv",
        "key": "who",
        "value": "where",
        "names": {"A": "north"},
        "image": "{kind}_{patient}-{side}",
        "row": "{patient}",
    }
    contract = contract_of("bus_bra").model_copy(update={"site": Stated(table=options, stated_by="a test")})
    reading = read_layout(contract, raw, contracts=contracts)
    assert sorted(str(case.site) for case in reading.cases) == ["B", "B", "north", "north"]


def test_a_column_of_many_values_is_no_scanner(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("udiat")
    rows = "".join(f"{number:06},serial {number}\n" for number in range(1, 60))
    (raw / "BUS/scanners.csv").write_text("image,scanner\n" + rows)
    reading = read_layout(with_table(contract_of("udiat")), raw, contracts=contracts)
    assert {case.scanner for case in reading.cases} == {None}
    assert [(one.code, one.found) for one in reading.faults] == [("bad_table", "59 values in the column scanner")]


def test_what_may_tell_of_a_person_stops_the_dataset_and_isnt_repeated(
    tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("udiat")
    rows = "000001,Huber_Hans\n000002,Alpha\n000003,Alpha\n000004,Alpha\n"
    (raw / "BUS/scanners.csv").write_text(f"image,scanner\n{rows}")
    checked = check_data(with_table(contract_of("udiat")), raw, contracts=contracts)
    told = [one for one in checked.faults if one.code == "identity_in_name"]
    assert [(one.file, one.found) for one in told] == [("scanners.csv", "as scanner, the form Lastname_Firstname")]
    assert not checked.sound
    named = contract_of("udiat").model_copy(update={"site": Stated(name="Dr. House, 01.02.1970", stated_by="a test")})
    dated = check_data(named, tree("fugc").parent / "udiat", contracts=contracts)
    assert ("date_in_name", ".") in {(one.code, one.file) for one in dated.faults}


@pytest.mark.parametrize(
    ("options", "said"),
    [({"colum": "x"}, "colum"), ({"row": "{patient}"}, "patient"), ({"image": "{a}", "row": "{b}"}, "blanks b")],
)
def test_wrong_options_are_refused_with_their_place(
    options: dict[str, Any], said: str, tree: Tree, contract_of: ContractOf
) -> None:
    with pytest.raises(ContractError, match=r"contract udiat, scanner\.table") as refused:
        read_layout(with_table(contract_of("udiat"), **options), tree("udiat"))
    assert said in str(refused.value)
