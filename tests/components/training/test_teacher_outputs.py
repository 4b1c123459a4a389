"""Kept teacher outputs: the same student to the bit, within a limit, and never a damaged one."""

from __future__ import annotations

import errno
import os
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from components.promptable.segmenter import Segmenter
from components.training import teacher_outputs
from components.training.distil import distil
from components.training.teacher_outputs import Costs, TeacherOutputs, drop_others, keeping_pays
from components.types import Record
from tests.components.training.conftest import AUGMENT, PROMPTS
from tests.components.training.test_distil import distil_params
from tests.components.training.test_finetune import tiny_segmenter


def distilled(discs: list[Record], folder: Path, **changes: object) -> tuple[list[dict[str, float]], list[Tensor]]:
    """The curve and the weights of three epochs whose augmentations repeat after the first."""
    student, curve = tiny_segmenter(1), list[dict[str, float]]()
    student.set_trainable(trunk=True)
    distil(
        student,
        teacher(),
        discs[:5],
        discs[8:9],
        distil_params(**{"epochs": 3, "augment_rounds": 1, "batch_size": 3, **changes}),
        prompts=PROMPTS,
        augment=AUGMENT,
        checkpoint_folder=folder,
        fingerprint="k",
        report=lambda metrics, epoch: curve.append(metrics),
    )
    return curve, list(student.state_dict().values())


@cache
def teacher() -> Segmenter:
    """Read by all, changed by none."""
    return tiny_segmenter(2).eval()


def outputs(folder: Path, **changes: object) -> TeacherOutputs:
    params = distil_params(**{"epochs": 3, "augment_rounds": 1, "teacher_outputs": "cache", **changes})
    return TeacherOutputs(teacher(), params, folder=folder / "own")


def flat(features: dict[str, list[Tensor]]) -> list[Tensor]:
    return [level for term in sorted(features) for level in features[term]]


def same(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def images() -> Tensor:
    return torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(7))


def test_the_student_is_the_same_to_the_bit_and_the_teacher_is_asked_once(discs: list[Record], tmp_path: Path) -> None:
    computed, weights = distilled(discs, tmp_path / "a")
    kept, same_weights = distilled(discs, tmp_path / "b", teacher_outputs="cache")
    assert [row["teacher_kept_share"] for row in kept] == [0.0, 1.0, 1.0]
    assert [row["teacher_kept_share"] for row in computed] == [0.0, 0.0, 0.0]
    assert all(row["teacher_kept_mb"] > 0 for row in kept)
    for one, other in zip(computed, kept, strict=True):
        assert all(one[name] == other[name] for name in one if name.startswith(("train", "val")))
    assert same(weights, same_weights)
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["checkpoint.pt"]


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, {f"{kind}{stage}" for kind in ("block", "adapter") for stage in range(4)}),
        ({"terms": {"block": 0, "adapter": 0, "sum": 1}}, {f"block{stage}" for stage in range(4)}),
        ({"terms": {"block": 1, "adapter": 0, "sum": 1}, "levels": (16,)}, {"block_16", "sum_16"}),
    ],
)
@pytest.mark.parametrize("precision", ["as_computed", "half"])
def test_what_is_smaller_is_kept_and_gives_the_same_features(
    changes: dict[str, object], names: set[str], precision: str, images: Tensor, tmp_path: Path
) -> None:
    asked = outputs(tmp_path, teacher_precision=precision, **changes)
    first, again = asked.features(images), asked.features(images.flip(0))
    (path, *others) = (tmp_path / "own").glob("*/*")
    assert len(others) == 2 and asked.found == 3
    maps = teacher_outputs._read(path, torch.device("cpu"))
    assert maps is not None and maps.keys() == names
    assert {map_.dtype for map_ in maps.values()} == {torch.float16 if precision == "half" else torch.float32}
    plain = outputs(tmp_path / "none", teacher_outputs="recompute", teacher_precision=precision, **changes)
    assert same(flat(first), flat(plain.features(images)))
    wanted = [again[term][index] for term, index in (("sum", 2),)]
    assert same([wanted[0].flip(0)], [first["sum"][2]])


