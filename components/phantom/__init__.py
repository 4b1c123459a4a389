"""Drawn anatomy becomes B-mode images, and these become folders in six public datasets' original layouts.

Leaves out: real images, of which nothing is in here; and any clinical claim.
"""

from components.phantom.geometry import ImageGrid, Probe
from components.phantom.layouts import LAYOUTS
from components.phantom.physics import BMode, Drift, Machine, Scene, bmode, envelope
from components.phantom.write import PhantomError, WrittenPhantom, write_dataset

__all__ = [
    "LAYOUTS",
    "BMode",
    "Drift",
    "ImageGrid",
    "Machine",
    "PhantomError",
    "Probe",
    "Scene",
    "WrittenPhantom",
    "bmode",
    "envelope",
    "write_dataset",
]
