"""A scene (maps of echogenicity, attenuation, impedance) becomes a B-mode image.

Order: sample the maps along the beams; complex Gaussian scatterers (fully developed speckle: Rayleigh envelope,
mean / SD = 1.91); add interfaces, scaled by their angle to the beam, and reverberations; multiply by the loss along
the beam against the machine's time gain compensation, whose difference is shadow and enhancement; convolve with the
point spread function, short in depth, wide across and wider away from the focus; add electronic noise, amplified
with depth; envelope; log compression; scan conversion.

All of it in complex baseband, where the magnitude of the signal *is* the Hilbert envelope of the RF line.

Leaves out: non-linear propagation, refraction, aberration, elevation, grating lobes. It tests a pipeline and
carries no clinical claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from components.phantom.geometry import Bool, Float, ImageGrid, Probe, ScanMaps, scan_maps, to_beams, to_pixels

SPEED_OF_SOUND_MM_US = 1.54
Complex = NDArray[np.complex64]


@dataclass(frozen=True, slots=True)
class Scene:
    """What lies in front of the probe, on the pixels of an image (each H W, float32).

    `echo_db` is the scatterers' strength against reference tissue; `attenuation_db_cm_mhz` the one-way loss;
    `impedance` is relative to soft tissue (1.0), and only its changes matter.
    """

    echo_db: Float
    attenuation_db_cm_mhz: Float
    impedance: Float


@dataclass(frozen=True, slots=True)
class Machine:
    """The settings on the console.

    `tgc_db_cm_mhz` is the loss that the machine believes in; `noise_db` the electronic noise at the face against
    reference tissue; `looks` how many independent speckle patterns are averaged (spatial compounding);
    `grey_gamma` bends the grey map; reference tissue lies at `mid_grey` of the range.
    """

    dynamic_range_db: float = 58.0
    gain_db: float = 0.0
    tgc_db_cm_mhz: float = 0.5
    noise_db: float = -52.0
    specular: float = 1.0
    reverberation: float = 0.25
    reverberation_mm: float = 2.0
    looks: int = 1
    grey_gamma: float = 1.0
    mid_grey: float = 0.5


@dataclass(frozen=True, slots=True)
class BMode:
    """An image (H W, uint8), its field of view (H W, bool) and the envelope before compression (samples, lines)."""

    image: NDArray[np.uint8]
    in_view: Bool
    envelope: Float


def psf_sigmas(probe: Probe) -> tuple[float, Float]:
    """SD of the Gaussian point spread function: in samples along the beam, and in lines at each depth.

    Axial: a pulse of two cycles resolves one wavelength (FWHM). Lateral: wavelength times f-number at the focus,
    growing away from it as a Gaussian beam does. Neither is let under 0.7 samples, where it would alias.
    """
    wavelength_mm = SPEED_OF_SOUND_MM_US / probe.frequency_mhz
    fwhm = 2.355
    axial = max(wavelength_mm / fwhm / probe.sample_mm, 0.7)
    field_mm = 7 * wavelength_mm * probe.f_number**2  # depth of field
    away = (probe.depths_mm() - probe.focus_mm) / field_mm
    # Dynamic focusing on receive leaves about a third of a fixed focus's spread.
    lateral_mm = wavelength_mm * probe.f_number / fwhm * np.sqrt(1 + (away / 3) ** 2)
    return axial, np.maximum(lateral_mm / probe.pitch_mm(), 0.7).astype(np.float32)


@lru_cache(maxsize=8)
def _lateral_transfer(probe: Probe) -> tuple[int, Float]:
    """Padded line count and the lateral point spread function's spectrum at each depth, of unit energy."""
    sigma = psf_sigmas(probe)[1][:, None]
    padded = int(scipy.fft.next_fast_len(probe.lines + 2 * int(np.ceil(sigma.max() * 3))))
    frequency = scipy.fft.fftfreq(padded)[None, :]
    spectrum = np.exp(-2 * (np.pi * sigma * frequency) ** 2)
    energy = np.mean(spectrum**2, axis=1, keepdims=True)  # Parseval: sum of h squared
    return padded, (spectrum / np.sqrt(energy)).astype(np.float32)


def blur_lateral(field: Complex, probe: Probe) -> Complex:
    """Convolve each depth with its own lateral point spread function (samples, lines)."""
    padded, spectrum = _lateral_transfer(probe)
    transformed = scipy.fft.fft(field, n=padded, axis=1)
    transformed *= spectrum
    return scipy.fft.ifft(transformed, axis=1, overwrite_x=True)[:, : probe.lines]


def blur_axial(field: Complex, probe: Probe) -> Complex:
    """Convolve each line with the pulse, of unit energy (samples, lines)."""
    sigma = psf_sigmas(probe)[0]
    reach = int(np.ceil(3.5 * sigma))
    pulse = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).astype(np.float32)
    pulse /= np.sqrt(np.sum(pulse**2))
    parts = np.ascontiguousarray(field).view(np.float32).reshape(*field.shape, 2)  # real and imaginary as channels
    out = cv2.sepFilter2D(parts, -1, np.ones(1, np.float32), pulse, borderType=cv2.BORDER_REFLECT)
    return out.view(np.complex64)[..., 0]


def complex_normal(rng: np.random.Generator, shape: tuple[int, int]) -> Complex:
    """Circular complex Gaussian numbers of unit mean power: many scatterers in every resolution cell."""
    parts = rng.standard_normal((*shape, 2), dtype=np.float32) * np.float32(np.sqrt(0.5))
    return parts.view(np.complex64)[..., 0]


