"""One middling object in every way that was asked for, its image once."""

from __future__ import annotations

from dataclasses import replace

from components.evaluation.reporting.page.results import Results
from components.evaluation.reporting.page.ways import ways


def test_a_middling_object_in_every_way(results: Results) -> None:
    busi, *others = ways(results, "box_jitter")
    assert [way.kind for way in busi.each] == [
        "exact box",
        "jittered box",
        "box moved, scaled by 20 %",
        "click",
        "box where there is nothing",
    ]
    cases = results.tested[0].cases
    ours = cases[(cases["model"] == "student") & (cases["prompt"] == "box_jitter")].set_index("case_id")["dice"]
    assert busi.name == ours.sort_values().index[3]
    assert busi.each[1].outcome == f"Dice {ours[busi.name]:.3f}"
    assert busi.each[-1].outcome in {"rightly left empty", "a region was found, where there is none"}
    assert str(busi.image).count("data:image/png") == 1 and 'id="image0"' in busi.image
    assert all('<use href="#image0"/>' in way.picture and "data:" not in way.picture for way in busi.each)
    assert len(others) == 2 and 'id="image2"' in others[1].image


def test_one_way_alone_is_no_comparison(results: Results) -> None:
    one = results.tested[0]
    alone = replace(one, cases=one.cases[one.cases["prompt"] == "click"])
    assert ways(replace(results, tested=(alone,)), "box_jitter") == []
