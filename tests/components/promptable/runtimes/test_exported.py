"""An exported model through the same door: masks, threads, and older exports."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnx
import pytest

from components.errors import ArtefactError, PromptError
from components.promptable.embedding import NO_PREVIOUS
from components.promptable.predict import embed, segment, segment_embedded, segment_unprompted
from components.promptable.runtimes.onnxruntime import open_network
from components.promptable.runtimes.sealed import DECODER, PREVIOUS
from components.types import Image, Point, Prompt
from tests.components.promptable.conftest import Pair

SIZE_HW = (50, 90)
BOX = Prompt(box_xyxy=(10.0, 5.0, 60.0, 40.0))
CLICKS = Prompt(points=(Point(30.5, 20.5), Point(2.5, 2.5, positive=False)))
BOTH = Prompt(box_xyxy=(0.0, 0.0, 90.0, 50.0), points=(Point(30.5, 20.5),))


@pytest.fixture
def image() -> Image:
    return np.random.default_rng(0).integers(0, 256, size=(*SIZE_HW, 3), dtype=np.uint8)


def test_masks_are_pytorchs(pair: Pair, image: Image) -> None:
    found = segment(pair.exported, image, [BOX, CLICKS, BOTH])
    expected = segment(pair.segmenter, image, [BOX, CLICKS, BOTH])
    found.append(segment_unprompted(pair.exported, embed(pair.exported, image), SIZE_HW))
    expected.append(segment_unprompted(pair.segmenter, embed(pair.segmenter, image), SIZE_HW))
    for one, other in zip(found, expected, strict=True):
        assert one.mask.shape == SIZE_HW and one.mask.dtype == np.bool_
        assert np.mean(one.mask != other.mask) < 1e-3  # where a logit is 0 but for its last bits
        assert one.quality == pytest.approx(other.quality, abs=1e-4)


def test_senseless_prompts_are_refused_alike(pair: Pair, image: Image) -> None:
    with pytest.raises(PromptError, match="neither a box nor a point"):
        segment(pair.exported, image, [Prompt()])


def test_many_threads_give_the_same_bits(pair: Pair, image: Image) -> None:
    embedding = embed(pair.exported, image)
    expected = segment_embedded(pair.exported, embedding, SIZE_HW, [BOX])[0]
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(segment_embedded, pair.exported, embedding, SIZE_HW, [BOX]) for _ in range(8)]
        for job in jobs:
            assert np.array_equal(job.result()[0].mask, expected.mask)
            assert job.result()[0].quality == expected.quality


def test_an_export_without_an_input_for_masks_goes_on_but_for_masks(pair: Pair, image: Image) -> None:
    """As released folders from before there was one: the same graph, the input tied to "none"."""
    model = onnx.load(pair.folder / DECODER)
    (given,) = [place for place in model.graph.input if place.name == PREVIOUS]
    cells = pair.segmenter.image_size_px // 4
    nothing = np.full((1, cells, cells), NO_PREVIOUS, dtype=np.float32)
    model.graph.input.remove(given)
    model.graph.initializer.append(onnx.numpy_helper.from_array(nothing, PREVIOUS))
    older = replace(pair.exported, decoder=open_network(model.SerializeToString()))
    assert pair.exported.takes_masks and not older.takes_masks
    (found,) = segment(older, image, [BOTH])
    assert np.array_equal(found.mask, segment(pair.exported, image, [BOTH])[0].mask)
    with pytest.raises(PromptError, match="exported without an input"):
        segment(older, image, [Prompt(mask=np.ones(SIZE_HW, dtype=bool))])


def test_networks_in_each_others_place_are_refused(pair: Pair) -> None:
    """Both files are whole and of the same weights."""
    with pytest.raises(ArtefactError, match=r"encoder\.onnx takes coords, labels, previous, s16, s4, s8"):
        replace(pair.exported, encoder=pair.exported.decoder, decoder=pair.exported.encoder)
    with pytest.raises(ArtefactError, match=r"decoder\.onnx takes image\n  expected: coords, .*, and perhaps previous"):
        replace(pair.exported, decoder=pair.exported.encoder)