def beam_loss_db(attenuation_db_cm_mhz: Float, probe: Probe, tgc_db_cm_mhz: float) -> Float:
    """Two-way loss along each beam less the gain that the machine gives for its depth (samples, lines), in dB.

    Positive behind absorbers (shadow), negative behind fluid (enhancement).
    """
    excess = (attenuation_db_cm_mhz - np.float32(tgc_db_cm_mhz)) * np.float32(
        2 * probe.frequency_mhz * probe.sample_mm / 10
    )
    loss_db = np.cumsum(excess, axis=0, dtype=np.float32)
    # A wide aperture looks past an absorber's rim: the edge of a shadow is soft.
    return cv2.GaussianBlur(loss_db, (0, 0), sigmaX=probe.lines / 100, sigmaY=1e-3)


def specular_echo(impedance: Float, probe: Probe) -> Float:
    """Reflection at changes of impedance, strongest where the interface lies across the beam (samples, lines)."""
    along = np.zeros_like(impedance)
    along[1:] = np.diff(impedance, axis=0) / np.float32(probe.sample_mm)
    across = np.zeros_like(impedance)
    across[:, 1:] = np.diff(impedance, axis=1) / probe.pitch_mm()[:, None]
    square = along**2
    cosine_squared = square / (square + across**2 + np.float32(1e-9))
    return np.abs(along) * cosine_squared**2


def _echoes(scene: Scene, probe: Probe, machine: Machine, maps: ScanMaps) -> tuple[Float, Float]:
    """Amplitudes of scatterers and of interfaces on arrival (samples, lines), after loss and gain."""
    loss_db = beam_loss_db(to_beams(scene.attenuation_db_cm_mhz, maps), probe, machine.tgc_db_cm_mhz)
    arrives = np.float32(10) ** (-loss_db / 20)
    scatter = arrives * np.float32(10) ** (to_beams(scene.echo_db, maps) / 20)
    mirror = specular_echo(to_beams(scene.impedance, maps), probe) * np.float32(20 * machine.specular)
    delay = max(1, round(machine.reverberation_mm / probe.sample_mm))
    # Only what lies close to the face sends enough back for a second trip.
    near = mirror * np.exp(-probe.depths_mm() / np.float32(machine.reverberation_mm))[:, None]
    ghosts = np.zeros_like(mirror)
    for bounce in range(1, 4):
        shift = bounce * delay
        if shift < probe.samples:
            ghosts[shift:] += np.float32(machine.reverberation**bounce) * near[:-shift]
    return scatter.astype(np.float32), ((mirror + ghosts) * arrives).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a later frame's scatterers have moved on: the share of power that comes from its own `rng`."""

    share: float
    rng: np.random.Generator


def envelope(
    scene: Scene,
    probe: Probe,
    grid: ImageGrid,
    *,
    machine: Machine,
    rng: np.random.Generator,
    drift: Drift | None = None,
) -> Float:
    """The detected signal before compression (samples, lines), averaged over the machine's looks."""
    maps = scan_maps(probe, grid)
    scatter, mirror = _echoes(scene, probe, machine, maps)
    shape = scatter.shape
    tgc_db = 2 * probe.frequency_mhz * machine.tgc_db_cm_mhz * probe.depths_mm() / 10
    noise = (np.float32(10) ** ((machine.noise_db + tgc_db) / 20)).astype(np.float32)[:, None]
    total = np.zeros(shape, np.float32)
    for _ in range(machine.looks):
        field = complex_normal(rng, shape)
        if drift is not None:
            fresh = complex_normal(drift.rng, shape)
            field = np.float32(np.sqrt(1 - drift.share)) * field + np.float32(np.sqrt(drift.share)) * fresh
        # An interface is rough: its echo keeps a coherent part and takes some of the speckle.
        field = scatter * field + mirror * (np.float32(0.6) + np.float32(0.5) * field)
        signal = blur_lateral(field, probe)
        signal += noise * complex_normal(rng, shape)
        total += np.abs(blur_axial(signal, probe))
    return total / np.float32(machine.looks)


def compress(detected: Float, machine: Machine) -> Float:
    """Envelope to grey, 0 to 1: `dynamic_range_db` about reference tissue, then the grey map."""
    level_db = 20 * np.log10(detected + np.float32(1e-6)) + np.float32(machine.gain_db)
    grey = np.clip(machine.mid_grey + level_db / np.float32(machine.dynamic_range_db), 0, 1)
    return (grey ** np.float32(machine.grey_gamma)).astype(np.float32)


def bmode(
    scene: Scene,
    probe: Probe,
    grid: ImageGrid,
    *,
    machine: Machine,
    rng: np.random.Generator,
    drift: Drift | None = None,
) -> BMode:
    """Draw one B-mode image of a scene; black outside the probe's field of view.

    The scatterers come from `rng` alone: the same `rng` and another `drift` is a later frame of one clip.

    The order is that of a pulse-echo scanner (Szabo, Diagnostic Ultrasound Imaging: Inside Out, 2014).
    """
    detected = envelope(scene, probe, grid, machine=machine, rng=rng, drift=drift)
    maps = scan_maps(probe, grid)
    grey = to_pixels(compress(detected, machine), maps)
    image = np.where(maps.in_view, grey * 255 + 0.5, 0).astype(np.uint8)
    return BMode(image, maps.in_view, detected)
