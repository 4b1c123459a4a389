"""A refusal is recorded and moves nothing."""

from __future__ import annotations

import json

from components.release.promote import LEDGER, champion_folder
from tests.pipelines.conftest import Reached


def test_a_refusal_is_recorded_with_its_reasons(reached: Reached) -> None:
    root = reached("promote")
    promotion = json.loads((root / "reports/promotion.json").read_text(encoding="utf-8"))
    assert promotion["action"] == "refused" and promotion["bento"] is None and promotion["to"] is None
    assert promotion["reasons"]
    assert (root / LEDGER).read_text(encoding="utf-8").count("\n") == 1
    assert champion_folder(root) is None
