"""A canvas on which anatomy is painted: tissue maps, textures, layers, fibres, outlined bodies, and the label.

The canvas becomes a `Scene` for the physics and, from the same outlines, the labels and polygons for the writers.

Leaves out: which organ it is; see `breast`, `thyroid`, `cervix`, `perineum`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from components.phantom.geometry import Float, ImageGrid, Real
from components.phantom.physics import Scene
from components.phantom.shapes import Polygon, rasterise, signed_distance_mm


@dataclass(frozen=True, slots=True)
class Tissue:
    """What a body is made of: echo against reference tissue, its patchiness (SD, grain), and one-way loss."""

    echo_db: float
    patch_db: float = 1.5
    grain_mm: float = 1.5
    attenuation_db_cm_mhz: float = 0.5
    impedance: float = 1.0


@dataclass(slots=True)
class Canvas:
    """Maps under construction, each H W, float32, on the pixels of `grid`."""

    grid: ImageGrid
    rng: np.random.Generator
    echo_db: Float = field(init=False)
    attenuation: Float = field(init=False)
    impedance: Float = field(init=False)
    labels: NDArray[np.uint8] = field(init=False)
    x_mm: Float = field(init=False)
    z_mm: Float = field(init=False)
    warp_mm: Float = field(init=False)

    def __post_init__(self) -> None:
        shape = (self.grid.height_px, self.grid.width_px)
        self.echo_db = np.zeros(shape, np.float32)
        self.attenuation = np.full(shape, 0.5, np.float32)
        self.impedance = np.ones(shape, np.float32)
        self.labels = np.zeros(shape, np.uint8)
        x_mm, z_mm = self.grid.pixel_centres_mm()
        self.x_mm, self.z_mm = x_mm[None, :], z_mm[:, None]
        self.warp_mm = np.zeros(shape, np.float32)

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height."""
        return self.grid.width_px * self.grid.spacing_mm, self.grid.height_px * self.grid.spacing_mm

    def noise(self, along_mm: float, across_mm: float | None = None) -> Float:
        """Smooth Gaussian noise (SD about 1) with grains `along_mm` in x and `across_mm` in z (H W)."""
        across_mm = along_mm if across_mm is None else across_mm
        width_mm, height_mm = self.size_mm
        coarse = (max(4, round(height_mm / across_mm) + 3), max(4, round(width_mm / along_mm) + 3))
        cells = self.rng.standard_normal(coarse, dtype=np.float32)
        # Cubic interpolation of white noise keeps about 0.72 of its SD; the divisor restores it.
        grid = self.grid
        return cv2.resize(cells, (grid.width_px, grid.height_px), interpolation=cv2.INTER_CUBIC) / np.float32(0.72)

    def undulate(self, amplitude_mm: float, along_mm: float) -> None:
        """Let all layers and fibres painted after this follow one wavy displacement in depth."""
        self.warp_mm = self.noise(along_mm, along_mm * 0.7) * np.float32(amplitude_mm)

    def warped(self, values: Float) -> Float:
        """A map displaced by the undulation (H W)."""
        rows = np.arange(self.grid.height_px, dtype=np.float32)[:, None]
        cols = np.broadcast_to(np.arange(self.grid.width_px, dtype=np.float32)[None, :], values.shape)
        return cv2.remap(
            values,
            np.ascontiguousarray(cols),
            rows - self.warp_mm / np.float32(self.grid.spacing_mm),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )

    def paint(self, weight: Real, tissue: Tissue) -> None:
        """Mix a tissue in by `weight` (H W, 0 to 1)."""
        patch = self.noise(tissue.grain_mm) * np.float32(tissue.patch_db)
        self.echo_db += weight * (patch + np.float32(tissue.echo_db) - self.echo_db)
        self.attenuation += weight * (np.float32(tissue.attenuation_db_cm_mhz) - self.attenuation)
        self.impedance += weight * (np.float32(tissue.impedance) - self.impedance)

    def layer(self, top_mm: Real | float, tissue: Tissue, soft_mm: float = 0.25) -> None:
        """Everything below `top_mm` (broadcastable to H W) becomes this tissue."""
        below = (self.z_mm - top_mm - self.warp_mm) / np.float32(soft_mm)
        self.paint(np.clip(0.5 + below / 2, 0, 1), tissue)

    def fibres(self, weight: Real, *, along_mm: float, across_mm: float, echo_db: float) -> None:
        """Bright strands where `weight` is: crests of stretched noise, broken up, following the layers."""
        crest = np.clip(self.warped(self.noise(along_mm, across_mm)) - np.float32(0.7), 0, 1.2)
        fine = np.clip(self.warped(self.noise(along_mm * 0.4, across_mm * 0.5)) - np.float32(0.9), 0, 1.2)
        alive = np.clip(self.noise(along_mm * 0.7, across_mm * 3) * 0.6 + 0.6, 0, 1.2)
        strand = weight * (crest + np.float32(0.8) * fine) * alive
        self.echo_db += strand * np.float32(echo_db)
        self.impedance += strand * np.float32(0.005)

    def streaks(self, weight: Real | float, *, along_mm: float, across_mm: float, sd_db: float) -> None:
        """Soft layered unevenness where `weight` is, following the layers."""
        coarse = self.noise(along_mm, across_mm)
        fine = self.noise(along_mm * 0.35, across_mm * 0.45)
        self.echo_db += weight * self.warped(coarse * np.float32(0.75) + fine * np.float32(0.65)) * np.float32(sd_db)

    def line(self, depth_mm: Real | float, thickness_mm: float, echo_db: float, impedance: float = 0.02) -> None:
        """A fascia: a bright sheet along z = `depth_mm` (broadcastable to H W), following the layers."""
        wobble = self.noise(3.5, 60)[:1] * np.float32(0.12)
        off = (self.z_mm - depth_mm - wobble - self.warp_mm) / np.float32(thickness_mm)
        alive = np.clip(self.noise(4, 3) * 0.5 + 0.6, 0.05, 1.2)
        sheet = np.exp(-(off**2)) * alive
        self.echo_db += sheet * np.float32(echo_db)
        self.impedance += sheet * np.float32(impedance)

    def distance_mm(self, polygon: Polygon) -> Float:
        """Signed distance to an outline, negative inside (H W)."""
        grid = self.grid
        return signed_distance_mm(rasterise(polygon, grid.height_px, grid.width_px, grid.spacing_mm), grid.spacing_mm)

    def body(
        self,
        polygon: Polygon,
        tissue: Tissue,
        *,
        soft_mm: tuple[float, float] = (0.15, 0.15),
        wall_db: float = 0.0,
        wall_mm: float = 0.3,
        label: int = 0,
    ) -> Float:
        """Paint an outlined body and, where `label` isn't 0, its label; returns the signed distance (H W).

        The edge's softness wanders between the two values of `soft_mm`; `wall_db` draws a capsule.
        """
        distance = self.distance_mm(polygon)
        wander = np.clip(self.noise(4) * 0.35 + 0.5, 0, 1)
        soft = np.float32(soft_mm[0]) + wander * np.float32(soft_mm[1] - soft_mm[0])
        self.paint(np.clip(0.5 - distance / (2 * soft), 0, 1), tissue)
        if wall_db:
            wall = np.exp(-((distance / np.float32(wall_mm)) ** 2))
            self.echo_db += wall * np.float32(wall_db)
            self.impedance += wall * np.float32(0.01)
        if label:
            self.mark(polygon, label)
        return distance

    def mark(self, polygon: Polygon, label: int) -> None:
        """Write a label inside an outline; earlier labels stay."""
        grid = self.grid
        inside = rasterise(polygon, grid.height_px, grid.width_px, grid.spacing_mm)
        self.labels[inside & (self.labels == 0)] = label

    def specks(self, distance: Float, count: int, *, echo_db: float, size_mm: float, shadow: float = 0.0) -> None:
        """Small bright grains (microcalcifications) inside a body, each with a little loss behind it."""
        inside = np.argwhere(distance < -2 * size_mm)
        if len(inside) == 0:
            return
        for row, col in inside[self.rng.integers(0, len(inside), count)]:
            radius = size_mm * self.rng.uniform(0.6, 1.3)
            reach = max(2, int(3 * radius / self.grid.spacing_mm))
            rows, cols = slice(max(row - reach, 0), row + reach + 1), slice(max(col - reach, 0), col + reach + 1)
            x_mm = self.x_mm[:, cols] - self.x_mm[0, col]
            z_mm = self.z_mm[rows] - self.z_mm[row, 0]
            grain = np.exp(-(x_mm**2 + z_mm**2) / (2 * np.float32(radius) ** 2))
            self.echo_db[rows, cols] += grain * np.float32(echo_db)
            self.attenuation[rows, cols] += grain * np.float32(shadow)

    def scene(self) -> Scene:
        """The finished maps."""
        return Scene(self.echo_db, self.attenuation, self.impedance)
