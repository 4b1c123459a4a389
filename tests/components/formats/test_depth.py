"""Grey values of any depth become the 8 bits that they always became."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from components.formats.depth import grey_to_rgb

DEEP_DTYPES = [np.uint8, np.uint16, np.int32, np.float32]


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(DEEP_DTYPES), st.integers(1, 200), st.integers(0, 2**32 - 1), st.sampled_from([None, 4095.0]))
def test_scaling_part_by_part_is_scaling_at_once(
    dtype: type, height_px: int, seed: int, inverted: float | None
) -> None:
    rng = np.random.default_rng(seed)
    top = int(rng.integers(1, 250 if dtype is np.uint8 else 60_000))
    grey = rng.integers(0, top, (height_px, 1000), endpoint=True).astype(dtype)
    whole = grey.astype(np.float64) if inverted is None else inverted - grey.astype(np.float64)
    low, high = whole.min(), whole.max()
    expected = np.zeros_like(whole) if high <= low else np.rint((whole - low) * (255.0 / (high - low)))
    found = grey_to_rgb(grey, name="x", inverted_from=inverted)
    np.testing.assert_array_equal(found, np.repeat(expected.astype(np.uint8)[..., None], 3, axis=2))
