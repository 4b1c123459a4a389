"""Which side a cluster must keep, and how a contradiction is told: images, sides, what links them, what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.errors import LeakError
from components.intake.form.records import SPLITS
from components.intake.sides.assignment import NO_SIDE
from components.intake.sides.images import Images
from components.intake.sides.keeping import kept_sides
from components.intake.sides.record import Row, SidesRecord
from components.intake.sides.relatives import Join, Relatives, clusters_of, find_relatives
from components.types import Record
from tests.components.intake.test_split import record


def on_record(**sides: str) -> SidesRecord:
    return SidesRecord(tuple(Row("a", name, f"a/{name}", side) for name, side in sorted(sides.items())))


def kept(images: list[Record], recorded: SidesRecord) -> dict[str, str]:
    datasets = {name: [one for one in images if one.dataset == name] for name in sorted({i.dataset for i in images})}
    table = Images(datasets)
    relatives = find_relatives(table)
    sides = zip(clusters_of(table, relatives).names, kept_sides(table, relatives, recorded).tolist(), strict=True)
    return {cluster: SPLITS[side] for cluster, side in sides if side != NO_SIDE}


def refused(images: list[Record], recorded: SidesRecord) -> LeakError:
    with pytest.raises(LeakError) as error:
        kept(images, recorded)
    return error.value


def test_a_cluster_keeps_the_side_of_its_images_on_record_and_new_ones_have_none() -> None:
    images = [record("a", "1", "g"), record("a", "2", "g"), record("b", "new", "h", pixels_md5="a/1")]
    images += [record("a", "other", "other")]
    assert kept(images, on_record(**{"1": "test"})) == {"a/g": "test"}


def test_an_image_is_known_by_its_pixels_under_another_name() -> None:
    recorded = on_record(gone="val")
    assert kept([record("b", "renamed", "g", pixels_md5="a/gone")], recorded) == {"b/g": "val"}
    assert kept([record("b", "other", "g")], recorded) == {}


def test_an_image_whose_pixels_were_corrected_is_known_by_its_name() -> None:
    assert kept([record("a", "1", "g", pixels_md5="corrected")], on_record(**{"1": "test"})) == {"a/g": "test"}


def test_phantoms_are_never_known() -> None:
    phantom = record("a", "1", "g", phantom=True)
    assert kept([phantom, replace(phantom, image_id="2", pixels_md5="a/1")], on_record(**{"1": "test"})) == {}


def test_a_copy_that_links_two_sides_is_told_with_the_joins() -> None:
    images = [record("a", "1", "g"), record("a", "2", "h")]
    images += [record("b", "x", "k", pixels_md5="a/1"), record("b", "y", "k", pixels_md5="a/2")]
    error = refused(images, on_record(**{"1": "train", "2": "test"}))
    assert error.found.startswith("1 cluster of relatives with different sides on record:\n  - train: a/1")
    for words in (
        "test: a/2",
        "a/1 and b/x (same pixels)",
        "b/x and b/y are of group b/k",
        "b/y and a/2 (same pixels)",
    ):
        assert words in error.found, error.found
    assert "quarantine" in error.remedy and "data/sides.csv" in error.remedy and "no longer hold" in error.remedy


def test_the_way_between_two_sides_is_the_shortest_and_near_copies_say_how_alike() -> None:
    names = "pqrst"
    images = [record("a", name, name) for name in names]
    cluster = {("a", name): "a/p" for name in names}
    near = [Join(("a", x), ("a", y), "near copy", 0.456) for x, y in ("pq", "qr", "rs")]
    relatives = Relatives(cluster, (*near, Join(("a", "t"), ("a", "p"), "near copy", 0.9)))
    with pytest.raises(LeakError) as error:
        kept_sides(Images({"a": images}), relatives, on_record(p="train", r="val", t="train"))
    chain = error.value.found.split("Linked by: ")[1]
    assert chain == "a/p and a/q (near copy, correlation 0.46); a/q and a/r (near copy, correlation 0.46)"


def test_a_new_group_key_is_told_as_what_links() -> None:
    images = [record("a", "1", "patient"), record("a", "2", "patient")]
    error = refused(images, on_record(**{"1": "train", "2": "val"}))
    assert "Linked by: a/1 and a/2 are of group a/patient" in error.found


def test_names_given_anew_contradict_the_pixels() -> None:
    error = refused([record("a", "1", "g", pixels_md5="a/2")], on_record(**{"1": "train", "2": "test"}))
    assert "train: a/1; test: a/1 (has the pixels of a/2 on record)" in error.found


def test_an_official_test_image_on_record_as_another_is_refused_with_all_three_sides() -> None:
    images = [record("a", "1", "g"), record("a", "2", "g"), record("a", "3", "g", official_split="test")]
    error = refused(images, on_record(**{"1": "train", "2": "val"}))
    assert "train: a/1; val: a/2; test: a/3 (its authors' test set)" in error.found
    assert "a/1 and a/2 are of group" in error.found and "a/1 and a/3 are of group" in error.found
    assert kept(images, on_record(**{"1": "test"})) == {"a/g": "test"}


def test_many_images_and_many_clusters_are_cut_short() -> None:
    images = [record("a", f"{g}_{k}", f"g{g:02}") for g in range(15) for k in range(8)]
    sides = {one.image_id: "test" if one.image_id.endswith("_0") else "train" for one in images}
    error = refused(images, on_record(**sides))
    assert error.found.startswith("15 clusters of relatives") and error.found.endswith("and 5 more")
    assert "train: a/0_1, a/0_2, a/0_3 and 4 more; test: a/0_0" in error.found