def test_half_precision_is_near(images: Tensor, tmp_path: Path) -> None:
    exact, rounded = outputs(tmp_path / "a"), outputs(tmp_path / "b", teacher_precision="half")
    for one, other in zip(flat(exact.features(images)), flat(rounded.features(images)), strict=True):
        torch.testing.assert_close(other, one, rtol=2e-3, atol=2e-3)


def test_another_teacher_or_other_pixels_find_nothing(images: Tensor, tmp_path: Path) -> None:
    outputs(tmp_path).features(images)
    other = outputs(tmp_path)
    other.teacher = tiny_segmenter(3).eval()
    other.features(images)
    assert other.found == 0
    again = outputs(tmp_path)
    again.features(images + 1e-6)
    assert again.found == 0
    again.features(images)
    assert again.found == 3


@pytest.mark.parametrize("cut", [1, 60, None])
def test_a_damaged_one_is_computed_again(
    cut: int | None, images: Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = flat(outputs(tmp_path).features(images[:1]))
    (path,) = (tmp_path / "own").glob("*/*")
    data = bytearray(path.read_bytes())
    if cut is None:
        data[-5] ^= 1
    path.write_bytes(data[: -cut if cut else None])
    again = outputs(tmp_path)
    assert same(first, flat(again.features(images[:1]))) and again.found == 0
    assert "is damaged" in caplog.text
    again.features(images[:1])
    assert again.found == 1


def test_no_more_is_kept_than_may_be(images: Tensor, tmp_path: Path) -> None:
    full = outputs(tmp_path / "a")
    full.features(images)
    size = sum(path.stat().st_size for path in (tmp_path / "a/own").glob("*/*"))
    limited = outputs(tmp_path / "b", cache_gigabytes=0.7 * size / 1e9)
    for _ in range(2):
        assert same(flat(limited.features(images)), flat(full.features(images)))
    assert len(list((tmp_path / "b/own").glob("*/*"))) == 2


def test_auto_measures_once_and_says_so(images: Tensor, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    asked = outputs(tmp_path, teacher_outputs="auto", epochs=50)
    with caplog.at_level("INFO", logger=teacher_outputs.__name__):
        asked.features(images)
        asked.features(images)
    assert asked.keeps is not None and len(caplog.messages) == 1 and "to compute an image's" in caplog.messages[0]
    assert not list((tmp_path / "own").glob("*/*.measured"))


def test_nothing_is_kept_where_nothing_repeats(images: Tensor, tmp_path: Path) -> None:
    asked = outputs(tmp_path, teacher_outputs="auto", augment_rounds=0)
    asked.features(images)
    assert asked.keeps is False and asked.take_metrics() == {}


def test_when_keeping_pays() -> None:
    slow_teacher, fast_teacher = Costs(10.0, 1.0, 0.5, 10**8), Costs(0.01, 1.0, 0.5, 10**8)
    plan = {"epochs": 20, "rounds": 2}
    assert keeping_pays(slow_teacher, **plan, limit_bytes=1e12)
    assert not keeping_pays(fast_teacher, **plan, limit_bytes=1e12)
    # A limit that not one image fits in keeps nothing.
    assert keeping_pays(slow_teacher, **plan, limit_bytes=1e8)
    assert not keeping_pays(slow_teacher, **plan, limit_bytes=1e8 - 1)
    # Writing costs more than the one time that it is read.
    assert not keeping_pays(Costs(1.0, 1.0, 0.5, 1), epochs=2, rounds=1, limit_bytes=1e12)


def test_a_full_disk_pays_nothing(
    images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    asked = outputs(tmp_path, teacher_outputs="auto", epochs=50)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        found = asked.features(images)
    assert asked.keeps is False and "the disk is full" in caplog.text
    assert not [path for path in (tmp_path / "own").rglob("*") if path.is_file()]
    assert same(flat(found), flat(outputs(tmp_path / "plain", teacher_outputs="recompute").features(images)))


def test_what_another_training_kept_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    own = drop_others(tmp_path, "k" * 64)
    assert own == tmp_path / ("k" * 16) and not (tmp_path / "old").exists()
