"""A file is told by how it begins; a frame that isn't there is said so; nobody's name is kept."""

from __future__ import annotations

import dataclasses
import threading
import tracemalloc

import numpy as np
import pytest

from components.errors import FrameError, ImageError, ImageTooLargeError, TooManyFramesError
from components.formats import SourceLimits, open_source
from components.formats.dicom.header import read_header
from tests.components.formats import files

FRAMES = np.random.default_rng(2).integers(0, 256, (4, 20, 30), dtype=np.uint8)


def test_a_cine_says_what_it_holds() -> None:
    source = open_source(files.dicom(FRAMES), name="x")
    assert (source.kind, source.frames, source.size_hw, source.regions) == ("dicom", 4, (20, 30), ())


@pytest.mark.parametrize("index", [-1, 4, 10**9])
def test_a_frame_that_is_not_there_is_refused(index: int) -> None:
    with pytest.raises(FrameError, match="a frame from 0 to 3"):
        open_source(files.dicom(FRAMES), name="x").frame(index)


def test_limits_are_inclusive_and_told_before_any_pixel() -> None:
    data = files.dicom(FRAMES)
    assert open_source(data, name="x", limits=SourceLimits(image_px=600, frames=4)).frames == 4
    with pytest.raises(ImageTooLargeError):
        open_source(data, name="x", limits=SourceLimits(image_px=599))
    with pytest.raises(TooManyFramesError):
        open_source(data, name="x", limits=SourceLimits(frames=3))


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"%PDF-1.7", bytes(5000), b"\x08\0"])
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ImageError, match=r"^upload: not a readable"):
        open_source(data, name="upload")


def test_names_are_in_no_source_and_in_no_error() -> None:
    data = files.dicom(FRAMES)
    assert b"Quellmalz" in data
    source = open_source(data, name="x")
    assert "Quellmalz" not in repr(source)
    header = read_header(data, name="x", limits=SourceLimits())
    kept = {one.name: getattr(header, one.name) for one in dataclasses.fields(header)}
    assert "Quellmalz" not in repr(kept)
    assert 0x00100010 not in header.values.elements, "the patient's name isn't even pointed at"
    with pytest.raises(ImageError) as caught:
        open_source(data[:-100], name="x")
    assert "Quellmalz" not in str(caught.value)


def test_one_frame_of_many_takes_the_memory_of_one() -> None:
    many = np.zeros((200, 100, 100), dtype=np.uint8)
    many[:, ::7] = np.arange(200, dtype=np.uint8)[:, None, None]
    for data in (files.dicom(many), files.by_pydicom(many, files.RLE)):
        source = open_source(data, name="x")
        source.frame(0)
        tracemalloc.start()
        try:
            assert source.frame(150)[0, 0, 0] == 150
            assert tracemalloc.get_traced_memory()[1] < 20 * 100 * 100
        finally:
            tracemalloc.stop()


def test_threads_get_the_frames_that_they_ask_for() -> None:
    source = open_source(files.by_pydicom(FRAMES, files.RLE), name="x")
    wrong: list[int] = []

    def ask(index: int) -> None:
        wrong.extend(index for _ in range(10) if not (source.frame(index)[..., 0] == FRAMES[index]).all())

    threads = [threading.Thread(target=ask, args=(index % 4,)) for index in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
