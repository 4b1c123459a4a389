"""Scan conversion: beams to pixels and back."""

import numpy as np
import pytest

from components.phantom.geometry import (
    ImageGrid,
    Probe,
    beam_to_world,
    scan_maps,
    to_beams,
    to_pixels,
    world_to_beam,
)

PROBES = [
    Probe("linear", 40.0, width_mm=38.0, lines=200, samples=400),
    Probe("convex", 120.0, radius_mm=58.0, angle_deg=70.0, lines=200, samples=400),
    Probe("sector", 150.0, radius_mm=0.0, angle_deg=85.0, lines=200, samples=400),
]


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.kind)
def test_world_and_beam_coordinates_invert_each_other(probe: Probe) -> None:
    grid = ImageGrid.fitting(probe, 300)
    line = np.linspace(0.5, probe.lines - 0.5, 31)[None, :]
    depth_mm = np.linspace(1, probe.depth_mm, 29)[:, None]
    x_mm, z_mm = beam_to_world(probe, grid, line, depth_mm)
    line_again, depth_again = world_to_beam(probe, grid, x_mm, z_mm)
    np.testing.assert_allclose(line_again, np.broadcast_to(line, line_again.shape), atol=1e-6)
    np.testing.assert_allclose(depth_again, np.broadcast_to(depth_mm, depth_again.shape), atol=1e-6)


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.kind)
def test_a_smooth_map_survives_the_way_to_the_beams_and_back(probe: Probe) -> None:
    grid = ImageGrid.fitting(probe, 300)
    maps = scan_maps(probe, grid)
    x_mm, z_mm = grid.pixel_centres_mm()
    period_mm = probe.depth_mm / 3
    world = (np.sin(2 * np.pi * x_mm / period_mm)[None, :] * np.cos(2 * np.pi * z_mm / period_mm)[:, None]).astype(
        np.float32
    )
    again = to_pixels(to_beams(world, maps), maps)
    depth_mm = world_to_beam(probe, grid, x_mm[None, :], z_mm[:, None])[1]
    # The very tip of a sector has many lines in one pixel, and the last line has no neighbour.
    inside = maps.in_view & (depth_mm > 3) & (depth_mm < probe.depth_mm - 3)
    assert np.abs(again - world)[inside].mean() < 0.005
    assert np.percentile(np.abs(again - world)[inside], 99) < 0.03


def test_distances_on_the_image_are_distances_in_the_body() -> None:
    probe = PROBES[1]
    grid = ImageGrid.fitting(probe, 400)
    x_mm, z_mm = beam_to_world(probe, grid, np.array([100.0, 100.0]), np.array([10.0, 60.0]))
    assert np.hypot(*np.diff([x_mm, z_mm], axis=1)[:, 0]) == pytest.approx(50.0)


def test_the_field_of_view_of_a_convex_probe_is_a_ring_segment() -> None:
    probe = PROBES[1]
    grid = ImageGrid.fitting(probe, 400)
    in_view = scan_maps(probe, grid).in_view
    outer, inner = probe.radius_mm + probe.depth_mm, probe.radius_mm
    area_mm2 = probe.half_angle_rad * (outer**2 - inner**2)
    assert in_view.sum() * grid.spacing_mm**2 == pytest.approx(area_mm2, rel=0.01)
    assert not in_view[0, 0]
    assert not in_view[-1, 0]


def test_a_linear_probe_fills_its_frame() -> None:
    grid = ImageGrid.fitting(PROBES[0], 400)
    assert scan_maps(PROBES[0], grid).in_view.all()
    assert grid.width_px * grid.spacing_mm == pytest.approx(38.0, abs=grid.spacing_mm)
