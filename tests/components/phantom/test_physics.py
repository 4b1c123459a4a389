"""The statistics and signs that physics prescribes."""

import numpy as np
import pytest

from components.phantom import Drift, ImageGrid, Machine, Probe, Scene, bmode, envelope
from components.phantom.physics import blur_axial, blur_lateral, complex_normal, compress, psf_sigmas

PROBE = Probe("linear", 40.0, width_mm=40.0, frequency_mhz=6.0, lines=256, samples=512)
GRID = ImageGrid.fitting(PROBE, 400)
QUIET = Machine(tgc_db_cm_mhz=0.5, noise_db=-200, specular=0, reverberation=0)


def scene(*, echo_db: float = 0.0, attenuation: float = 0.5) -> Scene:
    plane = np.zeros((GRID.height_px, GRID.width_px), np.float32)
    return Scene(plane + np.float32(echo_db), plane + np.float32(attenuation), plane + 1)


def with_disc(*, echo_db: float, attenuation: float) -> tuple[Scene, np.ndarray]:
    """Even tissue with a disc of 5 mm radius at 15 mm depth; and the disc."""
    base = scene()
    x_mm, z_mm = GRID.pixel_centres_mm()
    disc = (x_mm[None, :] - 20) ** 2 + (z_mm[:, None] - 15) ** 2 < 25
    base.echo_db[disc] = echo_db
    base.attenuation_db_cm_mhz[disc] = attenuation
    return base, disc


def mean_grey(image: np.ndarray, x_mm: tuple[float, float], z_mm: tuple[float, float]) -> float:
    rows = slice(int(z_mm[0] / GRID.spacing_mm), int(z_mm[1] / GRID.spacing_mm))
    cols = slice(int(x_mm[0] / GRID.spacing_mm), int(x_mm[1] / GRID.spacing_mm))
    return float(image[rows, cols].mean())


def test_fully_developed_speckle_has_the_rayleigh_ratio() -> None:
    ratios = []
    for seed in range(4):
        detected = envelope(scene(), PROBE, GRID, machine=QUIET, rng=np.random.default_rng(seed))
        ratios.append(detected.mean() / detected.std())
    assert np.mean(ratios) == pytest.approx(1.913, rel=0.05)


def test_speckle_power_is_the_tissues_echo_at_every_depth() -> None:
    detected = envelope(scene(echo_db=-6), PROBE, GRID, machine=QUIET, rng=np.random.default_rng(0))
    power_db = 10 * np.log10((detected**2).reshape(4, -1).mean(axis=1))
    np.testing.assert_allclose(power_db, -6, atol=0.5)


def test_compounding_smooths_speckle_by_the_root_of_the_looks() -> None:
    machine = Machine(tgc_db_cm_mhz=0.5, noise_db=-200, specular=0, looks=4)
    detected = envelope(scene(), PROBE, GRID, machine=machine, rng=np.random.default_rng(0))
    assert detected.mean() / detected.std() == pytest.approx(1.913 * 2, rel=0.07)


def _half_width(correlation: np.ndarray) -> float:
    """The SD of a Gaussian that falls off as these correlations at lags 0, 1, 2 do (fit of the logarithm)."""
    lags = np.arange(len(correlation))
    return float(np.sqrt(np.sum(lags**4) / np.sum(-2 * lags**2 * np.log(correlation))))


def test_autocorrelation_is_as_wide_as_the_point_spread_function() -> None:
    field = blur_axial(blur_lateral(complex_normal(np.random.default_rng(1), (512, 256)), PROBE), PROBE)
    axial, lateral = psf_sigmas(PROBE)
    for rows in (slice(20, 120), slice(220, 300), slice(400, 500)):
        part = field[rows]
        # A Gaussian's autocorrelation is wider than itself by the root of two.
        along = [np.abs(np.mean(part[lag:] * part[: len(part) - lag].conj())) for lag in range(3)]
        assert _half_width(np.array(along) / along[0]) == pytest.approx(axial * np.sqrt(2), rel=0.05)
        across = [np.abs(np.mean(part[:, lag:] * part[:, : 256 - lag].conj())) for lag in range(4)]
        assert _half_width(np.array(across) / across[0]) == pytest.approx(lateral[rows].mean() * np.sqrt(2), rel=0.08)


def test_the_beam_is_narrowest_at_its_focus() -> None:
    _, lateral = psf_sigmas(PROBE)
    assert abs(PROBE.depths_mm()[lateral.argmin()] - PROBE.focus_mm) < 2
    assert lateral[-1] > lateral.min()


