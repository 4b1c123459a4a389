"""What is said of the data is counted from the records, and phantoms are never called a source."""

from __future__ import annotations

from dataclasses import replace

from components.release.documents import about_data
from components.release.documents.statements import NOT_PROVIDED
from tests.components.release.documents.conftest import MakeRun


def test_images_are_counted_by_class_and_side(make_run: MakeRun) -> None:
    head, *rows, total = about_data.by_class_and_side(make_run(), "busi")
    assert head == ("class", "train", "val", "test", "all")
    # Odd numbers are benign; a number's remainder by 3 is its side.
    assert rows == [("benign", "2", "2", "1", "5"), ("none given", "1", "2", "2", "5")]
    assert total == ("all", "3", "4", "3", "10")
    assert "fugc: benign (5 external), none given (5 external)" in about_data.classes(make_run())


def test_objects_sizes_spacing_and_flags_are_counted(make_run: MakeRun) -> None:
    run = make_run()
    assert about_data.objects(run, "busi") == "8 (8 lesion); 2 images without any"
    assert about_data.image_sizes(run, "busi") == "60 to 60 pixels wide, 41 to 50 high"
    assert about_data.spacing(run, "busi").startswith("known of 0 of 10 images (0 %)")
    assert about_data.flags(run, "busi") == "axilla 1"
    assert about_data.left_out(run, "busi") == "10 images judged, 10 harmonised"
    kept = about_data.left_out(make_run(real=True), "busi")
    assert kept == "10 images judged, 10 harmonised, listed in the contract: 1 known to be broken, 0 in quarantine"
    assert about_data.burnt_in(run, "busi").startswith("files with calipers 1, with text 0")


def test_where_images_come_from(make_run: MakeRun) -> None:
    drawn, real = make_run(), make_run(real=True)
    assert "drawn by components/phantom from seed 101; no person was imaged" in about_data.origin(drawn, "busi")
    assert about_data.origin(real, "busi").endswith(", from data/imports/busi")
    assert about_data.acquisition(drawn) == ("busi: drawn, not taken; fugc: drawn, not taken", False)
    told, _ = about_data.acquisition(real)
    assert "busi: 600 women" in told


def test_scanners_and_sites_are_counted_and_a_gap_is_called_one(make_run: MakeRun) -> None:
    run = make_run(real=True)
    silent = {name: one.model_copy(update={"acquisition": None}) for name, one in run.contracts.items()}
    assert about_data.taken(replace(run, contracts=silent), "busi") == NOT_PROVIDED
    assert about_data.acquisition(replace(run, contracts=silent))[1]
    images = [replace(one, scanner="A" if one.image_id == "i1" else None) for one in run.records["busi"]]
    counted = replace(run, contracts=silent, records={**run.records, "busi": tuple(images)})
    assert about_data.taken(counted, "busi") == "Images by scanner: A 1, not stated 9"


def test_what_the_model_had_seen_is_said_with_its_reason(make_run: MakeRun) -> None:
    run = make_run()
    assert about_data.exposure(run, "busi") == "yes; trained on it; base weights: from scratch"
    assert about_data.exposure(run, "fugc") == "no; base weights: from scratch"


def test_the_flow_ends_in_scored_cases(make_run: MakeRun) -> None:
    told = about_data.participants_flow(make_run())
    assert "busi: 10 images, 3 train, 4 val, 3 test; tested with 30 images in 30 groups, 30 cases" in told
    assert "with seed 7 and the aims val 10 %, test 25 %" in about_data.partition(make_run())
