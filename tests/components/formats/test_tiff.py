"""Pages of a TIFF are frames; each is decoded alone, chains that loop end, and what asks for too much is refused."""

from __future__ import annotations

import time

import numpy as np
import pytest

from components.errors import ImageError, ImageTooLargeError, TooManyFramesError
from components.formats import SourceLimits, open_source
from tests.components.formats import files
from tests.components.formats.hostile import SOUND_TAGS, tiff

PAGES = [np.full((20, 30), value, dtype=np.uint8) for value in (10, 20, 30)]


def test_each_page_is_a_frame() -> None:
    source = open_source(files.tiff_of_pages(PAGES), name="x")
    assert (source.kind, source.frames, source.size_hw) == ("tiff", 3, (20, 30))
    for index in (2, 0, 1):
        assert (source.frame(index) == PAGES[index][..., None]).all()


@pytest.mark.parametrize("options", [{"compression": "tiff_lzw"}, {"compression": "zstd"}, {"big_tiff": True}])
def test_compressed_and_big_ones_come_back(options: dict[str, object]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(open_source(files.pillow_file(noise, "TIFF", **options), name="x").frame(0), noise)


def test_pages_of_another_size_have_their_own() -> None:
    source = open_source(files.tiff_of_pages([PAGES[0], np.zeros((5, 6, 3), dtype=np.uint8)]), name="x")
    assert source.size_hw == (20, 30) and source.frame(1).shape == (5, 6, 3)
    limited = open_source(
        files.tiff_of_pages([np.zeros((5, 6), dtype=np.uint8), PAGES[0]]), name="x", limits=SourceLimits(image_px=100)
    )
    with pytest.raises(ImageTooLargeError):
        limited.frame(1)


def test_a_chain_that_loops_ends() -> None:
    assert open_source(tiff(SOUND_TAGS, following=72), name="x").frames == 1
    assert open_source(tiff(SOUND_TAGS, following=72, pages=4), name="x").frames == 4
    assert open_source(tiff(SOUND_TAGS, following=2**32 - 1), name="x").frames == 1


def test_pages_are_counted_and_reached_in_little_time() -> None:
    many = tiff(SOUND_TAGS, pages=9000)
    began_s = time.process_time()
    source = open_source(many, name="x")
    assert source.frames == 9000 and source.frame(8999).shape == (8, 8, 3)
    assert time.process_time() - began_s < 1
    with pytest.raises(TooManyFramesError):
        open_source(many, name="x", limits=SourceLimits(frames=8999))


@pytest.mark.parametrize("tag", [{259: (3, 1, 34925)}, {259: (3, 1, 6)}, {322: (4, 1, 2**20), 323: (4, 1, 16)}])
def test_what_asks_for_any_memory_is_refused(tag: dict[int, tuple[int, int, int]]) -> None:
    with pytest.raises(ImageError, match=r"compression|tiles"):
        open_source(tiff({**SOUND_TAGS, **tag}), name="x")
