"""The report of a raw dataset: two judges that agree, files that read well offline and are equal for equal data."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from components.contract import Contract
from components.errors import DataFaultsError, JudgesDisagreeError
from components.intake import validate_data as validate_data_module
from components.intake.faults import as_text, fault
from components.intake.judging.rules import rules_of
from components.intake.layouts import Case
from components.intake.measuring import facts
from components.intake.measuring.facts import COLUMNS
from components.intake.measuring.pixels import CasePixels
from components.intake.validate_data import check_data, gx_verdicts, plain_verdicts, validate_data
from tests.components.intake.raw_trees import Tree, binary, disc, save, speckle

ContractOf = Callable[[str], Contract]


def _files(folder: Path) -> dict[Path, bytes]:
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_report_is_whole_offline_and_the_same_again(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "elsewhere"
    here.mkdir()
    monkeypatch.chdir(here)
    raw = tree("busi")
    seen: list[tuple[int, int]] = []
    for name in ("one", "two"):
        checked = validate_data(
            contract_of("busi"),
            raw,
            out=tmp_path / name,
            phantom=True,
            contracts=contracts,
            progress=lambda done, total: seen.append((done, total)),
        )
    assert list(here.iterdir()) == []
    assert seen[-1] == (6, 6)
    files = _files(tmp_path / "one")
    assert files == _files(tmp_path / "two")
    facts = pd.read_parquet(tmp_path / "one" / "facts.parquet")
    assert list(facts.columns) == list(COLUMNS)
    assert len(facts) == 6
    summary = json.loads(files[Path("faults.json")])
    assert (summary["sound"], summary["phantom"], summary["images"]) == (True, True, 6)
    assert files[Path("faults.md")].decode().startswith("# busi: 6 phantom images with annotation")
    pages = [text.decode() for path, text in files.items() if path.suffix == ".html"]
    assert len(pages) >= 5
    assert not any('src="http' in page or 'stylesheet" href="http' in page for page in pages)
    assert "Sound" in files[Path("docs/index.html")].decode()
    checked.require_sound(tmp_path / "one" / "faults.md")
    results = [text.decode() for path, text in files.items() if path.parts[:2] == ("docs", "validations")]
    assert len(results) == 2
    for page in results:
        assert "sound; expectations not met: " in page and "not sound" not in page
        assert not [wrong for wrong in ("Failed\n", "asset: None", "2000-01-01", "Success Percent") if wrong in page]


def _break(raw: Path) -> None:
    """Break six rules at once, and the layout."""
    place = raw / "Dataset_BUSI_with_GT"
    save(place / "benign/benign (1)_mask.png", np.zeros((160, 180), np.uint8))
    save(place / "benign/benign (2)_mask.png", binary(disc(height=90)))
    (place / "malignant/malignant (1).png").write_bytes(b"no image")
    shutil.copy(place / "normal/normal (1).png", place / "normal/normal (2).png")
    save(place / "malignant/malignant (2)_mask.png", np.where(disc(), 90, 0).astype(np.uint8))
    save(place / "malignant/malignant (3).png", speckle(77, height=40))
    save(place / "malignant/malignant (3)_mask.png", binary(disc(height=40)))
    save(place / "normal/normal (9)_mask.png", binary(disc()))


@pytest.mark.parametrize("phantom", [True, False])
def test_both_judges_agree_on_a_broken_tree(
    phantom: bool, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("busi")
    _break(raw)
    contract = contract_of("busi")
    checked = check_data(contract, raw, phantom=phantom, contracts=contracts)
    plain = plain_verdicts(checked, contract)
    broken = {name.split(":")[0] for name, held in plain.items() if not held}
    expected = {
        "unreadable_image",
        "mask_size_mismatch",
        "unknown_mask_code",
        "empty_mask",
        "image_size",
        "exact_copy",
        "stray_mask_values",
        "layout",
    }
    assert broken == expected | (set() if phantom else {"counts"})
    assert gx_verdicts(checked, contract) == plain
    assert len(plain) == len(rules_of(contract)) + (1 if phantom else 2)
    with pytest.raises(DataFaultsError, match=r"faults\.md"):
        checked.require_sound(Path("faults.md"))


def test_the_pages_say_by_severity_what_is_not_met(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("busi")
    _break(raw)
    out = tmp_path / "report"
    validate_data(contract_of("busi"), raw, out=out, phantom=True, contracts=contracts)
    (images,) = (out / "docs/validations/busi images").rglob("*.html")
    text = images.read_text()
    found = re.search(r"Status:</span> (.*?)</span>", text)
    assert found is not None and found[1].startswith("not sound; expectations not met: ")
    numbers = [int(number) for number in re.findall(r"(\d+) of severity", found[1])]
    assert sum(numbers) == text.count(">not met<") > 1
    assert "busi images: results" in (out / "docs/index.html").read_text()


def test_a_report_is_written_for_a_dataset_without_one_pair(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("tn3k")
    shutil.rmtree(raw / "trainval-mask")
    shutil.rmtree(raw / "test-image")
    checked = validate_data(contract_of("tn3k"), raw, out=tmp_path / "out", phantom=True, contracts=contracts)
    assert not checked.sound
    text = (tmp_path / "out/faults.md").read_text()
    assert "error: image_without_mask (5)" in text
    assert "`trainval-image/0000.jpg`" in text


def test_many_faults_of_a_kind_read_as_one_entry() -> None:
    faults = [
        fault("image_without_mask", dataset="a", file=f"{number:03d}.png", found="no mask") for number in range(132)
    ]
    text = as_text(faults, title="a")
    assert text.count("image_without_mask") == 1
    assert "## error: image_without_mask (132)" in text
    assert "and 120 more (all in faults.json)" in text
    assert len(text.splitlines()) < 12


def test_counts_of_the_original_are_compared_for_real_data_only(
    tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("udiat")
    real = check_data(contract_of("udiat"), raw, contracts=contracts)
    assert {(one.code, one.found) for one in real.faults} == {
        ("image_count", "4 (images)"),
        ("class_count", "0 (class benign)"),
        ("class_count", "0 (class malignant)"),
    }
    assert real.sound
    assert check_data(contract_of("udiat"), raw, phantom=True, contracts=contracts).faults == ()


def test_an_interrupted_validation_decodes_only_what_is_left(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = tree("udiat"), tmp_path / "out"
    real = facts.read_case
    decoded: list[str] = []

    def stops_at_the_third(case: Case, contract: Contract) -> CasePixels:
        if len(decoded) == 2:
            raise KeyboardInterrupt
        decoded.append(case.image_id)
        return real(case, contract)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(facts, "read_case", stops_at_the_third)
        validate_data(contract_of("udiat"), raw, out=out, contracts=contracts)
    assert not out.exists()
    changed, kept = decoded
    save(raw / f"BUS/original/{changed}.png", speckle(999))
    decoded.clear()
    monkeypatch.setattr(
        facts, "read_case", lambda case, contract: (decoded.append(case.image_id), real(case, contract))[1]
    )
    validate_data(contract_of("udiat"), raw, out=out, contracts=contracts)
    assert changed in decoded and kept not in decoded
    validate_data(contract_of("udiat"), raw, out=tmp_path / "fresh", contracts=contracts)
    assert _files(out) == _files(tmp_path / "fresh")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_after_an_unsound_verdict_only_what_was_mended_is_decoded(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, out = tree("udiat"), tmp_path / "out"
    place = raw / "BUS/original/000002.png"
    whole = place.read_bytes()
    place.write_bytes(whole[:200])
    real = facts.read_case
    decoded: list[str] = []
    monkeypatch.setattr(facts, "read_case", lambda case, said: (decoded.append(case.image_id), real(case, said))[1])
    contract = contract_of("udiat")
    assert not validate_data(contract, raw, out=out, phantom=True, contracts=contracts).sound
    assert len(decoded) == 4
    decoded.clear()
    lowered = contract.model_copy(update={"severity": {"specks": "warning"}})
    assert not validate_data(lowered, raw, out=out, phantom=True, contracts=contracts).sound
    assert decoded == []
    place.write_bytes(whole)
    assert validate_data(contract, raw, out=out, phantom=True, contracts=contracts).sound
    assert decoded == ["000002"]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_facts_of_another_library_are_not_taken_over(contract_of: ContractOf, monkeypatch: pytest.MonkeyPatch) -> None:
    contract = contract_of("udiat")
    stamp = facts.work_stamp(contract, phantom=False)
    assert stamp["libraries"].keys() >= {"numpy", "opencv-python-headless", "pillow", "scipy", "simpleitk"}
    monkeypatch.setattr(facts, "version", lambda name: "0")
    assert facts.work_stamp(contract, phantom=False) != stamp


def test_judges_that_disagree_stop_the_run_with_the_rule(
    tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def strays(*given: Any, **named: Any) -> dict[str, bool]:
        verdicts = gx_verdicts(*given, **named)
        return {rule: held for rule, held in verdicts.items() if rule != "specks:specks"} | {"empty_mask:x": True}

    monkeypatch.setattr(validate_data_module, "gx_verdicts", strays)
    with pytest.raises(JudgesDisagreeError) as told:
        validate_data(contract_of("udiat"), tree("udiat"), out=tmp_path / "out", phantom=True, contracts=contracts)
    assert "udiat" in told.value.found and "report the rules" in told.value.remedy
    assert "specks:specks holds by the plain rules, isn't judged by Great Expectations" in told.value.found
    assert "empty_mask:x isn't judged by the plain rules" in told.value.found
    assert not (tmp_path / "out").exists()
