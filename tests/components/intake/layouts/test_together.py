"""Images that a reviewer found to belong together: one group, in every layout, for real images alone."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from components.contract import Contract, Quarantined, Together
from components.errors import LeakError
from components.intake import harmonise as module
from components.intake.form.records import read_manifest
from components.intake.harmonise import harmonise
from components.intake.layouts import LayoutReading, read_layout
from components.intake.sides.record import Row, SidesRecord
from components.intake.sides.relatives import find_relatives
from components.intake.split import split
from components.intake.validate_data import check_data
from components.params import SplitParams
from components.types import Fault
from tests.components.intake.raw_trees import BUILDERS, Tree

ContractOf = Callable[[str], Contract]
REVIEW: dict[str, Any] = {"reason": "one lesion, seen twice", "reviewer": "A. Steward", "date": date(2026, 11, 22)}
SAID = "one lesion, seen twice (A. Steward, 2026-11-22)"
PARAMS = SplitParams(seed=1, val_share=0.2, test_share=0.2, mix_phantoms=False)


def listing(contract: Contract, *entries: Sequence[str]) -> Contract:
    """The contract with these entries alone, as the schema sees them."""
    together = tuple(Together(files=tuple(files), **REVIEW) for files in entries)
    return contract.model_copy(update={"group": contract.group.model_copy(update={"together": together})})


def told(faults: Sequence[Fault], code: str) -> list[tuple[str, str, str]]:
    return [(one.severity, one.file, one.found) for one in faults if one.code == code]


def groups(reading: LayoutReading) -> dict[str, str]:
    return {case.image_id: case.group for case in reading.cases}


def file_of(reading: LayoutReading, number: int) -> str:
    return reading.cases[number].image.relative_to(reading.root).as_posix()


@pytest.mark.parametrize("name", sorted(BUILDERS))
def test_images_named_together_are_one_group_in_every_layout(
    name: str, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw, bare = tree(name), listing(contract_of(name))
    before = read_layout(bare, raw, contracts=contracts)
    first, last = before.cases[0], before.cases[-1]
    entry = (file_of(before, 0), file_of(before, -1))
    after = read_layout(listing(bare, entry), raw, contracts=contracts)
    one = min(first.group, last.group)
    joined = {first.group, last.group}
    assert groups(after) == {key: one if group in joined else group for key, group in groups(before).items()}
    found = f"2 images in one group: {SAID}"
    names = [case.image.relative_to(raw).as_posix() for case in (first, last)]
    assert told(after.faults, "together") == [("info", file, found) for file in names]
    assert [fault for fault in after.faults if fault.code != "together"] == list(before.faults)
    by_report = read_layout(listing(bare, names), raw, contracts=contracts)
    assert list(by_report.cases) == list(after.cases), "names as in reports do too"


def test_entries_that_share_a_group_join_further_in_any_order(
    tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw, bare = tree("tn3k"), listing(contract_of("tn3k"))
    before = read_layout(bare, raw, contracts=contracts)
    file = [file_of(before, number) for number in range(len(before.cases))]
    entries = [(file[0], file[1]), (file[2], file[3]), (file[1], file[2])]
    expected = [min(case.group for case in before.cases[:4])] * 4 + [case.group for case in before.cases[4:]]
    for order in (entries, entries[::-1], [entries[2], entries[0], entries[1]]):
        reading = read_layout(listing(bare, *order), raw, contracts=contracts)
        assert [case.group for case in reading.cases] == expected


def test_a_published_group_comes_along_whole(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("busi")
    for number in (318, 319):  # the published list calls these relatives of 1 and 2
        for ending in ("", "_mask"):
            shutil.copy(
                raw / f"Dataset_BUSI_with_GT/benign/benign (1){ending}.png",
                raw / f"Dataset_BUSI_with_GT/benign/benign ({number}){ending}.png",
            )
    entry = ("benign/benign (318).png", "benign/benign (2).png")
    found = groups(read_layout(listing(contract_of("busi"), entry), raw, contracts=contracts))
    joined = {name for name, group in found.items() if group == found["benign_1"]}
    assert joined == {"benign_1", "benign_318", "benign_2", "benign_319"}
    assert found["benign_1"] == "related_0"


def test_names_that_are_those_of_no_image_are_told(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("udiat")
    entry = ("original/000001.png", "GT/000002.png", "000003.png", "original/000099.png")
    reading = read_layout(listing(contract_of("udiat"), entry), raw, contracts=contracts)
    assert told(reading.faults, "together_unused") == [
        ("warning", "BUS/GT/000002.png", "no image with annotation is read from it"),
        ("warning", "000003.png", "no such file to join"),
        ("warning", "original/000099.png", "no such file to join"),
    ]
    assert told(reading.faults, "together") == [], "one image alone is joined to nothing"
    assert set(Counter(groups(reading).values()).values()) == {1}
    assert "the entry 000003.png of group.together fits 2 files" in told(reading.faults, "ambiguous_entry")[0][2]


def test_phantoms_only_share_the_names(tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path) -> None:
    raw, bare = tree("udiat"), listing(contract_of("udiat"))
    named = listing(bare, ("original/000001.png", "original/000002.png"), ("gone.png", "nowhere.png"))
    for which, contract in (("bare", bare), ("named", named)):
        assert check_data(contract, raw, phantom=True, contracts=contracts).faults == ()
        harmonise(contract, raw, out=tmp_path / which, phantom=True, contracts=contracts)
    bare_files, named_files = (
        {
            path.relative_to(tmp_path / which): path.read_bytes()
            for path in (tmp_path / which).rglob("*")
            if path.is_file()
        }
        for which in ("bare", "named")
    )
    assert bare_files == named_files


def test_an_image_that_is_taken_out_still_links_what_it_links(
    tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("udiat")
    file = [f"original/{number:06d}.png" for number in range(1, 5)]
    out = Quarantined(file=file[1], action="exclude", reason="blurred", reviewer="A. S.", date=date(2026, 1, 2))
    contract = listing(contract_of("udiat"), file[:2], file[1:3]).model_copy(update={"quarantine": (out,)})
    reading = read_layout(contract, raw, contracts=contracts)
    assert len(reading.cases) == 3
    assert sorted(Counter(groups(reading).values()).values()) == [1, 2]
    assert {one.code for one in reading.faults} == {"quarantined", "together"}


def test_the_split_keeps_them_on_one_side_and_stops_where_the_record_parts_them(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("udiat")
    bare = listing(contract_of("udiat"))
    before = read_layout(bare, raw, contracts=contracts)
    contract = listing(bare, (file_of(before, 0), file_of(before, 1)))
    done = harmonise(contract, raw, out=tmp_path / "udiat", phantom=False, contracts=contracts)
    records = read_manifest(tmp_path / "udiat")
    assert len(done.records) == len(records)
    one, other = (case.image_id for case in before.cases[:2])
    relatives = find_relatives({"udiat": records})
    assert relatives.cluster["udiat", one] == relatives.cluster["udiat", other]
    frame = split({"udiat": records}, PARAMS, relatives=relatives).set_index("image_id")
    assert frame.loc[one, "split"] == frame.loc[other, "split"]
    pixels = {record.image_id: record.pixels_md5 for record in records}
    parted = SidesRecord((Row("udiat", one, pixels[one], "train"), Row("udiat", other, pixels[other], "test")))
    with pytest.raises(LeakError) as refused:
        split({"udiat": records}, PARAMS, recorded=parted, relatives=relatives)
    assert f"train: udiat/{one}; test: udiat/{other}" in refused.value.found
    assert f"udiat/{one} and udiat/{other} are of group" in refused.value.found
    assert "group.together" in refused.value.remedy


def test_after_an_interrupt_only_what_is_joined_anew_is_done_again(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, bare = tree("udiat"), listing(contract_of("udiat"))
    named = listing(bare, ("original/000001.png", "original/000002.png"))

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_publish", stopped)
        with pytest.raises(KeyboardInterrupt):
            harmonise(bare, raw, out=tmp_path / "out", phantom=False, contracts=contracts)
    done = harmonise(named, raw, out=tmp_path / "out", phantom=False, contracts=contracts)
    assert done.resumed == 3, "the first keeps its name as the group's"
    assert len({record.group for record in done.records}) == 3


def test_the_samples_view_of_one_lesion_is_joined_to_its_scene(
    samples: Path, contract_of: ContractOf, contracts: Path
) -> None:
    reading = read_layout(contract_of("busi"), samples / "busi", contracts=contracts)
    found = groups(reading)
    scene = {name for name, group in found.items() if group == found["malignant_3"]}
    assert scene == {f"malignant_{number}" for number in range(3, 10)}
    assert {file for _, file, _ in told(reading.faults, "together")} == {
        f"Dataset_BUSI_with_GT/malignant/malignant ({number}).png" for number in (3, 4)
    }
    assert told(reading.faults, "together_unused") == []
