"""Relatives: copies found by hash and proved on pixels, clusters that join groups within and across datasets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import ClassVar

import cv2
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as PilImage

from components.contract import load_contract
from components.intake.form.records import load_image
from components.intake.harmonise import harmonise
from components.intake.likeness.fine_structure import MIN_CORRELATION
from components.intake.likeness.perceptual_hash import keys_to_text, perceptual_hash
from components.intake.likeness.proof import proof_stamp
from components.intake.measuring.pixels import pixels_md5
from components.intake.sides.relatives import find_copies, find_relatives, fine_correlation
from components.journal import LINES, Journal
from components.phantom import write_dataset
from components.phantom.layouts.busi import plan
from components.types import Record

Pixels = NDArray[np.uint8]


def scene(seed: int) -> Pixels:
    """A grey image with coarse anatomy that all seeds share, and speckle of the seed's own."""
    y, x = np.mgrid[:200, :240] / 100
    coarse = 120 + 50 * np.sin(2 * x + 1) * np.cos(3 * y)
    speckle = cv2.GaussianBlur(np.random.default_rng(seed).normal(0, 60, (200, 240)), (0, 0), 1.0)
    return np.clip(coarse + speckle, 0, 255).astype(np.uint8)


def record(folder: Path, name: str, pixels: Pixels, *, dataset: str = "busi", group: str | None = None) -> Record:
    path = folder / f"{dataset}_{name}.png"
    PilImage.fromarray(pixels).save(path)
    image = np.repeat(pixels[..., None], 3, axis=2)
    return Record(
        dataset=dataset,
        image_id=name,
        group=group or name,
        role="internal",
        image_path=path,
        mask_path=path,
        height_px=pixels.shape[0],
        width_px=pixels.shape[1],
        pixels_md5=pixels_md5(image),
        phantom=True,
        perceptual_hash=perceptual_hash(image),
    )


def cut(pixels: Pixels) -> Pixels:
    """A copy with its borders cut, other gain and calipers."""
    copy = np.clip(pixels[8:-8, 8:-8] * 0.85 + 12, 0, 255).astype(np.uint8)
    copy[60:62, 40:90] = 255
    return copy


def test_a_cut_copy_correlates_and_another_look_does_not(tmp_path: Path) -> None:
    original, copy = record(tmp_path, "a", scene(1)), record(tmp_path, "b", cut(scene(1)))
    other, flat = record(tmp_path, "c", scene(2)), record(tmp_path, "d", np.full((200, 240), 90, np.uint8))
    assert fine_correlation(original, copy) > 0.7 > MIN_CORRELATION
    assert fine_correlation(original, other) < MIN_CORRELATION / 2
    assert fine_correlation(original, flat) == 0


def test_copies_join_their_groups_within_and_across_datasets(tmp_path: Path) -> None:
    busi = [record(tmp_path, "a", scene(1)), record(tmp_path, "b", cut(scene(1))), record(tmp_path, "c", scene(2))]
    udiat = [record(tmp_path, "x", scene(2), dataset="udiat"), record(tmp_path, "y", scene(3), dataset="udiat")]
    found = find_relatives({"udiat": udiat, "busi": busi})
    assert found.cluster == {
        ("busi", "a"): "busi/a",
        ("busi", "b"): "busi/a",
        ("busi", "c"): "busi/c",
        ("udiat", "x"): "busi/c",
        ("udiat", "y"): "udiat/y",
    }
    assert {(join.first, join.second, join.reason) for join in found.joins} == {
        (("busi", "a"), ("busi", "b"), "near copy"),
        (("busi", "c"), ("udiat", "x"), "same pixels"),
    }


def test_joins_are_transitive_and_a_group_needs_none(tmp_path: Path) -> None:
    several = [
        record(tmp_path, "a", scene(1), group="one"),
        record(tmp_path, "b", scene(2), group="one"),
        record(tmp_path, "c", scene(2), group="two"),
        record(tmp_path, "d", scene(3), group="two"),
    ]
    found = find_relatives({"busi": several})
    assert set(found.cluster.values()) == {"busi/one"}
    assert [(join.first[1], join.second[1]) for join in found.joins] == [("b", "c")]


def test_one_proof_for_each_join_of_many_copies(tmp_path: Path) -> None:
    copies = [record(tmp_path, f"{k}", np.roll(scene(4), k, axis=0)) for k in range(8)]
    journal = Journal(tmp_path / "pairs", proof_stamp())
    found = find_relatives({"busi": copies}, journal=journal)
    assert set(found.cluster.values()) == {"busi/0"}
    assert len((tmp_path / "pairs" / LINES).read_text().splitlines()) == len(found.joins) == 7


