"""Which cases share a map, and which training images the guard is fitted on; the whole is tested with its stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.evaluation.calibrating.calibrate import ValCases, calibrated_forms, fit_maps, spread_evenly


def cases(boxed_iou: list[float], clicked_iou: list[float]) -> ValCases:
    """Estimates rise from 0.5 on in either form; a group for each place."""
    quality = [0.5 + i / 100 for of in (boxed_iou, clicked_iou) for i in range(len(of))]
    groups = tuple(str(i) for of in (boxed_iou, clicked_iou) for i in range(len(of)))
    iou = np.array(boxed_iou + clicked_iou)
    boxed = np.arange(len(iou)) < len(boxed_iou)
    return ValCases(np.array(quality), iou, iou, boxed, groups, ())


def test_boxes_and_clicks_have_maps_of_their_own_where_each_can_tell() -> None:
    forms, maps = fit_maps(cases([0.7, 0.7, 0.9, 0.9], [0.1, 0.1, 0.3, 0.3]), min_block_cases=2)
    assert [own.tolist() for own in forms] == [[True] * 4 + [False] * 4, [False] * 4 + [True] * 4]
    assert maps[0].apply(0.505) == 0.7 and abs(maps[1].apply(0.505) - 0.1) < 1e-9


def test_one_map_serves_both_where_a_form_cant_tell_good_from_bad() -> None:
    forms, maps = fit_maps(cases([0.9, 0.7, 0.9, 0.7], [0.1, 0.1, 0.3, 0.3]), min_block_cases=2)
    assert len(maps) == 1 and forms[0].all()
    alone, only = fit_maps(cases([0.7, 0.7, 0.9, 0.9], []), min_block_cases=2)
    assert len(only) == 1 and alone[0].all() and only[0].apply(0.505) == 0.7


def test_which_forms_were_calibrated_is_what_was_asked() -> None:
    both, boxes = cases([0.7, 0.9], [0.1]), cases([0.7, 0.9], [])
    assert calibrated_forms(both) == ("with_box", "without_box")
    assert calibrated_forms(boxes) == ("with_box",)
    assert calibrated_forms(cases([], [0.1])) == ("without_box",)


@dataclass(frozen=True)
class Named:
    dataset: str
    image_id: str


def test_the_guards_images_are_spread_over_all_datasets_and_always_the_same() -> None:
    records = [Named(name, str(i)) for name in ("busi", "tn3k") for i in range(300)]
    picked = spread_evenly(records, 200)  # type: ignore[arg-type]
    assert picked == spread_evenly(records[::-1], 200) and len(set(picked)) == 200  # type: ignore[arg-type]
    assert 70 < sum(one.dataset == "busi" for one in picked) < 130
    assert len(spread_evenly(records, 1000)) == 600  # type: ignore[arg-type]
