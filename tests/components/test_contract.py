"""A contract file to types: what is refused, and how the error reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.contract import check_licence, contract_names, load_contract
from components.errors import ContractError


@pytest.fixture
def text(root: Path) -> str:
    return (root / "data/contracts/udiat.yaml").read_text(encoding="utf-8")


def _load(folder: Path, text: str, name: str = "udiat"):  # type: ignore[no-untyped-def]
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return load_contract(name, folder)


def test_a_contract_is_frozen_and_typed(tmp_path: Path, text: str) -> None:
    contract = _load(tmp_path, text)
    assert contract.expectations.classes == {"benign": 110, "malignant": 53}
    assert contract.mask.labels == {1: "breast lesion"}
    with pytest.raises(Exception, match="frozen"):
        contract.name = "other"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("anatomy:", "anatomi: x\nanatomy:", "anatomi: Extra inputs"),
        ("schema_version: 2", "schema_version: 1", "schema_version"),
        ("role: internal", "role: intern", "role"),
        ("threshold: 128", "threshold: 300", "mask.threshold"),
        ("  threshold: 128\n", "", "mask: Value error, kind binary needs a threshold"),
        ("labels: {1: breast lesion}", "labels: {1: a, 2: b}", "kind binary has one label, as nothing tells 2 apart"),
        (
            "  kind: binary\n  labels: {1: breast lesion}",
            "  kind: polygons\n  labels: {1: a, 2: b}",
            "kind polygons has",
        ),
        ("key: image", "key: patient", "group.key"),
        ("name: udiat", "name: Udiat", "name"),
        ("name: udiat", "name: other", "names the dataset 'other'"),
        ("anatomy: breast lesions\n", "", "anatomy: Field required"),
        ("schema_version: 2", "schema_version: [", "isn't YAML"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, said: str, tmp_path: Path, text: str) -> None:
    assert old in text
    with pytest.raises(ContractError) as refused:
        _load(tmp_path, text.replace(old, new, 1))
    assert said in str(refused.value)
    assert "udiat.yaml" in str(refused.value)


@pytest.mark.parametrize(
    "content",
    [b"name: \xff", b"a: 2024-13-45", b"a: " + b"[" * 3000 + b"]" * 3000, b"a: \x00", b"\x80"],
    ids=["latin", "no date", "deep", "nul", "no utf-8"],
)
def test_what_cannot_be_read_is_an_error_for_a_person(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "udiat.yaml").write_bytes(content)
    with pytest.raises(ContractError, match=r"udiat.yaml isn't YAML") as refused:
        load_contract("udiat", tmp_path)
    assert refused.value.expected and refused.value.remedy


def test_an_unknown_dataset_lists_the_known_ones(tmp_path: Path, text: str) -> None:
    _load(tmp_path, text)
    assert contract_names(tmp_path) == ("udiat",)
    with pytest.raises(ContractError, match="udiat"):
        load_contract("busy", tmp_path)


QUARANTINE = """
quarantine:
  - file: original/000002.png
    action: {action}
    reason: shows another patient's name
    reviewer: A. Steward
    date: 2026-11-22
"""


def test_a_quarantined_file_has_a_reason_a_reviewer_and_a_date(tmp_path: Path, text: str) -> None:
    listed = _load(tmp_path, text + QUARANTINE.format(action="exclude")).quarantine[0]
    assert (listed.file, listed.reviewer, listed.date.year) == ("original/000002.png", "A. Steward", 2026)
    with pytest.raises(ContractError, match="reviewer: Field required"):
        _load(tmp_path, text + QUARANTINE.format(action="exclude").replace("    reviewer: A. Steward\n", ""))


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("correct", ""),
        ("correct", "    replacement: mended.png\n"),
        ("exclude", f"    replacement: mended.png\n    replacement_sha256: '{'0' * 64}'\n"),
    ],
)
def test_a_correction_names_its_replacement_and_an_exclusion_none(
    action: str, more: str, tmp_path: Path, text: str
) -> None:
    with pytest.raises(ContractError, match="`correct` needs replacement"):
        _load(tmp_path, text + QUARANTINE.format(action=action) + more)


def test_a_licence_that_forbids_training_forbids_the_role_internal(tmp_path: Path, text: str) -> None:
    forbidding = text.replace('train: "yes"', 'train: "no"')
    check_licence(_load(tmp_path, text))
    with pytest.raises(ContractError, match="the licence of udiat forbids to train on it"):
        check_licence(_load(tmp_path, forbidding))
    check_licence(_load(tmp_path, forbidding.replace("role: internal", "role: external")))


def test_the_address_to_try_first_is_one_that_answers(root: Path) -> None:
    source = load_contract("ddti", root / "data/contracts").source
    assert source.places[0].form == "gone"
    assert source.address == source.places[1].address


def test_all_contracts_of_the_project_can_be_read(root: Path) -> None:
    names = contract_names(root / "data/contracts")
    assert len(names) >= 12
    assert [load_contract(name, root / "data/contracts").name for name in names] == list(names)
