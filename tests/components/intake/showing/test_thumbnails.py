"""Pictures of what was flagged: one bounded sheet a fault, the same again, and nothing that may tell of a person."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from components.contract import Contract
from components.intake.layouts import read_layout
from components.intake.showing import contact_sheet
from components.intake.showing.thumbnails import SHEET_IMAGES, images_by_code, spread, write_thumbnails
from components.intake.validate_data import check_data, validate_data
from tests.components.intake.raw_trees import Tree, binary, disc, save, speckle
from tests.components.intake.test_fault_matrix import crosses, drawn, tagged, text

ContractOf = Callable[[str], Contract]


@pytest.fixture
def broken(tree: Tree) -> Path:
    """A UDIAT tree of twenty images: one with calipers, all but one with specks, one with an empty mask."""
    raw = tree("udiat")
    for number in range(1, 21):
        mask = disc()
        mask[0:2, 0:2] = number > 1
        save(raw / f"BUS/original/{number:06d}.png", speckle(number))
        save(raw / f"BUS/GT/{number:06d}.png", binary(mask))
    drawn(crosses)(raw / "BUS/original/000003.png")
    save(raw / "BUS/GT/000004.png", np.zeros((160, 180), np.uint8))
    return raw


def test_each_fault_of_an_image_gets_one_bounded_sheet(
    broken: Path, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    contract = contract_of("udiat")
    checked = check_data(contract, broken, phantom=True, contracts=contracts)
    sheets = []
    for name in ("one", "two"):
        out = tmp_path / name
        codes = write_thumbnails(out, checked.faults, checked.cases, contract, folder=broken, phantom=True)
        assert set(codes) == {"calipers", "specks", "empty_mask"}
        sheets.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert sheets[0] == sheets[1]
    assert set(sheets[0]) == {f"{code}.png" for code in codes}
    one, many = (PilImage.open(tmp_path / "one" / f"{code}.png") for code in ("calipers", "specks"))
    assert one.height < many.height <= 2000 and many.width <= 2000


def test_a_sheet_is_spread_over_all_that_have_the_fault(broken: Path, contract_of: ContractOf, contracts: Path) -> None:
    contract = contract_of("udiat")
    checked = check_data(contract, broken, phantom=True, contracts=contracts)
    found = images_by_code(checked.faults, checked.cases, folder=broken)["specks"]
    assert [checked.cases[number - 1].image_id for number in found] == [f"{k:06d}" for k in range(2, 21) if k != 4]
    chosen = spread(found, SHEET_IMAGES)
    assert len({*chosen}) == SHEET_IMAGES and {2, 20} <= {*chosen} <= {*found} and chosen == sorted(chosen)
    assert spread([2, 3, 5], SHEET_IMAGES) == [2, 3, 5]


def test_what_may_tell_of_a_person_is_not_drawn(broken: Path, contract_of: ContractOf, contracts: Path) -> None:
    contract = contract_of("udiat")
    tagged(broken / "BUS/original/000003.png")
    checked = check_data(contract, broken, phantom=True, contracts=contracts)
    assert {"identity_tag", "calipers"} <= {one.code for one in checked.faults}
    shown = images_by_code(checked.faults, checked.cases, folder=broken)
    assert "identity_tag" not in shown and "calipers" not in shown
    assert all(checked.cases[number - 1].image_id != "000003" for found in shown.values() for number in found)


def test_a_folder_that_tells_of_a_person_hides_all_in_it(
    broken: Path, contract_of: ContractOf, contracts: Path
) -> None:
    contract = contract_of("udiat")
    (broken / "Mueller_Hans").mkdir()
    (broken / "BUS").rename(broken / "Mueller_Hans/BUS")
    checked = check_data(contract, broken, phantom=True, contracts=contracts)
    assert len(checked.cases) == 20
    assert images_by_code(checked.faults, checked.cases, folder=broken) == {}


def test_a_clean_dataset_has_no_pictures(tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("udiat")
    cases = read_layout(contract_of("udiat"), raw, phantom=True, contracts=contracts).cases
    assert write_thumbnails(tmp_path / "out", (), cases, contract_of("udiat"), folder=raw, phantom=True) == ()
    assert not (tmp_path / "out").exists()


def test_the_report_links_its_pictures(broken: Path, tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    out = tmp_path / "report"
    validate_data(contract_of("udiat"), broken, out=out, phantom=True, contracts=contracts)
    front, text = (out / "docs/index.html").read_text(), (out / "faults.md").read_text()
    for code in ("calipers", "specks", "empty_mask"):
        assert (out / f"thumbnails/{code}.png").is_file()
        assert f'<img src="../thumbnails/{code}.png"' in front
        assert f"(thumbnails/{code}.png)" in text


def test_a_sheet_prints_no_name_with_a_date_and_no_text(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contract, raw = contract_of("udiat"), tree("udiat")
    for kind in ("original", "GT"):
        (raw / f"BUS/{kind}/000003.png").rename(raw / f"BUS/{kind}/1961-03-27.png")
    drawn(text)(raw / "BUS/original/1961-03-27.png")
    written: list[str] = []
    real = contact_sheet.fitted
    monkeypatch.setattr(contact_sheet, "fitted", lambda draw, line, *a: (written.append(line), real(draw, line, *a))[1])
    checked = check_data(contract, raw, phantom=True, contracts=contracts)
    codes = write_thumbnails(tmp_path, checked.faults, checked.cases, contract, folder=raw, phantom=True)
    assert set(codes) == {"date_in_name", "burnt_in_text"}
    assert any("name withheld" in line for line in written) and "1 line covered, others may stand there" in "".join(
        written
    )
    assert not any("1961" in line for line in written)
