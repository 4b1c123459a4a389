"""A gate's record is believed only where it is whole and follows from its own checks."""

from __future__ import annotations

import json

import pytest

from components.artefacts import sha256_of, write_json
from components.errors import ReleaseError
from components.release.checks.check import combined
from components.release.gate import judge
from components.release.promote import promote
from components.release.records.ledger import LEDGER
from components.release.verdict import expected_checks, missing_checks, read_gate


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (["PASS", "PASS"], "PASS"),
        (["PASS", "INSUFFICIENT"], "INSUFFICIENT"),
        (["INSUFFICIENT", "FAIL", "PASS"], "FAIL"),
    ],
)
def test_the_worst_check_decides(outcomes, verdict) -> None:
    assert combined(outcomes) == verdict


def test_a_whole_record_comes_back_as_it_was(make_model, write_gate) -> None:
    path = write_gate(make_model(1), "FAIL")
    found = read_gate(path)
    assert (found.values, found.content) == (json.loads(path.read_text()), path.read_bytes())
    assert found.sha256 == sha256_of(path)


@pytest.mark.parametrize("text", ["{", "{}", "[]", "null", "\x00", '{"verdict": "PASS", "model": null, "checks": []}'])
def test_a_broken_record_is_refused(tmp_path, make_model, write_gate, gate_params, registry, text: str) -> None:
    model = make_model(1)
    gate = write_gate(model)
    gate.write_text(text)
    with pytest.raises(ReleaseError, match="isn't a gate's record") as caught:
        promote(tmp_path, model=model, gate=gate, params=gate_params, registry=registry)
    assert "dvc repro gate" in caught.value.remedy
    assert not (tmp_path / LEDGER).exists()


@pytest.mark.parametrize("changes", [{"model": None}, {"model": {"digest": 3}}, {"checks": []}, {"verdict": "YES"}])
def test_a_record_without_what_it_must_say_is_refused(make_model, write_gate, changes) -> None:
    path = write_gate(make_model(1))
    write_json(path, json.loads(path.read_text()) | changes)
    with pytest.raises(ReleaseError, match="isn't a gate's record"):
        read_gate(path)


def test_the_gates_own_pass_holds_all_that_is_expected(make_evidence, rules) -> None:
    record = judge(make_evidence(), rules).as_json()
    assert record["verdict"] == "PASS" and missing_checks(record) == []
    for name in expected_checks(internal=("busi", "ddti"), external=("fugc",)):
        left = [check for check in record["checks"] if not f"{check['id']}:".startswith(f"{name}:")]
        assert len(left) < len(record["checks"]) and name in missing_checks({**record, "checks": left})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            lambda record: {"checks": record["checks"][:1]},
            "without provenance, clean_tree, declared, leak, trained_split and",
        ),
        (lambda record: {"checks": [one for one in record["checks"] if one["id"] != "parity"]}, "without parity"),
        (lambda record: {"datasets": {"internal": ["busi", "ddti"], "external": ["fugc"]}}, "without data:ddti"),
        (lambda record: {"datasets": {"internal": ["busi"], "external": []}}, "without datasets: external"),
        (lambda record: {"datasets": None}, "without datasets: internal, datasets: external"),
    ],
)
def test_a_pass_that_lacks_a_condition_is_never_promoted(
    tmp_path, make_model, judged, registry, change, told: str
) -> None:
    model = make_model(1)
    given = judged(model)
    record = json.loads(given["gate"].read_text())
    write_json(given["gate"], record | change(record))
    with pytest.raises(ReleaseError, match=told) as caught:
        promote(tmp_path, model=model, **given, registry=registry)
    assert "dvc repro gate" in caught.value.remedy and not (tmp_path / LEDGER).exists()


@pytest.mark.parametrize(("said", "found"), [("PASS", "FAIL"), ("PASS", "INSUFFICIENT"), ("FAIL", "PASS")])
def test_a_verdict_that_its_checks_dont_give_is_refused(
    tmp_path, make_model, write_gate, gate_params, registry, said: str, found: str
) -> None:
    model = make_model(1)
    gate = write_gate(model, found)
    write_json(gate, json.loads(gate.read_text()) | {"verdict": said})
    with pytest.raises(ReleaseError, match=f"says {said}, but its checks give {found}"):
        promote(tmp_path, model=model, gate=gate, params=gate_params, registry=registry)
    assert not (tmp_path / LEDGER).exists() and registry.versions == []
