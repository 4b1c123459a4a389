"""What a console writes over an image."""

import numpy as np

from components.phantom import burn_in
from components.phantom.shapes import blob


def test_calipers_stand_at_the_ends_of_the_longest_diameter() -> None:
    image = np.zeros((200, 300), np.uint8)
    outline = blob(np.random.default_rng(0), "smooth", centre_mm=(150, 100), semi_mm=(80, 30))
    marked = burn_in.calipers(image, outline, np.random.default_rng(1))
    assert image.max() == 0  # the input stays as it was
    cols = np.nonzero(marked.max(axis=0))[0]
    assert abs(cols.min() - outline[:, 0].min()) < 20
    assert abs(cols.max() - outline[:, 0].max()) < 20


def test_a_frame_cuts_off_what_sticks_out() -> None:
    framed = burn_in.framed(np.full((50, 50), 5, np.uint8), size_hw=(40, 80), at_xy=(60, 10))
    assert framed.shape == (40, 80)
    assert (framed[10:, 60:] == 5).all()
    assert framed.sum() == 5 * 30 * 20


def test_text_body_mark_and_ticks_write_something_bright() -> None:
    blank = np.zeros((120, 200), np.uint8)
    for marked in (
        burn_in.text(blank, "LT 2", at_xy=(10, 60)),
        burn_in.body_mark(blank, at_xy=(20, 40)),
        burn_in.ticks(blank, spacing_px=30),
    ):
        assert marked.max() >= 170
    assert not blank.any()