class Told:
    """Proofs whose correlations are given, by the numbers of the images; notes what was asked."""

    asked: ClassVar[list[tuple[int, int]]] = []
    correlations: ClassVar[dict[tuple[int, int], float]] = {}

    def __init__(self, digests: Sequence[str], *_: object, **__: object) -> None:
        self.digests = digests

    def keep(self, pairs: NDArray[np.int64]) -> None:
        """There is no journal."""

    def proved(self, pairs: NDArray[np.int64]) -> Iterator[tuple[int, float]]:
        for place, (one, other) in reversed(list(enumerate(pairs.tolist()))):
            Told.asked.append((one, other))
            yield place, Told.correlations.get((one, other), 0.0)


def told_records(keys: list[list[int]], groups: list[int], dataset: str = "a") -> list[Record]:
    return [
        Record(
            dataset=dataset,
            image_id=f"{number:03}",
            group=f"{group:03}",
            role="internal",
            image_path=Path("none.png"),
            mask_path=Path("none.png"),
            height_px=100,
            width_px=100,
            pixels_md5=f"{dataset}{number:031x}",
            phantom=True,
            perceptual_hash=keys_to_text(
                np.array(sorted(set(one)), dtype=np.uint64), np.zeros(len(set(one)), dtype=np.uint32)
            ),
        )
        for number, (one, group) in enumerate(zip(keys, groups, strict=True))
    ]


some_images = st.lists(
    st.tuples(st.lists(st.integers(0, 4), min_size=1, max_size=3), st.integers(0, 9)), min_size=1, max_size=16
)
some_likeness = st.sets(st.tuples(st.integers(0, 15), st.integers(0, 15)).filter(lambda pair: pair[0] < pair[1]))


@settings(deadline=None, max_examples=200)
@given(some_images, some_likeness)
def test_clusters_are_those_of_all_proofs_whatever_is_passed_over(
    images: list[tuple[list[int], int]], alike: set[tuple[int, int]]
) -> None:
    records = told_records([one[0] for one in images], [one[1] for one in images])
    keys = [set(one[0]) for one in images]
    share = {
        (i, j)
        for i, j in combinations(range(len(records)), 2)
        if keys[i] & keys[j] and records[i].group != records[j].group
    }
    Told.asked, Told.correlations = [], {pair: round(0.5 + 0.01 * pair[1], 4) for pair in alike}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("components.intake.sides.relatives.Proofs", Told)
        found = find_relatives({"a": records})
    graph = nx.Graph([(records[i].group, records[j].group) for i, j in share & alike])
    graph.add_nodes_from(one.group for one in records)
    name_of = {group: min(groups) for groups in nx.connected_components(graph) for group in groups}
    assert found.cluster == {("a", one.image_id): f"a/{name_of[one.group]}" for one in records}
    assert len(set(Told.asked)) == len(Told.asked) and set(Told.asked) <= share
    assert len(found.joins) == len({one.group for one in records}) - len(set(found.cluster.values()))
    for join in found.joins:
        pair = (int(join.first[1]), int(join.second[1]))
        assert pair in share & alike and join.correlation == Told.correlations[pair]


def test_two_long_videos_that_only_share_words_take_few_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = 40
    # Each pair of frames has a key of its own.
    keys = [[frames * i + j for j in range(frames)] for i in range(frames)]
    other = [[frames * i + j for i in range(frames)] for j in range(frames)]
    records = told_records([*keys, *other], [0] * frames + [1] * frames)
    rounds: list[int] = []

    class Counted(Told):
        def proved(self, pairs: NDArray[np.int64]) -> Iterator[tuple[int, float]]:
            rounds.append(len(pairs))
            return super().proved(pairs)

    Told.correlations = {}
    monkeypatch.setattr("components.intake.sides.relatives.Proofs", Counted)
    assert find_relatives({"a": records}).joins == ()
    assert sum(rounds) == frames**2 and len(rounds) == 11


def many(folder: Path) -> dict[str, list[Record]]:
    """Two datasets of some scenes each in some views, with a group of two scenes."""
    made = {}
    for dataset, seeds in (("a", (1, 2, 3)), ("b", (3, 4, 1))):
        made[dataset] = [
            record(folder, f"{seed}_{k}", np.roll(scene(seed), 3 * k + (dataset == "b"), axis=0), dataset=dataset)
            for seed in seeds
            for k in range(3)
        ]
        made[dataset][0] = replace(made[dataset][0], group=made[dataset][-1].group)
    return made


