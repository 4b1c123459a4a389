"""What an organ module hands to the writers: a scene, how it is scanned, and the truth about it.

Leaves out: files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.phantom.geometry import ImageGrid, Probe
from components.phantom.physics import BMode, Drift, Machine, Scene, bmode
from components.phantom.shapes import Polygon


@dataclass(frozen=True, slots=True)
class Drawing:
    """Anatomy and the machine that looks at it.

    `labels` (H W, uint8) and `outlines_mm` (label, polygon) say the same; the outlines are not clipped to the
    image. `finding` is the anatomy's own word for what is seen.
    """

    scene: Scene
    probe: Probe
    grid: ImageGrid
    machine: Machine
    labels: NDArray[np.uint8]
    outlines_mm: tuple[tuple[int, Polygon], ...] = ()
    finding: str = ""

    def look(self, rng: np.random.Generator, *, drift: Drift | None = None) -> BMode:
        """The B-mode image; the scatterers come from `rng`, and from `drift` in later frames of a clip."""
        return bmode(self.scene, self.probe, self.grid, machine=self.machine, rng=rng, drift=drift)

    def outlines_px(self) -> tuple[tuple[int, Polygon], ...]:
        """The outlines in pixel coordinates (origin at the corner of the first pixel)."""
        return tuple((label, polygon / self.grid.spacing_mm) for label, polygon in self.outlines_mm)
