"""An epoch's batches: every image once, the same whoever reads them and wherever it is taken up."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from components.training.data import Batch, TrainingImages
from components.training.loading import EpochSampler, ahead, training_loader
from components.training.ranks import Ranks
from components.types import Record
from tests.components.training.conftest import AUGMENT, PROMPTS


@pytest.fixture
def images(discs: list[Record]) -> TrainingImages:
    return TrainingImages(discs, image_size_px=64, augment=AUGMENT, prompts=PROMPTS.train, min_area_px=9, seed=5)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_taken_up_in_the_middle_goes_on_as_it_would_have(images: TrainingImages, workers: int) -> None:
    loader, sampler = training_loader(images, batch_size=4, workers=0)
    sampler.go_to(epoch=2, start=0)
    whole = list(loader)
    resumed, sampler = training_loader(images, batch_size=4, workers=workers)
    for start in (4, 8):  # the same loader can be sent back and forth
        sampler.go_to(epoch=2, start=start)
        rest = list(resumed)
        assert len(rest) == len(whole) - start // 4
        for one, other in zip(whole[start // 4 :], rest, strict=True):
            assert torch.equal(one.images, other.images)
            assert torch.equal(one.prompts.coords, other.prompts.coords)
            assert torch.equal(one.truth, other.truth)


def test_every_epoch_visits_every_image_once_in_another_order() -> None:
    sampler, orders = EpochSampler(20, batch_size=3, seed=1, ranks=Ranks()), []
    for epoch in range(3):
        sampler.go_to(epoch=epoch, start=0)
        orders.append([index for batch in sampler for _, index in batch])
    assert all(sorted(order) == list(range(20)) for order in orders)
    assert orders[0] != orders[1] != orders[2]


def test_ranks_share_each_batch_and_keep_in_step() -> None:
    whole = EpochSampler(10, batch_size=4, seed=1, ranks=Ranks())
    shares = [EpochSampler(10, batch_size=4, seed=1, ranks=Ranks(rank, 3)) for rank in range(3)]
    for sampler in (whole, *shares):
        sampler.go_to(epoch=2, start=4)
    batches, parts = list(whole), [list(share) for share in shares]
    assert {len(part) for part in parts} == {len(batches)} == {len(whole)} == {2}
    assert sorted(key for part in parts for key in part[0]) == sorted(batches[0])
    # Of the last batch's two images the third rank has none of its own, and goes through the first.
    assert [part[1] for part in parts] == [batches[1][:1], batches[1][1:], batches[1][:1]]


def test_batches_made_ahead_are_the_same_in_the_same_order(images: TrainingImages) -> None:
    loader, sampler = training_loader(images, batch_size=4, workers=0)
    sampler.go_to(epoch=1, start=0)
    plain = list(loader)
    for one, other in zip(plain, ahead(loader), strict=True):
        assert torch.equal(one.images, other.images) and torch.equal(one.truth, other.truth)


def test_a_batch_that_fails_is_heard_of_and_the_thread_ends() -> None:
    def broken() -> Iterator[Batch]:
        yield "first"  # type: ignore[misc]
        raise OSError("no such image")

    made = ahead(broken())
    assert next(made) == "first"
    with pytest.raises(OSError, match="no such image"):
        next(made)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]


def test_leaving_early_ends_the_thread(images: TrainingImages) -> None:
    loader, sampler = training_loader(images, batch_size=2, workers=0)
    sampler.go_to(epoch=0, start=0)
    made = ahead(loader)
    next(made)
    made.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batches")]
