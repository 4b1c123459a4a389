"""The folder that would be released: it gives the scored masks, and pickles in disguise are found."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from components.evaluation.parity import Parity
from components.release.checks.package import check_intact, check_no_pickle, check_package, check_parity


def test_parity_speaks_of_loading_again(make_evidence, rules) -> None:
    (check,) = check_parity(make_evidence(parity=Parity(cases=4, worst_share=0.25)), rules)
    assert (check.verdict, check.value) == ("FAIL", 0.25)
    assert "loaded again" in check.reason and "25 %" in check.reason


@pytest.mark.parametrize(
    ("name", "content", "safe"),
    [
        ("notes.md", b"# plain", True),
        ("notes.md", b"\x80\x04.", False),
        ("weights2.safetensors", b"\x80\x04" + b"\0" * 6, True),
        ("extra.json", b"\x80\x06", True),
        ("run.py", b"", False),
    ],
)
def test_what_may_run_code_is_known_by_name_or_first_bytes(
    make_evidence, make_model, rules, name, content, safe
) -> None:
    model: Path = make_model()
    (model / name).write_bytes(content)
    (check,) = check_no_pickle(make_evidence(model=model), rules)
    assert check.verdict == ("PASS" if safe else "FAIL")
    assert safe or check.value == name


def test_an_archive_under_a_safe_name_is_found(make_evidence, make_model, rules) -> None:
    model: Path = make_model()
    with zipfile.ZipFile(model / "model.onnx", "w") as archive:
        archive.writestr("data.pkl", b"x")
    (check,) = check_no_pickle(make_evidence(model=model), rules)
    assert check.value == "model.onnx"


def packaged(make_evidence, **changes):
    """Evidence whose package is good but for what is changed; dotted names reach down."""
    package = json.loads(json.dumps(make_evidence().package))
    for name, value in changes.items():
        *above, last = name.split("__")
        place = package
        for key in above:
            place = place[key]
        place[last] = value
    return make_evidence(package=package)


@pytest.mark.parametrize(
    ("changes", "check", "verdict", "words"),
    [
        ({}, "exported_parity", "PASS", "8 golden cases"),
        ({"parity__exported__worst_share": 0.01}, "exported_parity", "FAIL", "ONNX"),
        ({"parity__exported__worst_dice_difference": 0.2}, "exported_parity", "FAIL", "0.2000 of Dice"),
        ({"parity__service__worst_share": 0.01}, "service_parity", "FAIL", "service"),
        ({"parity__service__cases": 0}, "service_parity", "INSUFFICIENT", "no case"),
        ({}, "service_same", "PASS", "from onnxruntime alone in at most 0 %"),
        ({"served__worst_share": 1e-6}, "service_same", "FAIL", "0.0001 % of the pixels"),
        ({"served__cases": 0}, "service_same", "INSUFFICIENT", "no case"),
        ({}, "runtime_parity", "PASS", "(onnxruntime, openvino)"),
        ({"runtimes__openvino__worst_share": 0.01}, "runtime_parity", "FAIL", "1 % of the pixels"),
        ({"runtimes__openvino__worst_dice_difference": 0.2}, "runtime_parity", "FAIL", "0.2000 of Dice"),
        ({"runtime": "pytorch"}, "runtime_parity", "FAIL", "pytorch ran the service"),
        ({"runtimes__openvino__cases": 0}, "runtime_parity", "INSUFFICIENT", "not each runtime"),
        ({"runtimes": {}}, "runtime_parity", "INSUFFICIENT", "dvc repro package"),
        ({"parity": {}}, "exported_parity", "INSUFFICIENT", "dvc repro package"),
        ({"latency_ms__embed__p95": 5000.0}, "embed_latency", "FAIL", "a new image takes 5000 ms"),
        ({"latency_ms__segment__p95": 900.0}, "segment_latency", "FAIL", "a prompt takes 900 ms"),
        ({"start_s": 300.0}, "start_time", "FAIL", "starts in 300 s"),
        ({"peak_memory_mb": 9000.0}, "memory", "FAIL", "at most 9000 MB"),
        ({"peak_memory_mb": None}, "memory", "INSUFFICIENT", "dvc repro package"),
        ({"unsafe_files": ["src/model/x.pt"]}, "no_pickle_bento", "FAIL", "src/model/x.pt"),
        ({"unsafe_files": None}, "no_pickle_bento", "INSUFFICIENT", "doesn't say"),
        ({"model__digest": "e" * 64}, "package", "INSUFFICIENT", "about the weights eeeeeeeeeeee"),
    ],
)
def test_each_fault_of_the_package(make_evidence, rules, changes, check, verdict, words) -> None:
    found = {one.id: one for one in check_package(packaged(make_evidence, **changes), rules)}
    assert found[check].verdict == verdict and words in found[check].reason
    others = {one.verdict for one in found.values() if one.id != check}
    assert verdict == "INSUFFICIENT" or others <= {"PASS"}


def test_without_a_package_nothing_is_known(make_evidence, rules) -> None:
    (check,) = check_package(make_evidence(package=None), rules)
    assert check.verdict == "INSUFFICIENT" and "dvc repro package" in check.reason


def test_a_file_that_was_changed_after_it_was_tried_fails(make_evidence, rules) -> None:
    changed = make_evidence(package_changes=("encoder.onnx was changed",))
    found = {one.id: one for one in check_package(changed, rules)}
    assert found["package_files"].verdict == "FAIL" and "encoder.onnx was changed" in found["package_files"].reason


def test_a_folder_that_does_not_load_fails(make_evidence, rules) -> None:
    (check,) = check_intact(make_evidence(broken="weights.safetensors has another sha256"), rules)
    assert check.verdict == "FAIL" and "another sha256" in check.reason