def test_neither_workers_nor_interruptions_change_anything(tmp_path: Path) -> None:
    datasets, outer = many(tmp_path), many(tmp_path)["b"]
    alone, copies = find_relatives(datasets), find_copies(datasets["a"], outer)
    assert len(alone.joins) >= 12 and len(copies) == 6
    seen: list[tuple[int, int]] = []
    assert find_relatives(datasets, workers=4, progress=lambda *at: seen.append(at)) == alone
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert seen[-1][0] == seen[-1][1] == seen[0][1] > len(alone.joins) - 1
    assert find_copies(datasets["a"], outer, workers=4) == copies
    for which, expected in (("relatives", alone), ("copies", copies)):
        for stop_at in (1, 2, 4):
            journal = Journal(tmp_path / which, proof_stamp())

            def stop(done: int, total: int, *, at: int = stop_at) -> None:
                if done >= at:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                if which == "relatives":
                    find_relatives(datasets, workers=2, journal=journal, progress=stop)
                else:
                    find_copies(datasets["a"], outer, workers=2, journal=journal, progress=stop)
        journal = Journal(tmp_path / which, proof_stamp())
        if which == "relatives":
            assert find_relatives(datasets, workers=2, journal=journal) == expected
        else:
            assert find_copies(datasets["a"], outer, workers=2, journal=journal) == expected


def test_a_rerun_proves_only_what_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = many(tmp_path)
    journal = Journal(tmp_path / "pairs", proof_stamp())
    before = find_relatives(datasets, journal=journal)
    loaded: list[str] = []

    def load(one: Record) -> np.ndarray:
        loaded.append(one.image_id)
        return load_image(one)

    monkeypatch.setattr("components.intake.sides.relatives.load_image", load)
    assert find_relatives(datasets, journal=Journal(tmp_path / "pairs", proof_stamp())) == before
    assert loaded == []
    datasets["b"].append(record(tmp_path, "new", cut(scene(4)), dataset="b"))
    after = find_relatives(datasets, journal=Journal(tmp_path / "pairs", proof_stamp()))
    assert after.cluster["b", "new"] == after.cluster["b", "4_0"]
    assert loaded.count("new") == 1 and len(loaded) <= 4


def test_copies_between_two_sets_are_found_each_with_one_proof(tmp_path: Path) -> None:
    ours = [record(tmp_path, "a", scene(1)), record(tmp_path, "b", scene(2)), record(tmp_path, "c", cut(scene(1)))]
    theirs = [
        record(tmp_path, "x", cut(scene(2)), dataset="fugc"),
        record(tmp_path, "y", scene(1), dataset="fugc"),
        record(tmp_path, "z", scene(3), dataset="fugc"),
        record(tmp_path, "w", cut(scene(3)), dataset="fugc"),
    ]
    found = find_copies(ours, theirs)
    assert [(join.first, join.second, join.reason) for join in found] == [
        (("busi", "b"), ("fugc", "x"), "near copy"),
        (("busi", "a"), ("fugc", "y"), "same pixels"),
    ]
    assert find_copies(ours, []) == find_copies([], theirs) == ()


def test_images_without_a_hash_are_joined_by_pixels_alone(tmp_path: Path) -> None:
    flat = np.full((200, 240), 90, np.uint8)
    assert perceptual_hash(np.repeat(flat[..., None], 3, axis=2)) == ""
    same = [record(tmp_path, "a", flat), record(tmp_path, "b", flat), record(tmp_path, "c", flat + 1)]
    found = find_relatives({"busi": same})
    assert [(join.first[1], join.second[1]) for join in found.joins] == [("a", "b")]


def test_all_copies_planted_in_phantoms_are_found_and_no_other_pair(tmp_path: Path, root: Path) -> None:
    contracts = root / "data/contracts"
    write_dataset("busi", tmp_path / "raw", images=36, seed=3)
    done = harmonise(
        load_contract("busi", contracts), tmp_path / "raw", out=tmp_path / "busi", phantom=True, contracts=contracts
    )
    found = find_relatives({"busi": [replace(one, group=one.image_id) for one in done.records]})
    scenes = {f"{item.kind}_{item.number}": item.scene for item in plan(36, 3)}
    pairs = list(combinations(sorted(scenes), 2))
    planted = {(one, other) for one, other in pairs if scenes[one] == scenes[other]}
    joined = {pair for pair in pairs if len({found.cluster["busi", name] for name in pair}) == 1}
    assert len(planted) >= 3
    assert joined == planted
