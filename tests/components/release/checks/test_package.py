"""The folder that would be released: it gives the scored masks, and pickles in disguise are found."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from components.evaluation.parity import Parity
from components.release.checks.package import check_no_pickle, check_parity


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