@pytest.mark.parametrize(("attenuation", "sign"), [(0.05, 1), (1.5, -1)], ids=["enhancement", "shadow"])
def test_behind_fluid_is_brighter_and_behind_an_absorber_darker(attenuation: float, sign: int) -> None:
    body, _ = with_disc(echo_db=-10, attenuation=attenuation)
    image = bmode(body, PROBE, GRID, machine=QUIET, rng=np.random.default_rng(2)).image
    behind = mean_grey(image, (18, 22), (23, 35))
    beside = (mean_grey(image, (4, 10), (23, 35)) + mean_grey(image, (30, 36), (23, 35))) / 2
    assert sign * (behind - beside) > 10


def test_a_disc_is_drawn_where_it_is() -> None:
    body, disc = with_disc(echo_db=-40, attenuation=0.5)
    image = bmode(body, PROBE, GRID, machine=QUIET, rng=np.random.default_rng(3)).image
    dark = image < 60
    assert (dark & disc).sum() / disc.sum() > 0.9
    assert (dark & ~disc).sum() / (~disc).sum() < 0.1


def test_an_interface_across_the_beam_outshines_one_along_it() -> None:
    machine = Machine(tgc_db_cm_mhz=0.5, noise_db=-200, specular=1, reverberation=0)
    flat, steep = scene(), scene()
    flat.impedance[200:, :] = 1.1
    steep.impedance[:, 200:] = 1.1
    rng = np.random.default_rng
    across = bmode(flat, PROBE, GRID, machine=machine, rng=rng(4)).image[199:202].mean()
    along = bmode(steep, PROBE, GRID, machine=machine, rng=rng(4)).image[:, 199:202].mean()
    assert across > along + 40


def test_reverberation_repeats_a_near_interface_deeper() -> None:
    near = scene(echo_db=-60)
    near.impedance[20:] = 1.1
    settings = {"tgc_db_cm_mhz": 0.5, "noise_db": -200.0, "specular": 1.0, "reverberation_mm": 2.0}
    without = bmode(near, PROBE, GRID, machine=Machine(**settings, reverberation=0.0), rng=np.random.default_rng(5))
    ghosts = bmode(near, PROBE, GRID, machine=Machine(**settings, reverberation=0.4), rng=np.random.default_rng(5))
    assert mean_grey(ghosts.image, (5, 35), (3.8, 4.2)) > mean_grey(without.image, (5, 35), (3.8, 4.2)) + 30


def test_noise_grows_with_depth() -> None:
    empty = scene(echo_db=-200)
    machine = Machine(tgc_db_cm_mhz=0.5, noise_db=-60, specular=0)
    detected = envelope(empty, PROBE, GRID, machine=machine, rng=np.random.default_rng(6))
    gain_db = 20 * np.log10(detected[-50:].mean() / detected[:50].mean())
    expected_db = 2 * 6.0 * 0.5 * (PROBE.depths_mm()[-50:].mean() - PROBE.depths_mm()[:50].mean()) / 10
    assert gain_db == pytest.approx(expected_db, abs=1)


def test_compression_maps_the_dynamic_range_onto_the_greys() -> None:
    machine = Machine(dynamic_range_db=60, mid_grey=0.5)
    levels_db = np.array([-40, -30, 0, 15, 30, 40], np.float32)
    grey = compress(np.float32(10) ** (levels_db / 20), machine)
    np.testing.assert_allclose(grey, [0, 0, 0.5, 0.75, 1, 1], atol=1e-3)


def test_the_same_seed_draws_the_same_image_and_another_doesnt() -> None:
    images = [bmode(scene(), PROBE, GRID, machine=Machine(), rng=np.random.default_rng(s)).image for s in (7, 7, 8)]
    assert np.array_equal(images[0], images[1])
    assert not np.array_equal(images[0], images[2])


@pytest.mark.parametrize("share", [0.0, 0.2, 1.0])
def test_drift_decorrelates_by_its_share(share: float) -> None:
    first = envelope(scene(), PROBE, GRID, machine=QUIET, rng=np.random.default_rng(9))
    drift = Drift(share, np.random.default_rng(10))
    second = envelope(scene(), PROBE, GRID, machine=QUIET, rng=np.random.default_rng(9), drift=drift)
    # Envelopes of jointly Gaussian fields correlate as about the square of the fields' own correlation.
    assert np.corrcoef(first.ravel(), second.ravel())[0, 1] == pytest.approx(1 - share, abs=0.06)
