"""Every kind gives images of the same form, the same for the same seed, and no two alike."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluation.not_ultrasound import KINDS, SIZE_HW, draw_not_ultrasound


@pytest.mark.parametrize("kind", KINDS)
def test_a_seed_is_an_image(kind: str) -> None:
    image = draw_not_ultrasound(kind, seed=1)
    assert image.shape == (*SIZE_HW, 3) and image.dtype == np.uint8
    np.testing.assert_array_equal(image, draw_not_ultrasound(kind, seed=1))
    assert (image != draw_not_ultrasound(kind, seed=2)).any()


def test_pages_are_bright_slices_are_dark_and_only_photographs_and_screens_have_colour() -> None:
    drawn = {kind: draw_not_ultrasound(kind, seed=3).astype(int) for kind in KINDS}
    assert drawn["text_page"].mean() > 200 > 60 > drawn["ct_slice"].mean()
    coloured = {kind for kind, image in drawn.items() if (image.max(axis=2) != image.min(axis=2)).any()}
    assert coloured == {"photograph", "screenshot"}
    with pytest.raises(KeyError):
        draw_not_ultrasound("ultrasound", seed=1)
