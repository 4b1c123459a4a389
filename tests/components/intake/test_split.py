"""Records to sides: nothing crosses, and no image on record moves, whatever joins it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from random import Random

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import LayoutError, LeakError, ParamsError
from components.intake.form.records import read_split, write_split
from components.intake.likeness.perceptual_hash import perceptual_hash
from components.intake.measuring.pixels import pixels_md5
from components.intake.sides.record import Row, SidesRecord
from components.intake.sides.relatives import find_relatives, fine_correlation
from components.intake.split import assert_no_leak, split
from components.params import SplitParams
from components.types import Record
from tests.components.intake.raw_trees import save

PARAMS = SplitParams(seed=7, val_share=0.1, test_share=0.25, mix_phantoms=False)


def record(dataset: str, image_id: str, group: str, **changes: object) -> Record:
    """A record without files; its pixels are unlike any other's."""
    plain = Record(
        dataset=dataset,
        image_id=image_id,
        group=group,
        role="internal",
        image_path=Path("none.png"),
        mask_path=Path("none.png"),
        height_px=100,
        width_px=100,
        pixels_md5=f"{dataset}/{image_id}",
        phantom=False,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def records_of(dataset: str, sizes: list[int], **changes: object) -> list[Record]:
    """Groups of these sizes."""
    return [
        record(dataset, f"{group}_{k}", f"g{group}", **changes) for group, size in enumerate(sizes) for k in range(size)
    ]


def sides(frame: pd.DataFrame) -> dict[tuple[str, str], str]:
    return {(row.dataset, row.image_id): row.split for row in frame.itertuples()}


sizes_of_groups = st.lists(st.integers(1, 6), min_size=10, max_size=60)


@settings(deadline=None, max_examples=40)
@given(sizes_of_groups, sizes_of_groups, st.integers(0, 1000))
def test_every_image_gets_one_side_and_no_group_crosses(first: list[int], second: list[int], seed: int) -> None:
    datasets = {"a": records_of("a", first), "b": records_of("b", second)}
    frame = split(datasets, PARAMS.model_copy(update={"seed": seed}))
    assert len(frame) == sum(first) + sum(second)
    assert (frame.groupby("group")["split"].nunique() == 1).all()
    assert (frame.groupby("dataset")["split"].nunique() == 3).all()
    assert frame.equals(split(datasets, PARAMS.model_copy(update={"seed": seed})))


def test_an_official_test_set_stays_test_and_nothing_joins_it() -> None:
    official = [record("a", f"t{k}", f"t{k}", official_split="test") for k in range(20)]
    rest = [record("a", f"r{k}", f"r{k}", official_split="trainval") for k in range(80)]
    frame = split({"a": official + rest}, PARAMS).set_index("image_id")["split"]
    assert set(frame[[one.image_id for one in official]]) == {"test"}
    assert set(frame[[one.image_id for one in rest]]) == {"train", "val"}


def test_relatives_of_an_official_test_image_are_test_too() -> None:
    official = [record("a", "t", "shared", official_split="test")]
    rest = [record("a", f"r{k}", f"r{k}", official_split="trainval") for k in range(40)]
    relative = record("a", "r", "shared", official_split="trainval")
    copy = record("b", "copy", "copy", pixels_md5=official[0].pixels_md5)
    datasets = {"a": [*official, *rest, relative], "b": [copy, *records_of("b", [1] * 40)]}
    found = sides(split(datasets, PARAMS))
    assert found["a", "r"] == found["b", "copy"] == "test"


# A step takes some images away, by position, and adds others: to old groups and new ones, some as copies of images
# that are or were there. `None` is an image of its own, a number the image ever seen whose pixels it has.
steps_of_images = st.lists(
    st.tuples(
        st.sets(st.integers(0, 60), max_size=5),
        st.lists(
            st.tuples(st.sampled_from("abc"), st.integers(0, 25), st.one_of(st.none(), st.integers(0, 80))),
            min_size=1,
            max_size=25,
        ),
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=100)
@given(steps_of_images, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_whatever_comes_and_goes_an_image_on_record_keeps_its_side_or_the_split_is_refused(
    steps: list[tuple[set[int], list[tuple[str, int, int | None]]]], seed: int, random: Random
) -> None:
    params = PARAMS.model_copy(update={"seed": seed})
    images = [one for name in "abc" for one in records_of(name, [1, 2, 1, 3, 1, 2, 1, 1, 1, 1])]
    ever = list(images)
    recorded = SidesRecord()
    for number, (gone, new) in enumerate([(set(), []), *steps]):
        images = [one for position, one in enumerate(images) if position not in gone]
        for position, (dataset, group, copied) in enumerate(new):
            pixels = {} if copied is None else {"pixels_md5": ever[copied % len(ever)].pixels_md5}
            ever.append(record(dataset, f"step{number}_{position}", f"g{group}", **pixels))
            images.append(ever[-1])
        shuffled = random.sample(images, len(images))
        if torn(images, recorded):
            with pytest.raises(LeakError, match="different sides on record"):
                split_of(shuffled, params, recorded)
            return
        try:
            found = split_of(shuffled, params, recorded)
        except LayoutError as error:
            assert gone and "stays empty" in str(error), "only what was taken away can leave a side without images"
            return
        before = {row.key: row.split for row in recorded}
        assert {key: before[key] for key in found if key in before} == {
            key: side for key, side in found.items() if key in before
        }
        rows = {Row(one.dataset, one.image_id, one.pixels_md5, found[one.dataset, one.image_id]) for one in images}
        recorded = SidesRecord(tuple(sorted({*recorded, *rows})))
        assert split_of(images, params, recorded) == found, "putting sides on record changes none"


def split_of(images: list[Record], params: SplitParams, recorded: SidesRecord) -> dict[tuple[str, str], str]:
    datasets = {name: [one for one in images if one.dataset == name] for name in sorted({i.dataset for i in images})}
    return sides(split(datasets, params, recorded=recorded))


def torn(images: list[Record], recorded: SidesRecord) -> bool:
    """Whether groups and equal pixels link images on record of different sides."""
    graph = nx.Graph()
    for one in images:
        graph.add_edge(("group", one.dataset, one.group), ("pixels", one.pixels_md5))
    side: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for row in recorded:
        side["pixels", row.pixels_md5].add(row.split)
    return any(
        len(set().union(*(side[node] for node in linked if node in side))) > 1
        for linked in nx.connected_components(graph)
    )


def test_an_empty_side_is_filled_and_too_few_groups_are_refused() -> None:
    frame = split({"a": records_of("a", [1, 1, 1])}, PARAMS)
    assert sorted(frame["split"]) == ["test", "train", "val"]
    with pytest.raises(LayoutError, match="a: 2 groups of images can't fill train, val and test"):
        split({"a": records_of("a", [5, 5])}, PARAMS)


def test_phantoms_beside_real_images_are_refused_unless_asked_for() -> None:
    datasets = {"a": records_of("a", [1] * 40), "b": records_of("b", [1] * 40, phantom=True)}
    with pytest.raises(ParamsError, match=r"phantoms \(b\) beside real images \(a\)") as refused:
        split(datasets, PARAMS)
    assert "mix_phantoms: true" in refused.value.remedy
    assert len(split(datasets, PARAMS.model_copy(update={"mix_phantoms": True}))) == 80


def test_equal_pixels_are_joined_across_datasets() -> None:
    datasets = {"a": records_of("a", [1] * 40), "b": records_of("b", [1] * 40)}
    for k in range(10):
        datasets["b"][k] = replace(datasets["b"][k], pixels_md5=datasets["a"][k].pixels_md5)
    relatives = find_relatives(datasets)
    found = sides(split(datasets, PARAMS, relatives=relatives))
    assert [(join.first[0], join.second[0], join.reason) for join in relatives.joins] == [
        ("a", "b", "same pixels")
    ] * 10
    assert all(found["a", f"{k}_0"] == found["b", f"{k}_0"] for k in range(10))


def with_files(dataset: str, image_id: str, pixels: np.ndarray, folder: Path) -> Record:
    path = folder / f"{dataset}_{image_id}.png"
    save(path, pixels)
    rgb = np.repeat(pixels[..., None], 3, axis=2)
    return record(
        dataset,
        image_id,
        image_id,
        image_path=path,
        height_px=pixels.shape[0],
        width_px=pixels.shape[1],
        pixels_md5=pixels_md5(rgb),
        perceptual_hash=perceptual_hash(rgb),
    )


def textured(seed: int) -> np.ndarray:
    """Coarse anatomy with fine speckle, 300 x 360."""
    import cv2

    rng = np.random.default_rng(seed)
    coarse = cv2.GaussianBlur(rng.normal(size=(300, 360)), (0, 0), 30)
    fine = cv2.GaussianBlur(rng.normal(size=(300, 360)), (0, 0), 1.2)
    mixed = coarse / coarse.std() * 40 + fine / fine.std() * 25 + 120
    return np.clip(mixed, 0, 255).astype(np.uint8)


def _shrunk(pixels: np.ndarray) -> np.ndarray:
    import cv2

    return cv2.resize(pixels, (300, 250), interpolation=cv2.INTER_AREA)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: np.clip(p * 1.1 + 4, 0, 255).astype(np.uint8),
        lambda p: np.ascontiguousarray(p[12:-8, 10:-15]),
        _shrunk,
        lambda p: np.where(np.arange(p.shape[1]) % 90 < 2, 255, p).astype(np.uint8),
    ],
    ids=["gain", "crop", "resize", "calipers"],
)
def test_near_copies_are_found(change, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    original = textured(1)
    first, second = with_files("a", "1", original, tmp_path), with_files("b", "2", change(original), tmp_path)
    other = with_files("b", "3", textured(2), tmp_path)
    relatives = find_relatives({"a": [first], "b": [second, other]})
    assert relatives.cluster["a", "1"] == relatives.cluster["b", "2"] != relatives.cluster["b", "3"]
    assert relatives.joins[0].reason == "near copy"
    assert fine_correlation(first, other) < 0.2


@pytest.mark.parametrize(
    ("second", "what"),
    [
        ({"group": "g"}, "group a/g crosses"),
        ({"pixels_md5": "same"}, "pixels same crosses"),
    ],
)
def test_a_leak_is_named(second: dict[str, str], what: str) -> None:
    records = [record("a", "1", "g", pixels_md5="same"), record("a", "2", "h")]
    records[1] = replace(records[1], **second)
    frame = pd.DataFrame({"dataset": "a", "image_id": ["1", "2"], "group": ["x", "y"], "split": ["train", "test"]})
    with pytest.raises(LeakError, match=what) as leak:
        assert_no_leak(frame, {"a": records})
    assert "a/1 in train, a/2 in test" in str(leak.value)


def test_a_near_copy_across_sides_is_a_leak(tmp_path: Path) -> None:
    original = textured(5)
    records = [with_files("a", "1", original, tmp_path), with_files("a", "2", original[8:, 8:], tmp_path)]
    frame = pd.DataFrame({"dataset": "a", "image_id": ["1", "2"], "group": ["x", "y"], "split": ["train", "test"]})
    with pytest.raises(LeakError, match="cluster of near copies a/1 crosses"):
        assert_no_leak(frame, {"a": records})


def test_a_split_is_written_sorted_however_it_stands(tmp_path: Path) -> None:
    frame = split({"a": records_of("a", [1] * 30), "b": records_of("b", [1] * 30)}, PARAMS)
    for name, rows in (("sorted", frame), ("shuffled", frame.sample(frac=1, random_state=3))):
        write_split(tmp_path / f"{name}.csv", rows)
    assert (tmp_path / "sorted.csv").read_bytes() == (tmp_path / "shuffled.csv").read_bytes()
    pd.testing.assert_frame_equal(read_split(tmp_path / "shuffled.csv"), frame)


def test_a_split_of_other_images_is_refused() -> None:
    records = records_of("a", [1, 1])
    twice = pd.DataFrame({"dataset": "a", "image_id": ["0_0", "0_0"], "group": "g", "split": "train"})
    with pytest.raises(LeakError, match="twice"):
        assert_no_leak(twice, {"a": records})
    with pytest.raises(LeakError, match="1 images are only in"):
        assert_no_leak(twice.iloc[:1], {"a": records})


def test_copies_in_the_real_busi_sample_are_found_without_the_published_list(
    samples: Path, contracts: Path, tmp_path: Path
) -> None:
    from components.contract import load_contract
    from components.intake.harmonise import harmonise

    done = harmonise(
        load_contract("busi", contracts), samples / "busi", out=tmp_path / "busi", phantom=False, contracts=contracts
    )
    alone = [replace(one, group=one.image_id) for one in done.records]
    published = {one.image_id: one.group for one in done.records}
    relatives = find_relatives({"busi": alone})
    assert all(published[join.first[1]] == published[join.second[1]] for join in relatives.joins)
    cluster = relatives.cluster
    assert cluster["busi", "normal_5"] == cluster["busi", "normal_13"]
    assert len({cluster["busi", f"malignant_{k}"] for k in (4, 5, 7, 8, 9)}) == 1
