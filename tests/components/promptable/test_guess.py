"""Prompts drawn as logits: the ellipse where the box is, bumps where the clicks are."""

from __future__ import annotations

import pytest
import torch

from components.promptable.guess import LOGIT, draw_guess
from components.promptable.segmenter import NO_PREVIOUS


def test_the_ellipse_inscribed_in_the_box_is_positive_and_nothing_else() -> None:
    # A box from (16, 8) to (48, 24) in a 64 px input, in SAM2's half-pixel frame; cells are 4 px.
    coords = torch.tensor([[[15.5, 7.5], [47.5, 23.5]]])
    guess = draw_guess(coords, torch.tensor([[2, 3]]), image_size_px=64)[0, 0]
    rows, columns = torch.nonzero(guess > 0, as_tuple=True)
    assert guess.shape == (16, 16)
    assert (int(rows.min()), int(rows.max()), int(columns.min()), int(columns.max())) == (2, 5, 4, 11)
    assert float(guess.min()) == -LOGIT
    x, y = (torch.arange(16) + 0.5) * 4, (torch.arange(16)[:, None] + 0.5) * 4
    inside = ((x - 32) / 16) ** 2 + ((y - 16) / 8) ** 2 < 1
    assert torch.equal(guess > 0, inside)


@pytest.mark.parametrize(("label", "sign"), [(1, 1.0), (0, -1.0)])
def test_a_click_is_a_bump_of_its_sign_at_its_place(label: int, sign: float) -> None:
    coords = torch.tensor([[[41.5, 9.5], [0.0, 0.0]]])  # the centre of cell (row 2, column 10)
    guess = draw_guess(coords, torch.tensor([[label, -1]]), image_size_px=64)[0, 0]
    peak = torch.nonzero(guess * sign == (guess * sign).max())
    assert peak.tolist() == [[2, 10]]
    assert float(guess[2, 10]) == pytest.approx(sign * LOGIT, rel=1e-5)
    assert abs(float(guess[15, 0])) < 1e-3


def test_padding_draws_nothing() -> None:
    coords = torch.rand(1, 3, 2) * 64
    guess = draw_guess(coords, torch.tensor([[-1, -1, -1]]), image_size_px=64)
    assert float(guess.abs().max()) == 0


def test_a_box_and_a_negative_click_add_up() -> None:
    box = draw_guess(torch.tensor([[[7.5, 7.5], [55.5, 55.5]]]), torch.tensor([[2, 3]]), image_size_px=64)
    click = draw_guess(torch.tensor([[[20.0, 20.0]]]), torch.tensor([[0]]), image_size_px=64)
    both = draw_guess(
        torch.tensor([[[7.5, 7.5], [55.5, 55.5], [20.0, 20.0]]]), torch.tensor([[2, 3, 0]]), image_size_px=64
    )
    torch.testing.assert_close(both, box + click)


MASK = torch.zeros(1, 16, 16)
MASK[:, 4:10, 3:13] = 1
NONE = torch.full((1, 16, 16), NO_PREVIOUS)


@pytest.mark.parametrize("labels", [[2, 3, 1], [1, 0, -1], [-1, -1, -1]])
def test_without_a_previous_mask_the_bits_are_those_of_prompts_alone(labels: list[int]) -> None:
    coords = torch.rand(1, 3, 2, generator=torch.Generator().manual_seed(1)) * 64
    plain = draw_guess(coords, torch.tensor([labels]), image_size_px=64)
    assert torch.equal(draw_guess(coords, torch.tensor([labels]), image_size_px=64, previous=NONE), plain)
    beside = draw_guess(
        coords.repeat(2, 1, 1), torch.tensor([labels] * 2), image_size_px=64, previous=torch.cat([MASK, NONE])
    )
    assert torch.equal(beside[1:], plain) and not torch.equal(beside[:1], plain)


def test_a_previous_mask_is_drawn_as_it_is_and_halfway_to_the_ellipse_of_a_box() -> None:
    nothing, box = torch.tensor([[-1, -1]]), torch.tensor([[2, 3]])
    coords = torch.tensor([[[7.5, 7.5], [55.5, 55.5]]])
    alone = draw_guess(coords, nothing, image_size_px=64, previous=MASK)
    assert torch.equal(alone[:, 0], LOGIT * (2 * MASK - 1))
    both = draw_guess(coords, box, image_size_px=64, previous=MASK)
    torch.testing.assert_close(both, (alone + draw_guess(coords, box, image_size_px=64)) / 2)


@pytest.mark.parametrize(("label", "cell"), [(0, (6, 8)), (1, (12, 8))])
def test_a_click_outweighs_the_mask_that_it_corrects(label: int, cell: tuple[int, int]) -> None:
    row, column = cell
    click = torch.tensor([[[column * 4 + 1.5, row * 4 + 1.5]]])
    guess = draw_guess(click, torch.tensor([[label]]), image_size_px=64, previous=MASK)[0, 0]
    assert float(guess[row, column]) == pytest.approx(LOGIT if label else -LOGIT)
    assert float(guess[4, 12]) == pytest.approx(LOGIT, rel=0.01) and float(guess[0, 0]) == pytest.approx(-LOGIT)
