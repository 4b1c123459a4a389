"""CLAIM: all numbers of 2020, and what the update of 2024 adds."""

from __future__ import annotations

from components.release.documents.claim import claim
from tests.components.release.documents.conftest import MakeRun


def test_the_checklist_has_all_its_numbers_and_its_source(make_run: MakeRun) -> None:
    document = claim(make_run())
    assert [item.number for item in document.items] == [*map(str, range(1, 43)), "+1", "+2", "+3"]
    assert "e200029" in document.markdown() and "e240300" in document.markdown()


def test_what_is_true_of_phantoms_isnt_said_of_real_images(make_run: MakeRun) -> None:
    drawn, real = claim(make_run()), claim(make_run(real=True))
    assert "All images are drawn" in drawn.markdown() and "they show nobody" not in real.markdown()
    truths = [next(item.says for item in one.items if item.number == "14") for one in (drawn, real)]
    assert "busi: what was drawn" in truths[0] and "busi: the source's own outlines" in truths[1]
    status = {item.number: item.status for item in real.items}
    assert {status[number] for number in ("12", "15", "16", "17", "18")} == {"NOT PROVIDED"}
