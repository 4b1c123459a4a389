"""Beam coordinates (line, depth) to image pixels and back, for linear, convex and sector probes.

A world point is (x_mm, z_mm): x right, z down, origin at the top left corner of the image's top left pixel.
The transducer's face has its centre at `face_xz_mm`; its lines leave it at right angles. A sector is a convex
probe of (nearly) no radius.

Leaves out: refraction, steering and everything that isn't one plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float32]
Bool = NDArray[np.bool_]
Real = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Probe:
    """A transducer and the raster of its beams.

    `width_mm` is the face of a linear probe; `radius_mm` and `angle_deg` are curvature and full opening of a
    convex or sector one. `depth_mm` is how far a line is followed, in `samples` steps, along `lines` lines.
    """

    kind: Literal["linear", "convex", "sector"]
    depth_mm: float
    width_mm: float = 40.0
    radius_mm: float = 0.0
    angle_deg: float = 0.0
    frequency_mhz: float = 8.0
    focus_mm: float = 20.0
    f_number: float = 2.0
    lines: int = 256
    samples: int = 512

    @property
    def sample_mm(self) -> float:
        """Distance between two samples along a line."""
        return self.depth_mm / self.samples

    @property
    def half_angle_rad(self) -> float:
        """Half of the opening of a convex or sector probe."""
        return float(np.deg2rad(self.angle_deg) / 2)

    def depths_mm(self) -> Float:
        """Depth below the face of each sample's centre; shape (samples,)."""
        return ((np.arange(self.samples) + 0.5) * self.sample_mm).astype(np.float32)

    def pitch_mm(self) -> Float:
        """Distance between neighbouring lines at each depth; shape (samples,)."""
        if self.kind == "linear":
            return np.full(self.samples, self.width_mm / self.lines, np.float32)
        step_rad = 2 * self.half_angle_rad / self.lines
        return ((self.radius_mm + self.depths_mm()) * step_rad).astype(np.float32)


@dataclass(frozen=True, slots=True)
class ImageGrid:
    """The pixels of an image in world millimetres; pixels are square."""

    height_px: int
    width_px: int
    spacing_mm: float
    face_xz_mm: tuple[float, float]

    @classmethod
    def fitting(cls, probe: Probe, height_px: int, width_px: int | None = None) -> ImageGrid:
        """The grid on which the probe's whole depth fills the height; by default as wide as its field of view."""
        # The rim of a curved face lies higher than its centre; that part needs room above.
        rise_mm = 0.0 if probe.kind == "linear" else probe.radius_mm * (1 - np.cos(probe.half_angle_rad))
        spacing_mm = (probe.depth_mm + rise_mm) / height_px
        if width_px is None:
            reach_mm = probe.radius_mm + probe.depth_mm
            half_mm = probe.width_mm / 2 if probe.kind == "linear" else reach_mm * np.sin(probe.half_angle_rad)
            width_px = int(2 * half_mm / spacing_mm)
        return cls(height_px, width_px, float(spacing_mm), (width_px * spacing_mm / 2, float(rise_mm)))

    def pixel_centres_mm(self) -> tuple[Float, Float]:
        """World x of each column and z of each row, at pixel centres."""
        x_mm = ((np.arange(self.width_px) + 0.5) * self.spacing_mm).astype(np.float32)
        z_mm = ((np.arange(self.height_px) + 0.5) * self.spacing_mm).astype(np.float32)
        return x_mm, z_mm


def beam_to_world(probe: Probe, grid: ImageGrid, line: Real, depth_mm: Real) -> tuple[Real, Real]:
    """World (x_mm, z_mm) of points on the beams; `line` counts from 0 (left) in lines, centres at + 0.5."""
    across = line / probe.lines * 2 - 1  # -1 at the left rim, 1 at the right
    x0_mm, z0_mm = grid.face_xz_mm
    if probe.kind == "linear":
        return x0_mm + across * probe.width_mm / 2, z0_mm + depth_mm + 0 * across
    theta = across * probe.half_angle_rad
    reach_mm = probe.radius_mm + depth_mm
    return x0_mm + reach_mm * np.sin(theta), z0_mm - probe.radius_mm + reach_mm * np.cos(theta)


def world_to_beam(probe: Probe, grid: ImageGrid, x_mm: Real, z_mm: Real) -> tuple[Real, Real]:
    """(line, depth_mm) of world points: the inverse of `beam_to_world`, defined outside the field of view too."""
    x0_mm, z0_mm = grid.face_xz_mm
    if probe.kind == "linear":
        across = (x_mm - x0_mm) * 2 / probe.width_mm
        return (across + 1) / 2 * probe.lines + 0 * z_mm, z_mm - z0_mm + 0 * x_mm
    down_mm = z_mm - z0_mm + probe.radius_mm
    theta = np.arctan2(x_mm - x0_mm, down_mm)
    depth_mm = np.hypot(x_mm - x0_mm, down_mm) - probe.radius_mm
    return (theta / probe.half_angle_rad + 1) / 2 * probe.lines, depth_mm


@dataclass(frozen=True, slots=True)
class ScanMaps:
    """Look-up tables for `cv2.remap`, and the field of view (H W, bool)."""

    world_col: Float
    world_row: Float
    beam_line: Float
    beam_sample: Float
    in_view: Bool


@lru_cache(maxsize=8)
def scan_maps(probe: Probe, grid: ImageGrid) -> ScanMaps:
    """The tables between a grid and a probe's beams, in pixel or sample indices (centres at whole numbers)."""
    lines = (np.arange(probe.lines) + 0.5)[None, :]
    x_mm, z_mm = beam_to_world(probe, grid, lines, probe.depths_mm()[:, None])
    cols_mm, rows_mm = grid.pixel_centres_mm()
    line, depth_mm = world_to_beam(probe, grid, cols_mm[None, :], rows_mm[:, None])
    in_view = (line >= 0) & (line < probe.lines) & (depth_mm >= 0) & (depth_mm < probe.depth_mm)
    tables = (
        x_mm / grid.spacing_mm - 0.5,
        z_mm / grid.spacing_mm - 0.5,
        line - 0.5,
        depth_mm / probe.sample_mm - 0.5,
    )
    shapes = (2 * ((probe.samples, probe.lines),)) + (2 * (in_view.shape,))
    full = [np.ascontiguousarray(np.broadcast_to(t, s), dtype=np.float32) for t, s in zip(tables, shapes, strict=True)]
    return ScanMaps(full[0], full[1], full[2], full[3], in_view)


def to_beams(values: Float, maps: ScanMaps) -> Float:
    """Sample a world map (H W) at the beams; returns (samples, lines). Past the edge the nearest pixel counts."""
    return cv2.remap(values, maps.world_col, maps.world_row, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def to_pixels(values: Float, maps: ScanMaps) -> Float:
    """Scan conversion: sample beam data (samples, lines) at the pixels; returns H W, valid where in view."""
    return cv2.remap(values, maps.beam_line, maps.beam_sample, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
