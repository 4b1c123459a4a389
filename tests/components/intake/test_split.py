"""Records to sides: nothing crosses, shares are near the target, and no image moves when others are added."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import LayoutError, LeakError, ParamsError
from components.intake.likeness.perceptual_hash import perceptual_hash
from components.intake.measuring.pixels import pixels_md5
from components.intake.sides.relatives import find_relatives, fine_correlation
from components.intake.sides.split_report import split_report
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


# Enough groups that no side is empty by chance (0.9 to the power of 200): then nothing is moved to fill it.
@settings(deadline=None, max_examples=25)
@given(st.integers(200, 240), st.integers(1, 60), st.integers(0, 1000))
def test_no_image_moves_when_other_groups_are_added(before: int, added: int, seed: int) -> None:
    params = PARAMS.model_copy(update={"seed": seed})
    small = {"a": records_of("a", [1] * before)}
    large = {"a": records_of("a", [1] * (before + added)), "b": records_of("b", [1] * 200)}
    old, new = sides(split(small, params)), sides(split(large, params))
    assert {key: new[key] for key in old} == old


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 60), st.integers(0, 1000))
def test_unrelated_images_move_none_whatever_their_names(added: int, seed: int) -> None:
    params = PARAMS.model_copy(update={"seed": seed})
    old = {"m": records_of("m", [2] * 200)}
    earlier_groups = [record("m", f"a{k}", f"a{k}") for k in range(added)]
    new = {"a": records_of("a", [1] * 200), "m": [*earlier_groups, *old["m"]], "z": records_of("z", [1] * 200)}
    before, after = sides(split(old, params)), sides(split(new, params))
    assert {key: after[key] for key in before} == before


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 199), min_size=1, max_size=8, unique=True), st.integers(0, 1000))
def test_copies_move_only_images_of_the_clusters_that_they_join(copied: list[int], seed: int) -> None:
    """A copy in an earlier dataset gives its cluster another name, and so another number."""
    params = PARAMS.model_copy(update={"seed": seed})
    old = {"m": records_of("m", [2] * 200)}
    copies = [record("a", f"c{k}", f"c{k}", pixels_md5=f"m/{k}_0") for k in copied]
    before = sides(split(old, params))
    after = sides(split({"a": [*copies, *records_of("a", [1] * 200)], **old}, params))
    moved = {image_id for (dataset, image_id), side in before.items() if after[dataset, image_id] != side}
    assert moved <= {f"{k}_{member}" for k in copied for member in range(2)}
    assert all(after["m", f"{k}_0"] == after["m", f"{k}_1"] == after["a", f"c{k}"] for k in copied)


def test_a_copy_with_an_earlier_name_can_move_its_cluster_and_one_with_a_later_cannot() -> None:
    old = {"m": records_of("m", [1] * 200)}
    before = sides(split(old, PARAMS))
    for dataset, can_move in (("a", True), ("z", False)):
        copies = [record(dataset, f"c{k}", f"c{k}", pixels_md5=f"m/{k}_0") for k in range(200)]
        after = sides(split({**old, dataset: copies}, PARAMS))
        assert any(after[key] != side for key, side in before.items()) == can_move


@pytest.mark.parametrize("seed", range(5))
def test_shares_are_near_the_target_in_every_dataset_and_class(seed: int) -> None:
    records = [
        replace(one, subject_class="benign" if index % 3 else "malignant")
        for index, one in enumerate(records_of("a", [2] * 1000))
    ]
    datasets = {"a": records}
    params = PARAMS.model_copy(update={"seed": seed})
    relatives = find_relatives(datasets)
    frame = split(datasets, params, relatives=relatives)
    report = split_report(frame, datasets, params, relatives)["datasets"]["a"]
    for side, target in (("train", 0.65), ("val", 0.1), ("test", 0.25)):
        # Four standard deviations of a share over 1,000 groups.
        assert abs(report[side]["share"] - target) < 4 * np.sqrt(target * (1 - target) / 1000)
        share = report[side]["classes"]["malignant"] / report[side]["images"]
        assert abs(share - 1 / 3) < 0.15
    assert sum(report[side]["images"] for side in ("train", "val", "test")) == 2000


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
