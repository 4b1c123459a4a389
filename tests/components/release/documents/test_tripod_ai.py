"""TRIPOD+AI: 27 items in 52 parts."""

from __future__ import annotations

import re

from components.release.documents.tripod_ai import tripod_ai
from tests.components.release.documents.conftest import MakeRun


def test_the_checklist_has_all_its_numbers(make_run: MakeRun) -> None:
    document = tripod_ai(make_run())
    numbers = [item.number for item in document.items]
    assert list(dict.fromkeys(int(re.sub(r"\D", "", number)) for number in numbers)) == list(range(1, 28))
    assert len(numbers) == len(set(numbers)) == 52
    assert "e078378" in document.markdown()
