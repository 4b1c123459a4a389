"""The catalogue of faults, and severities that a contract overrides, in layout, rules and counts, for both judges."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.contract import AcceptedFault, Contract
from components.errors import ContractError
from components.intake.faults import (
    ACCEPTABLE,
    ALWAYS_ERRORS,
    CATALOGUE,
    as_text,
    check_codes,
    fault,
    first_of,
    severity_of,
)
from components.intake.harmonise import harmonise
from components.intake.validate_data import check_data, gx_verdicts, plain_verdicts
from tests.components.intake.raw_trees import Tree, ddti_xml, save

ContractOf = Callable[[str], Contract]


def _with(contract: Contract, **severity: str) -> Contract:
    return contract.model_copy(update={"severity": severity})


def test_a_contract_speaks_of_known_faults_only(contract_of: ContractOf, tree: Tree, contracts: Path) -> None:
    contract = contract_of("udiat")
    with pytest.raises(ContractError, match=r"unknown faults no_such_fault(.|\n)*image_without_mask"):
        check_data(_with(contract, no_such_fault="info"), tree("udiat"), contracts=contracts)
    known = AcceptedFault(file="a.png", code="odd", reason="as published")
    with pytest.raises(ContractError, match="unknown faults odd"):
        check_codes(contract.model_copy(update={"accepted_faults": (known,)}))


@pytest.mark.parametrize("code", sorted(ALWAYS_ERRORS))
def test_an_error_that_later_stages_rely_on_cant_be_lowered(code: str, contract_of: ContractOf) -> None:
    assert CATALOGUE[code].severity == "error"
    check_codes(_with(contract_of("udiat"), **{code: "error"}))
    with pytest.raises(ContractError, match=f"{code} can't be less than an error"):
        check_codes(_with(contract_of("udiat"), **{code: "warning"}))


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_only_faults_whose_file_is_left_out_can_be_accepted(code: str, contract_of: ContractOf) -> None:
    known = AcceptedFault(file="a.png", code=code, reason="as published")
    contract = contract_of("udiat").model_copy(update={"accepted_faults": (known,)})
    offered = "accept the fault" in CATALOGUE[code].remedy
    if code in ACCEPTABLE:
        check_codes(contract)
        return
    assert not offered
    with pytest.raises(ContractError, match=rf"accepted_faults: {code} can't be accepted(.|\n)*unreadable_mask"):
        check_codes(contract)


def _not_an_image(path: Path) -> None:
    path.write_bytes(b"no image")


SECOND_MASK = "Dataset_BUSI_with_GT/benign/benign (2)_mask_1.png"


@pytest.mark.parametrize(
    ("code", "dataset", "file", "spoil", "image_id", "objects"),
    [
        ("unreadable_image", "udiat", "BUS/original/000001.png", _not_an_image, "000001", None),
        ("unreadable_mask", "busi", SECOND_MASK, _not_an_image, "benign_2", 1),
        ("mask_size_mismatch", "busi", SECOND_MASK, lambda p: save(p, np.zeros((9, 8), np.uint8)), "benign_2", 1),
        ("mask_turned", "busi", SECOND_MASK, lambda p: save(p, np.zeros((180, 160), np.uint8)), "benign_2", 1),
        ("truncated_polygons", "ddti", "1.xml", lambda p: p.write_text(ddti_xml({"1": "[{"})), "1_1", None),
    ],
)
def test_what_is_accepted_leaves_its_file_out(
    code: str,
    dataset: str,
    file: str,
    spoil: Callable[[Path], object],
    image_id: str,
    objects: int | None,
    tree: Tree,
    contract_of: ContractOf,
    contracts: Path,
    tmp_path: Path,
) -> None:
    raw = tree(dataset)
    spoil(raw / file)
    contract = contract_of(dataset)
    known = AcceptedFault(file=Path(file).name, code=code, reason="as published")
    may = contract.expectations.model_copy(update={"unlabelled": "ignore"})
    contract = contract.model_copy(update={"accepted_faults": (known,), "expectations": may})
    checked = check_data(contract, raw, contracts=contracts)
    assert [one.severity for one in checked.faults if one.code == code] == ["warning"]
    assert checked.sound
    made = harmonise(contract, raw, out=tmp_path / "out", phantom=False, contracts=contracts)
    assert {record.image_id: len(record.objects) for record in made.records}.get(image_id) == objects


def _odd(raw: Path) -> None:
    """A file too many, an empty mask, and numbers other than the authors'."""
    (raw / "BUS/readme.txt").write_text("hello")
    save(raw / "BUS/GT/000001.png", np.zeros((160, 180), np.uint8))


def test_severities_are_those_of_the_catalogue_unless_the_contract_overrides_them(
    tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("udiat")
    _odd(raw)
    contract = contract_of("udiat")
    overridden = _with(contract, unexpected_file="error", empty_mask="info", image_count="error", class_count="info")
    for one in (contract, overridden):
        checked = check_data(one, raw, contracts=contracts)
        found = {fault.code: fault.severity for fault in checked.faults}
        assert set(found) == {"unexpected_file", "empty_mask", "image_count", "class_count"}
        assert found == {code: severity_of(code, one) for code in found}
        plain = plain_verdicts(checked, one)
        assert gx_verdicts(checked, one) == plain
        assert plain["layout"] == (one is contract)
        assert not checked.sound
    assert {code: CATALOGUE[code].severity for code in found} == {
        "unexpected_file": "warning",
        "empty_mask": "error",
        "image_count": "warning",
        "class_count": "warning",
    }


def test_great_expectations_shows_the_contracts_severity(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("udiat")
    _odd(raw)
    contract = _with(contract_of("udiat"), empty_mask="info", image_count="error")
    checked = check_data(contract, raw, contracts=contracts)
    gx_verdicts(checked, contract, docs=tmp_path / "docs")
    pages = "".join(page.read_text(encoding="utf-8") for page in (tmp_path / "docs").rglob("*.html"))
    assert "info: empty_mask" in pages and "error: empty_mask" not in pages
    assert "error: the authors" in pages


def test_a_lowered_error_no_longer_stops_the_dataset(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("udiat")
    save(raw / "BUS/GT/000001.png", np.zeros((160, 180), np.uint8))
    contract = _with(contract_of("udiat"), empty_mask="warning")
    assert check_data(contract, raw, contracts=contracts).sound
    done = harmonise(contract, raw, out=tmp_path / "out", phantom=False, contracts=contracts)
    assert [len(record.objects) for record in done.records] == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a`b`.png", "`` a`b`.png ``"),
        ("\x1b[2Jred\n## error.png", r"`\x1b[2Jred\n## error.png`"),
        ("a\N{RIGHT-TO-LEFT OVERRIDE}gnp.png", r"`a\u202egnp.png`"),
        ("<script>x</script>.png", "`<script>x</script>.png`"),
    ],
)
def test_no_name_of_a_file_steers_the_terminal_or_the_page(name: str, shown: str) -> None:
    text = as_text([fault("unexpected_file", dataset="a", file=name, found="x")], title="a")
    assert text.splitlines()[-1] == f"- found: x — {shown}"


def test_what_was_found_is_neither_tag_nor_link() -> None:
    found = "no <img src=x onerror=y>[a](javascript:b)\x07.png beside it, 3 < 4"
    faults = [fault("unexpected_file", dataset="a", file="b.png", found=found)]
    line = as_text(faults, title="a").splitlines()[-1]
    assert line == r"- found: no \<img src=x onerror=y>[a]\(javascript:b)\x07.png beside it, 3 < 4 — `b.png`"
    assert "\x07" not in first_of(faults)
