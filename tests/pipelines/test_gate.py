"""A verdict with reasons; a bad one is a result, not an error."""

from __future__ import annotations

import json

from components.artefacts import read_description
from tests.pipelines.conftest import Reached


def test_one_epoch_on_a_few_phantoms_isnt_enough_and_the_verdict_says_why(reached: Reached) -> None:
    root = reached("gate")
    gate = json.loads((root / "reports/gate.json").read_text(encoding="utf-8"))
    assert gate["verdict"] in {"FAIL", "INSUFFICIENT"}
    assert gate["phantom"] is True
    assert gate["model"]["digest"] == read_description(root / "models/student").digest
    checks = {check["id"]: check for check in gate["checks"]}
    assert checks["cases:busi"]["verdict"] == "INSUFFICIENT", "four images are fewer than twenty"
    assert checks["leak"]["verdict"] == "PASS" and checks["data:fugc"]["verdict"] == "PASS"
    assert all(check["reason"] for check in gate["checks"])
