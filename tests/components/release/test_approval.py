"""A person's approval: of one record, of a PASS, with a reason; and a verdict beside a model that is in use no more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from components.artefacts import sha256_of, write_json
from components.errors import ReleaseError
from components.params import GateParams
from components.release.approval import Approval, approve, check_approval
from components.release.records.ledger import LEDGER, append, read_ledger
from components.release.verdict import read_gate, refuse_outdated


def check(root: Path, gate: Path, params: GateParams) -> Approval:
    """Whether a record in a project is approved."""
    return check_approval(read_ledger(root / LEDGER), read_gate(gate), params)


@pytest.fixture
def strict(gate_params):
    return gate_params.model_copy(update={"require_approval": True})


def test_an_approval_counts_where_it_is_asked_for(tmp_path, make_model, write_gate, gate_params, strict) -> None:
    gate = write_gate(make_model(1))
    assert check(tmp_path, gate, gate_params).missing is None
    before = check(tmp_path, gate, strict)
    assert before.required and before.missing is not None and "sonoforge approve" in before.missing
    entry = approve(tmp_path, gate, reason="seen the worst cases", who="ada")
    after = check(tmp_path, gate, strict)
    assert (after.missing, after.entry) == (None, entry)
    assert (entry.action, entry.who, entry.gate_sha256) == ("approve", "ada", sha256_of(gate))
    assert read_ledger(tmp_path / LEDGER).champion is None, "an approval brings nothing into use"


def test_the_record_itself_can_ask_for_it(tmp_path, make_model, write_gate, gate_params) -> None:
    gate = write_gate(make_model(1))
    write_json(gate, json.loads(gate.read_text()) | {"approval": {"required": True}})
    assert check(tmp_path, gate, gate_params).missing is not None


def test_any_change_of_the_record_voids_it(tmp_path, make_model, write_gate, strict) -> None:
    gate = write_gate(make_model(1))
    approve(tmp_path, gate, reason="seen", who="ada")
    record = json.loads(gate.read_text())
    record["checks"][0]["value"] = 0.5
    write_json(gate, record)
    missing = check(tmp_path, gate, strict).missing
    assert missing is not None and "by ada" in missing and "another record" in missing


def test_an_approval_of_another_model_counts_for_nothing(tmp_path, make_model, write_gate, strict) -> None:
    approve(tmp_path, write_gate(make_model(1)), reason="seen", who="ada")
    missing = check(tmp_path, write_gate(make_model(2)), strict).missing
    assert missing is not None and "ada" not in missing


def test_a_second_approval_of_the_same_record_adds_nothing(tmp_path, make_model, write_gate) -> None:
    gate = write_gate(make_model(1))
    first = approve(tmp_path, gate, reason="seen", who="ada")
    assert approve(tmp_path, gate, reason="again", who="bob") == first
    assert len(read_ledger(tmp_path / LEDGER).entries) == 1


@pytest.mark.parametrize(("verdict", "reason", "words"), [("FAIL", "fine", "says FAIL"), ("PASS", "  ", "reason")])
def test_only_a_pass_with_a_reason_is_approved(tmp_path, make_model, write_gate, verdict, reason, words) -> None:
    with pytest.raises(ReleaseError, match=words):
        approve(tmp_path, write_gate(make_model(1), verdict), reason=reason, who="ada")
    assert not (tmp_path / LEDGER).exists()


def test_a_pass_beside_another_model_than_the_one_in_use_is_outdated(tmp_path, make_model, write_gate) -> None:
    record = read_gate(write_gate(make_model(1)))
    refuse_outdated(record, read_ledger(tmp_path / LEDGER))

    def promoted(digest: str) -> None:
        digests = {"source": read_ledger(tmp_path / LEDGER).champion, "target": digest, "candidate": digest}
        append(tmp_path / LEDGER, action="promote", who="ada", gate_sha256="0" * 64, reason="PASS", **digests)

    promoted("f" * 64)
    with pytest.raises(ReleaseError, match="beside no model; in use now is the model ffffffffffff") as caught:
        refuse_outdated(record, read_ledger(tmp_path / LEDGER))
    assert "dvc repro" in caught.value.remedy
    for change in ({"champion": "f" * 64}, {"verdict": "FAIL"}):
        refuse_outdated(replace(record, values={**record.values, **change}), read_ledger(tmp_path / LEDGER))
    promoted(record.digest)
    promoted("e" * 64)
    refuse_outdated(record, read_ledger(tmp_path / LEDGER))  # it was in use before: bringing it back is a choice
