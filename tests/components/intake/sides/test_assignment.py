"""Clusters to sides: even in every class and size, whatever the order of the input; official tests; empty sides."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.errors import LayoutError
from components.intake.form.records import SPLITS
from components.intake.sides.assignment import NO_SIDE, assign_sides, target_shares
from components.intake.sides.images import Images, Key
from components.intake.sides.relatives import clusters_of, find_relatives
from components.params import SplitParams
from components.types import ObjectTruth, Record
from tests.components.intake.sides.test_strata import strata_by_key
from tests.components.intake.test_split import record, records_of

PARAMS = SplitParams(seed=7, val_share=0.1, test_share=0.25, mix_phantoms=False)
TARGETS = {"train": 0.65, "val": 0.1, "test": 0.25}
Datasets = dict[str, list[Record]]


def with_object(one: Record, area_px: int) -> Record:
    return replace(one, objects=(ObjectTruth(1, "lesion", (0, 0, 1, 1), area_px),) if area_px else ())


def sides_of(datasets: Datasets, params: SplitParams = PARAMS, kept: dict[str, str] | None = None) -> dict[Key, str]:
    images = Images(datasets)
    clusters = clusters_of(images, find_relatives(images))
    on_record = [(kept or {}).get(name) for name in clusters.names]
    before = np.array([SPLITS.index(side) if side else NO_SIDE for side in on_record], dtype=np.int8)
    sides = assign_sides(images, params, clusters, kept=before)
    return {images.key(row): SPLITS[sides[cluster]] for row, cluster in enumerate(clusters.of.tolist())}


def counts_of(datasets: Datasets, sides: dict[Key, str]) -> dict[tuple[str, ...], Counter[str]]:
    """Images by side: in each dataset, each class of it, each size of that."""
    found: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for key, stratum in strata_by_key(datasets).items():
        whole = (stratum.dataset, stratum.subject_class, stratum.size)
        for depth in (1, 2, 3):
            found[whole[:depth]][sides[key]] += 1
    return found


# A group of a dataset: how many images, which class, and the areas of their objects; at least enough for three sides.
groups = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from(["benign", "malignant", "normal"]), st.integers(0, 5000)),
    min_size=12,
    max_size=120,
)


def dataset_of(name: str, drawn: list[tuple[int, str, int]]) -> list[Record]:
    return [
        with_object(record(name, f"{group}_{k}", f"g{group}", subject_class=kind), (area_px * (k + 1)) % 5000)
        for group, (size, kind, area_px) in enumerate(drawn)
        for k in range(size)
    ]


@settings(deadline=None, max_examples=80)
@given(groups, groups, st.integers(0, 1000), st.sampled_from([(0.1, 0.25), (0.15, 0.15), (0.2, 0.3)]))
def test_each_class_of_each_dataset_is_within_one_group_of_its_targets(
    first: list[tuple[int, str, int]], second: list[tuple[int, str, int]], seed: int, shares: tuple[float, float]
) -> None:
    params = SplitParams(seed=seed, val_share=shares[0], test_share=shares[1], mix_phantoms=False)
    datasets = {"a": dataset_of("a", first), "b": dataset_of("b", second)}
    targets = {"train": 1 - sum(shares), "val": shares[0], "test": shares[1]}
    sides = sides_of(datasets, params)
    for pool, count in counts_of(datasets, sides).items():
        largest = max(size for size, *_ in (first if pool[0] == "a" else second))
        for side, target in targets.items():
            # A side that would be empty takes one group more.
            limit = {1: 2, 2: 1 if min(counts_of(datasets, sides)[pool[:1]].values()) > largest else 2, 3: 2}[len(pool)]
            assert abs(count[side] - target * count.total()) <= limit * largest, (pool, side)


@settings(deadline=None, max_examples=20)
@given(groups, st.integers(0, 1000), st.randoms(use_true_random=False))
def test_the_order_of_the_input_decides_nothing(drawn: list[tuple[int, str, int]], seed: int, random: Random) -> None:
    params = PARAMS.model_copy(update={"seed": seed})
    datasets = {"a": dataset_of("a", drawn), "b": dataset_of("b", drawn[::-1])}
    shuffled = {name: random.sample(datasets[name], len(datasets[name])) for name in ("b", "a")}
    assert sides_of(datasets, params) == sides_of(shuffled, params)


def test_another_seed_gives_other_sides_as_even_as_before() -> None:
    datasets = {"a": dataset_of("a", [(1, "benign", 37 * k % 5000) for k in range(100)])}
    found = [sides_of(datasets, PARAMS.model_copy(update={"seed": seed})) for seed in range(20)]
    assert len({tuple(sorted(sides.items())) for sides in found}) == 20
    assert {tuple(sorted(Counter(sides.values()).items())) for sides in found} == {
        (("test", 25), ("train", 65), ("val", 10))
    }
    times_tested = Counter(key for sides in found for key, side in sides.items() if side == "test")
    assert max(times_tested.values()) < 14, "no image is bound to a side by anything but chance"


def test_groups_across_classes_and_datasets_count_in_all_their_strata() -> None:
    kinds = ("benign", "malignant")
    mixed = [record("a", f"m{g}_{k}", f"m{g}", subject_class=kinds[k]) for g in range(40) for k in range(2)]
    twins = [record("b", f"t{g}", f"t{g}", pixels_md5=f"a/m{g}_0", subject_class="benign") for g in range(40)]
    datasets = {"a": mixed, "b": twins}
    sides = sides_of(datasets)
    assert all(sides["b", f"t{g}"] == sides["a", f"m{g}_0"] == sides["a", f"m{g}_1"] for g in range(40))
    for pool, count in counts_of(datasets, sides).items():
        step = 2 if pool == ("a",) else 1
        assert all(abs(count[side] - target * count.total()) <= step for side, target in TARGETS.items()), pool


def test_sizes_are_even_where_groups_hold_several() -> None:
    worst = []
    for seed in range(6):
        random = Random(seed)
        images = [
            with_object(record("a", f"{group}_{k}", f"g{group}"), random.choice((10, 1000, 4000)))
            for group in range(150)
            for k in range(4)
        ]
        datasets = {"a": images}
        sides = sides_of(datasets, PARAMS.model_copy(update={"seed": seed}))
        sizes = [count for pool, count in counts_of(datasets, sides).items() if len(pool) == 3]
        worst.append(max(abs(n[side] - target * n.total()) for n in sizes for side, target in TARGETS.items()))
    # By classes alone the worst is off by 12, and half are by more than 7.
    assert max(worst) < 5, worst


@pytest.mark.parametrize("seed", range(5))
def test_small_groups_even_out_what_a_large_one_leaves(seed: int) -> None:
    sides = sides_of({"a": records_of("a", [20, 12, *[1] * 128])}, PARAMS.model_copy(update={"seed": seed}))
    assert Counter(sides.values()) == {"train": 104, "val": 16, "test": 40}


def test_what_is_on_record_is_made_up_for_by_what_is_new() -> None:
    datasets = {"a": records_of("a", [1] * 200)}
    kept = {f"a/g{group}": "train" for group in range(100)}
    sides = sides_of(datasets, kept=kept)
    assert all(sides["a", f"{group}_0"] == "train" for group in range(100))
    assert Counter(sides.values()) == {"train": 130, "val": 20, "test": 50}


def test_a_dataset_with_an_official_test_set_divides_the_rest_between_train_and_val() -> None:
    official = [record("a", f"t{k}", f"t{k}", official_split="test") for k in range(60)]
    rest = [record("a", f"r{k}", f"r{k}", official_split="trainval") for k in range(100)]
    datasets = {"a": official + rest, "b": records_of("b", [1] * 20)}
    shares = target_shares(Images(datasets), PARAMS)
    assert shares["a"] == {"train": 0.9, "val": 0.1} and shares["b"] == pytest.approx(TARGETS)
    sides = sides_of(datasets)
    assert Counter(side for (name, _), side in sides.items() if name == "a") == {"test": 60, "train": 90, "val": 10}
    assert Counter(side for (name, _), side in sides.items() if name == "b") == {"test": 5, "train": 13, "val": 2}


def test_an_empty_side_takes_the_smallest_group_that_may_move() -> None:
    datasets = {"a": records_of("a", [9, 8, 7, 1])}
    sides = sides_of(datasets)
    assert {sides["a", "3_0"]} | {sides["a", f"{group}_0"] for group in range(3)} == {"train", "val", "test"}
    kept = {"a/g0": "train", "a/g1": "test", "a/g2": "train", "a/g3": "train"}
    with pytest.raises(LayoutError, match="a: 4 groups of images can't fill train, val and test; val stays empty"):
        sides_of(datasets, kept=kept)
    del kept["a/g0"]
    assert sides_of(datasets, kept=kept)["a", "0_0"] == "val", "only what isn't on record may fill a side"
