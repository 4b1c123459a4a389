"""Prompts drawn as logits: the ellipse where the box is, bumps where the clicks are."""

from __future__ import annotations

import pytest
import torch

from components.promptable.guess import LOGIT, draw_guess


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
