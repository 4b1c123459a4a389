"""The page of a dataset: all that its contract says, and the committed pages are those of the committed contracts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from components.contract import (
    Contract,
    OfficialSplits,
    Place,
    PublishedFile,
    Quarantined,
    Together,
    contract_names,
    load_contract,
)
from components.intake.showing.dataset_page import INDEX, index, page, pages
from tests.conftest import ROOT

ContractOf = Callable[[str], Contract]
COMMITTED = ROOT / "docs/datasets"
CONTRACTS = ROOT / "data/contracts"
NAMES = contract_names(CONTRACTS)


def test_the_committed_pages_are_those_of_the_contracts() -> None:
    made = pages([load_contract(name, CONTRACTS) for name in NAMES])
    there = {path.name: path.read_text(encoding="utf-8") for path in COMMITTED.glob("*.md")}
    assert sorted(there) == sorted(made), "run `sonoforge data page --all`; delete pages without a contract"
    for name, text in made.items():
        assert there[name] == text, f"docs/datasets/{name} is behind its contract: run `sonoforge data page --all`"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_what_a_steward_must_know(name: str) -> None:
    contract = load_contract(name, CONTRACTS)
    text = page(contract)
    plain = " ".join(text.split())
    told = [
        contract.source.title,
        contract.source.citation,
        contract.licence.stated,
        contract.role_reason,
        contract.mask.reason,
        contract.group.reason,
        *(place.address for place in contract.source.places),
        *(one.sha256 for place in contract.source.places for one in place.files if one.sha256),
        *(one.stated_by for place in contract.source.places for one in place.files if one.stated_by),
        contract.layout.seen or "none",
        *contract.mask.labels.values(),
        *contract.known_faults,
        *(one.reason for one in (*contract.accepted_faults, *contract.group.together)),
    ]
    for what in told:
        assert " ".join(what.split()).replace("|", "\\|") in plain
    assert f"sonoforge data import {name} PATH" in text
    assert f"[{name}]({name}.md)" in index([contract])
    assert not [line for line in text.splitlines() if line != line.rstrip()]


def test_what_a_contract_may_add_is_told_too(contract_of: ContractOf) -> None:
    contract = contract_of("udiat").model_copy(
        update={
            "acquisition": None,
            "official_splits": OfficialSplits(stated="100 and 63", use="none is made"),
            "same_source_as": ("busi",),
            "spacing_mm": (0.1, 0.2),
            "spacing_source": "the | header",
            "severity": {"specks": "error"},
            "known_faults": (),
            "quarantine": (
                Quarantined(file="GT/1.png", action="exclude", reason="torn", reviewer="A. S.", date=date(2026, 1, 2)),
                Quarantined(
                    file="GT/2.png",
                    action="correct",
                    reason="redrawn",
                    reviewer="B. S.",
                    date=date(2026, 1, 3),
                    replacement="udiat/2.png",
                    replacement_sha256="0" * 64,
                ),
            ),
        }
    )
    place = Place(
        address="https://host/a",
        form="gone",
        files=(
            PublishedFile(name="a.zip", sha256="1" * 64, size_bytes=1234567, stated_by="the record"),
            PublishedFile(name="b.zip", md5="2" * 32, stated_by="a | script"),
            PublishedFile(name="c.zip"),
        ),
    )
    seen = Together(files=("a.png", "b/c.png"), reason="one | lesion", reviewer="A. S.", date=date(2026, 1, 2))
    contract = contract.model_copy(update={"group": contract.group.model_copy(update={"together": (seen,)})})
    nearer = Place(address="https://host/b", form="account", agreement="sign it")
    contract = contract.model_copy(update={"source": contract.source.model_copy(update={"places": (place, nearer)})})
    text = page(contract)
    for line in (
        "| Acquisition | not stated |",
        "| Official splits | 100 and 63 |",
        "| Same source as | busi: the same patients, so they must never meet across a test |",
        "One group by review:",
        "| `a.png`, `b/c.png` | one \\| lesion | A. S. | 2026-01-02 |",
        "| Pixel spacing | 0.1 mm a row, 0.2 mm a column (the \\| header) |",
        "| `specks` | error |",
        "None is known.",
        "| `GT/1.png` | excluded | torn | A. S. | 2026-01-02 |",
        "| `GT/2.png` | corrected by `data/contracts/udiat/2.png` | redrawn | B. S. | 2026-01-03 |",
        f"`a.zip` (1,234,567 bytes, sha256 `{'1' * 64}`, stated by the record); "
        f"`b.zip` (md5 `{'2' * 32}`, stated by a \\| script); "
        "`c.zip` (no published digest found; pinned by the first import)",
        "| <https://host/b> | needs an account there | sign it | no published digest found; pinned by the first import",
        "| Pass the data on | **no** | keep it out of shared folders, remotes and releases |",
    ):
        assert line in text
    assert "needs an account there" in index([contract])


def test_an_unseen_licence_is_not_a_licence_that_nobody_states(contract_of: ContractOf) -> None:
    text = page(contract_of("bus_bra"))
    assert (
        "| **unknown** | not known here, as the licence's text wasn't seen: read it where the images are published"
        in text
    )
    assert "<https://zenodo.org/records/8231412>." in text
    assert "to be read at" not in page(contract_of("tn3k"))


def test_the_index_has_a_row_a_dataset() -> None:
    rows = [line for line in (COMMITTED / INDEX).read_text(encoding="utf-8").splitlines() if line.startswith("| [")]
    assert [row.split("]")[0][3:] for row in rows] == list(NAMES)
    assert all((Path(COMMITTED) / f"{name}.md").is_file() for name in NAMES)
