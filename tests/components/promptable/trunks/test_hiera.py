"""Windows that divide a trunk's maps."""

from __future__ import annotations

import pytest

from components.promptable.trunks.hiera import HieraConfig, dividing_windows

LIMITS = (8, 8, 16, 8)


@pytest.mark.parametrize(
    ("image_size_px", "windows"),
    [(1024, (8, 8, 16, 8)), (512, (8, 8, 16, 8)), (192, (8, 8, 12, 6)), (64, (8, 8, 4, 2)), (96, (8, 6, 6, 3))],
)
def test_the_largest_windows_that_divide(image_size_px: int, windows: tuple[int, ...]) -> None:
    assert dividing_windows(LIMITS, image_size_px=image_size_px) == windows


@pytest.mark.parametrize("image_size_px", range(64, 2049, 32))
def test_they_divide_at_every_input_size(image_size_px: int) -> None:
    windows = dividing_windows(LIMITS, image_size_px=image_size_px)
    for stage, window in enumerate(windows):
        assert image_size_px // (4 * 2**stage) % window == 0
    assert all(window % 2 == 0 for window in windows[:-1])


def test_stated_windows_stay_where_nothing_asks_them_to_divide() -> None:
    lines = HieraConfig("sam2.1_hiera_t.yaml", window_spec=LIMITS).overrides(192)
    assert lines == ["++model.image_encoder.trunk.window_spec=[8, 8, 16, 8]"]
