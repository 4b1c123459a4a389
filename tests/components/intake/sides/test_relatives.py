"""Relatives: copies found by hash and proved on pixels, clusters that join groups within and across datasets."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage

from components.contract import load_contract
from components.intake.harmonise import harmonise
from components.intake.likeness.fine_structure import MIN_CORRELATION
from components.intake.likeness.perceptual_hash import perceptual_hash
from components.intake.measuring.pixels import pixels_md5
from components.intake.sides.relatives import find_copies, find_relatives, fine_correlation
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


def test_one_proof_for_each_join_of_many_copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[tuple[str, str]] = []

    def counted(first: Record, second: Record) -> float:
        looked.append((first.image_id, second.image_id))
        return fine_correlation(first, second)

    monkeypatch.setattr("components.intake.sides.relatives.fine_correlation", counted)
    copies = [record(tmp_path, f"{k}", np.roll(scene(4), k, axis=0)) for k in range(8)]
    found = find_relatives({"busi": copies})
    assert set(found.cluster.values()) == {"busi/0"}
    assert len(looked) == len(found.joins) == 7


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
