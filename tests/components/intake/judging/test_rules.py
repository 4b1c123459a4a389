"""Rules: what breaks each kind, that a missing fact is no failure, and what the faults say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.contract import AcceptedFault, Contract
from components.intake.faults import CATALOGUE
from components.intake.judging.rules import (
    MAX_BLACK_SHARE,
    MAX_DOPPLER_SHARE,
    MAX_STRAY_SHARE,
    broken_rows,
    counts_frame,
    judge,
    judge_counts,
    rules_of,
    warned_of,
)
from components.intake.measuring.facts_table import COLUMNS, Facts
from components.intake.measuring.pixels import MAX_OBJECTS

ContractOf = Callable[[str], Contract]


def row(**changes: Any) -> dict[str, Any]:
    """The facts of a sound image, but for what is changed."""
    sound = {
        "image_id": "a",
        "image_file": "a.png",
        "mask_files": "a_mask.png",
        "image_problem": "",
        "mask_problem": "",
        "mask_size_problem": "",
        "mask_turned_problem": "",
        "identity_names": "",
        "date_names": "",
        "identity_tags": "",
        "orientation_problem": "",
        "text_glyphs": 0,
        "caliper_crosses": 0,
        "doppler_share": 0.0,
        "black_share": 0.0,
        "accepted": "",
        "unknown_codes": "",
        "declared_conflict": "",
        "height_px": 200,
        "width_px": 300,
        "short_side_px": 200,
        "long_side_px": 300,
        "stray_share": 0.0,
        "foreground_share": 0.1,
        "objects": 1,
        "specks": 0,
        "covered": 0,
        "empty_where_required": False,
        "lesion_where_none": False,
        "pixels_md5": "1",
    }
    return {**dict.fromkeys(COLUMNS), **sound, **changes}


@pytest.mark.parametrize(
    ("changes", "code", "file", "found"),
    [
        ({"image_problem": "a.png\tcut off"}, "unreadable_image", "a.png", "cut off"),
        ({"mask_problem": "a_mask.png\tno PNG\nb.png\ttoo"}, "unreadable_mask", "a_mask.png", "no PNG"),
        ({"mask_size_problem": "a_mask.png\t1 x 2"}, "mask_size_mismatch", "a_mask.png", "1 x 2"),
        ({"mask_turned_problem": "a_mask.png\t1 x 2"}, "mask_turned", "a_mask.png", "1 x 2"),
        ({"orientation_problem": "a.png\tEXIF orientation 6"}, "exif_orientation", "a.png", "EXIF orientation 6"),
        ({"identity_tags": "a.png\tArtist, GPSInfo"}, "identity_tag", "a.png", "Artist, GPSInfo"),
        ({"identity_names": "b/a.png\ta long number"}, "identity_in_name", "b/a.png", "a long number"),
        ({"date_names": "b\ta date"}, "date_in_name", "b", "a date"),
        ({"text_glyphs": 5}, "burnt_in_text", "a.png", "5 glyphs in lines"),
        ({"caliper_crosses": 1}, "calipers", "a.png", "1 crosses"),
        ({"doppler_share": 0.05}, "colour_doppler", "a.png", "5.0% of the frame"),
        ({"black_share": 0.02}, "black_area", "a.png", "2.0% of the frame"),
        ({"format_problem": "a.png\tJPEG"}, "format_mismatch", "a.png", "JPEG"),
        ({"frames_problem": "a.png\tseveral"}, "several_frames", "a.png", "several"),
        ({"depth_problem": "a.png\t16 bits"}, "reduced_depth", "a.png", "16 bits"),
        ({"picture_share": 0.01}, "blank_image", "a.png", "one grey but for 1.0% of the frame"),
        ({"neighbour_correlation": 0.1}, "only_noise", "a.png", "pixels that correlate with those beside them by 0.10"),
        ({"unknown_codes": "m/a.png\tmask values 3, 9"}, "unknown_mask_code", "m/a.png", "mask values 3, 9"),
        ({"stray_share": MAX_STRAY_SHARE + 0.01}, "stray_mask_values", "a.png", "a share of 3.0%"),
        ({"stray_share": 0.5, "stray_file": "m/a.png"}, "stray_mask_values", "m/a.png", "a share of 50.0%"),
        ({"specks": 2, "speck_file": "m/a_1.png"}, "specks", "m/a_1.png", "2 components under min_area_px"),
        ({"objects": 256, "mask_file": "m/a.png"}, "too_many_objects", "m/a.png", "256 objects or more"),
        ({"empty_where_required": True, "mask_file": "m/a.png"}, "empty_mask", "m/a.png", "no object in the mask"),
        ({"lesion_where_none": True, "mask_file": "m/a.png"}, "unexpected_lesion", "m/a.png", "an object in the mask"),
        ({"declared_conflict": "shows x", "mask_file": "m/a.png"}, "label_conflict", "m/a.png", "shows x"),
        ({"foreground_share": 0.999, "mask_file": "m/a.png"}, "foreground_share", "m/a.png", "99.9%"),
        ({"objects": MAX_OBJECTS + 1}, "too_many_objects", "a.png", f"{MAX_OBJECTS + 1} objects or more"),
        ({"empty_where_required": True}, "empty_mask", "a.png", "no object in the mask"),
        ({"lesion_where_none": True}, "unexpected_lesion", "a.png", "an object in the mask"),
        ({"declared_conflict": "shows x"}, "label_conflict", "a.png", "shows x"),
        ({"covered": 2}, "covered_object", "a.png", "2 objects wholly under others"),
        ({"specks": 2}, "specks", "a.png", "2 components under min_area_px"),
        ({"foreground_share": 0.999}, "foreground_share", "a.png", "99.9%"),
        ({"short_side_px": 5}, "image_size", "a.png", "a side of 5 pixels"),
        ({"long_side_px": 99999}, "image_size", "a.png", "a side of 99999 pixels"),
    ],
)
def test_each_rule_finds_its_fault_alone(
    changes: dict[str, Any], code: str, file: str, found: str, contract_of: ContractOf
) -> None:
    contract = contract_of("udiat")
    assert judge(Facts([row()]), contract) == []
    faults = judge(Facts([row(**changes), row(image_file="b.png", pixels_md5="2")]), contract)
    assert {fault.code for fault in faults} == {code}
    assert (faults[0].file, faults[0].found, faults[0].severity) == (file, found, CATALOGUE[code].severity)
    assert len(faults) == len(str(changes.get("mask_problem", "")).split("\n"))


def test_limits_themselves_are_allowed(contract_of: ContractOf) -> None:
    expect = contract_of("udiat").expectations
    at_the_edge = row(
        short_side_px=expect.min_side_px,
        long_side_px=expect.max_side_px,
        foreground_share=expect.max_foreground_share,
        stray_share=MAX_STRAY_SHARE,
        doppler_share=MAX_DOPPLER_SHARE,
        black_share=MAX_BLACK_SHARE,
        objects=MAX_OBJECTS,
    )
    assert judge(Facts([at_the_edge]), contract_of("udiat")) == []


def test_equal_pixels_are_found_in_both_and_missing_ones_are_not_equal(contract_of: ContractOf) -> None:
    rows = [
        row(image_file=f"{name}.png", pixels_md5=md5) for name, md5 in zip("abcd", ("1", "1", None, None), strict=True)
    ]
    faults = judge(Facts(rows), contract_of("udiat"))
    assert [(fault.code, fault.file) for fault in faults] == [("exact_copy", "a.png"), ("exact_copy", "b.png")]


def test_what_a_folder_tells_is_one_fault(contract_of: ContractOf) -> None:
    rows = [row(image_file=f"v/{k}.png", pixels_md5=str(k), date_names="v\ta date") for k in range(3)]
    assert [(one.code, one.file) for one in judge(Facts(rows), contract_of("udiat"))] == [("date_in_name", "v")]


def test_faults_are_told_rule_by_rule_however_many_rows_are_read_at_once(contract_of: ContractOf) -> None:
    known = AcceptedFault(file="c.png", code="unreadable_mask", reason="known")
    severity = dict.fromkeys(("specks", "burnt_in_text", "exact_copy"), "warning")
    contract = contract_of("udiat").model_copy(update={"accepted_faults": (known,), "severity": severity})
    rows = [row(image_id=f"{number}", image_file=f"{number}.png", pixels_md5=f"{number}") for number in range(2100)]
    rows[7]["pixels_md5"] = rows[2050]["pixels_md5"] = "same"
    rows[2060] |= {"identity_tags": "a\tArtist", "specks": 1, "text_glyphs": 2}
    rows[1500] |= {"specks": 1, "accepted": "unreadable_mask\tc.png\tcut off"}
    rows[3] |= {"specks": 1, "text_glyphs": 1, "pixels_md5": None}
    facts = Facts(rows)
    assert [(one.code, one.file) for one in judge(facts, contract)] == [
        ("identity_tag", "a"),
        ("specks", "3.png"),
        ("specks", "1500.png"),
        ("specks", "2060.png"),
        ("burnt_in_text", "3.png"),
        ("burnt_in_text", "2060.png"),
        ("exact_copy", "7.png"),
        ("exact_copy", "2050.png"),
        ("unreadable_mask", "c.png"),
    ]
    warned = dict(enumerate(warned_of(facts, contract)))
    assert len(warned) == len(rows) and {row: codes for row, codes in warned.items() if codes} == {
        3: ("specks", "burnt_in_text"),
        7: ("exact_copy",),
        1500: ("specks", "unreadable_mask"),
        2050: ("exact_copy",),
        2060: ("specks", "burnt_in_text"),
    }


def test_a_missing_fact_breaks_no_rule(contract_of: ContractOf) -> None:
    nothing = Facts([{**dict.fromkeys(COLUMNS), "image_id": "a", "image_file": "a.png"}])
    rules = rules_of(contract_of("fugc"))
    assert broken_rows(nothing, contract_of("fugc")) == {rule.name: 0 for rule in rules}
    assert len({rule.name for rule in rules}) == len(rules)


def test_an_accepted_fault_is_a_warning_with_its_reason(contract_of: ContractOf) -> None:
    known = AcceptedFault(file="a.png", code="unreadable_image", reason="cut off by the authors")
    contract = contract_of("udiat").model_copy(update={"accepted_faults": (known,)})
    (fault,) = judge(Facts([row(accepted="unreadable_image\tdeep/a.png\tcut off")]), contract)
    assert (fault.severity, fault.file, fault.found) == ("warning", "deep/a.png", "cut off")
    assert "cut off by the authors" in fault.remedy


def test_counts_are_compared_with_what_the_authors_state(contract_of: ContractOf) -> None:
    contract = contract_of("busi")
    stated = contract.expectations.classes
    assert set(stated) == {"benign", "malignant", "normal"}
    rows = [row(subject_class=name) for name in stated for _ in range(stated[name])]
    assert judge_counts(counts_frame(Facts(rows), contract), contract) == []
    faults = judge_counts(counts_frame(Facts(rows[1:]), contract), contract)
    assert [fault.code for fault in faults] == ["class_count", "image_count"]
    assert faults[0].found == f"{stated['benign'] - 1} (class benign)"
