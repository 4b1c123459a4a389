"""Tests of the picture: which pixels are drawn on, and what stands below."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as PilImage

from components.findings import overlay
from components.findings.finding import Finding, Origin
from components.findings.measure import Measurements
from components.findings.overlay import COLOURS, to_overlay
from components.types import Image, Mask


def opened(png: bytes) -> PilImage.Image:
    picture = PilImage.open(io.BytesIO(png))
    picture.load()
    return picture


def bare(finding: Finding) -> Finding:
    """The same outline without diameters, which are drawn over the object's inside."""
    unmeasured = Measurements(int(finding.mask.sum()), None, None, None, 1, None, "not measured")
    return replace(finding, measurements=unmeasured)


def near(mask: Mask, by_px: int) -> Mask:
    """Whether a pixel lies within `by_px`, along rows and columns, of a mask's."""
    padded = np.pad(mask, by_px)
    height, width = mask.shape
    around = range(2 * by_px + 1)
    return np.any([padded[dy : dy + height, dx : dx + width] for dy in around for dx in around], axis=0)


def test_the_outline_is_the_border_of_the_mask(image: Image, findings: list[Finding], origin: Origin) -> None:
    picture = np.asarray(opened(to_overlay(image, [bare(findings[1])], origin)))
    mask = findings[1].mask
    drawn, within = picture[: mask.shape[0], : mask.shape[1]], ~near(~mask, 1)
    assert (drawn[mask & ~within] == COLOURS[0]).all()
    assert (drawn[within] == image[within]).all()
    tag_row = np.flatnonzero(mask.any(axis=1))[0]
    beyond = ~near(mask, 1)
    beyond[tag_row - 2 : tag_row + 16, np.flatnonzero(mask.any(axis=0))[-1] - 4 :] = False
    assert (drawn[beyond] == image[beyond]).all()


def test_the_diameters_are_drawn_where_they_were_measured(
    image: Image, findings: list[Finding], origin: Origin
) -> None:
    disc = findings[1]
    without, with_lines = (
        np.asarray(opened(to_overlay(image, [each], origin)))[: image.shape[0]] for each in (bare(disc), disc)
    )
    changed = np.argwhere((without != with_lines).any(axis=2))[:, ::-1] + 0.5
    found = disc.measurements
    assert found.longest is not None and found.perpendicular is not None
    distances = []
    for line in (found.longest, found.perpendicular):
        start, end = np.array(line.from_xy), np.array(line.to_xy)
        normal = np.array([start[1] - end[1], end[0] - start[0]]) / line.length_px
        distances.append(np.abs((changed - start) @ normal))
    assert len(changed) > 20
    assert np.min(distances, axis=0).max() <= 1


def test_words_stand_below_the_image_and_say_what_matters(
    image: Image, findings: list[Finding], origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    wrap = overlay._wrap
    monkeypatch.setattr(overlay, "_wrap", lambda text, *others: told.append(text) or wrap(text, *others))
    picture = opened(to_overlay(image, findings, origin))
    assert picture.width == 480
    assert picture.height > image.shape[0] + len(told) * 12
    assert told[:2] == list(origin.cautions)
    assert told[2] == "Model: hiera_mini 7, weights 0618a7670618; SonoForge 0.1.0"
    assert told[3].startswith("1  nodule one two: ") and told[3].endswith("mm, confidence 0.88, accepted")
    assert told[5] == "    no millimetres: the file states no scale"
    assert [line for line in told if "WARNING" in line] == [f"    WARNING: {each.warning}" for each in findings[1:]]


def test_what_a_person_corrected_is_no_warning(
    image: Image, corrected: Finding, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    wrap = overlay._wrap
    monkeypatch.setattr(overlay, "_wrap", lambda text, *others: told.append(text) or wrap(text, *others))
    to_overlay(image, [corrected], origin)
    assert told[-1].endswith(
        "(longest set by hand), edited: manually corrected, so that no confidence of the model applies"
    )


def test_words_that_are_wider_than_the_picture_are_cut(image: Image, findings: list[Finding], origin: Origin) -> None:
    one = replace(findings[1], name="w" * 64, reasons=("x" * 300, "short words " * 40))
    short = opened(to_overlay(image, [replace(one, reasons=("x",))], origin))
    cut = opened(to_overlay(image, [one], origin))
    assert cut.width == short.width
    assert cut.height >= short.height + 8 * 16


def test_the_file_names_the_model_and_nothing_of_the_user(
    image: Image, findings: list[Finding], origin: Origin
) -> None:
    chunks = opened(to_overlay(image, findings, origin)).info
    assert chunks["sonoforge:model_digest"] == origin.model_digest
    assert chunks["sonoforge:prediction"] == "ab" * 16
    assert chunks["sonoforge:caution"].startswith("Research use only")
    assert not any("nodule" in str(value) for value in chunks.values())


def test_a_large_image_gets_wider_outlines_and_all_objects_their_colours(
    origin: Origin, findings: list[Finding]
) -> None:
    masks = [np.zeros((600, 1500), dtype=bool) for _ in range(8)]
    for number, mask in enumerate(masks):
        mask[200:300, 180 * number + 20 : 180 * number + 120] = True
    picture = np.asarray(
        opened(
            to_overlay(np.zeros((600, 1500, 3), np.uint8), [replace(bare(findings[1]), mask=m) for m in masks], origin)
        )
    )
    assert picture.shape[1] == 1500
    for number, mask in enumerate(masks):
        assert (picture[:600][mask & near(~mask, 3)] == COLOURS[number % len(COLOURS)]).all()
