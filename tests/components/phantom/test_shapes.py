"""Outlines: where they fall on the pixels, and how far from plain ellipses they are."""

import numpy as np
import pytest
from scipy import ndimage

from components.phantom.shapes import band, blob, rasterise, signed_distance_mm, turned

MARGINS = ("smooth", "lobulated", "irregular", "spiculated")


def test_a_rectangle_covers_exactly_the_pixels_whose_centres_it_holds() -> None:
    rectangle = np.array([[2.0, 3.0], [7.0, 3.0], [7.0, 5.0], [2.0, 5.0]])
    mask = rasterise(rectangle, 10, 12, 1.0)
    expected = np.zeros((10, 12), bool)
    expected[3:5, 2:7] = True
    assert np.array_equal(mask, expected)


def test_a_discs_area_is_right_at_any_spacing() -> None:
    angles = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    disc = np.stack([10 + 4 * np.cos(angles), 10 + 4 * np.sin(angles)], axis=1)
    for spacing_mm in (0.05, 0.1, 0.2):
        size_px = int(20 / spacing_mm)
        area_mm2 = rasterise(disc, size_px, size_px, spacing_mm).sum() * spacing_mm**2
        assert area_mm2 == pytest.approx(np.pi * 16, rel=0.02)


@pytest.mark.parametrize("margin", MARGINS)
def test_a_blob_covers_its_centre_and_is_one_piece_without_holes(margin: str) -> None:
    for seed in range(40):
        rng = np.random.default_rng(seed)
        outline = blob(rng, margin, centre_mm=(20, 15), semi_mm=(6, 4), tilt_rad=0.4)
        mask = rasterise(outline, 300, 400, 0.1)
        assert mask[150, 200]
        assert ndimage.label(mask)[1] == 1
        assert ndimage.label(~mask)[1] == 1


def test_rougher_margins_have_longer_outlines_for_their_area() -> None:
    rng = np.random.default_rng(1)

    def roughness(margin: str) -> float:
        values = []
        for _ in range(20):
            outline = blob(rng, margin, centre_mm=(0, 0), semi_mm=(5, 5))
            step = np.roll(outline, -1, axis=0) - outline
            area = 0.5 * abs(np.sum(outline[:, 0] * step[:, 1] - outline[:, 1] * step[:, 0]))
            values.append(np.linalg.norm(step, axis=1).sum() ** 2 / (4 * np.pi * area))
        return float(np.mean(values))

    measured = [roughness(margin) for margin in MARGINS]
    assert measured == sorted(measured)


def test_turning_is_clockwise_on_the_screen() -> None:
    np.testing.assert_allclose(turned(np.array([[1.0, 0.0]]), np.pi / 2), [[0.0, 1.0]], atol=1e-12)


def test_a_band_lies_above_and_below_its_axis() -> None:
    axis = np.stack([np.linspace(0, 10, 50), np.full(50, 5.0)], axis=1)
    strip = band(axis, np.full(50, 2.0), np.full(50, 1.0))
    assert strip[:, 1].min() == pytest.approx(3)
    assert strip[:, 1].max() == pytest.approx(6)


def test_signed_distance_is_negative_inside_and_in_millimetres() -> None:
    mask = np.zeros((100, 100), bool)
    mask[30:70, 30:70] = True
    distance = signed_distance_mm(mask, 0.5)
    assert distance[50, 50] == pytest.approx(-10, abs=0.6)
    assert distance[50, 90] == pytest.approx(10.5, abs=0.6)
