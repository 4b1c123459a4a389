"""The box as a plane, to parts of pixels; the network's shapes and its first weights."""

from __future__ import annotations

import pytest
import torch

from components.promptable.predict import to_batch
from components.types import Point, Prompt
from components.unet.network import BoxUnet, build_unet, draw_boxes

CPU = torch.device("cpu")


def test_a_box_covers_its_pixels_and_parts_of_those_at_its_rim() -> None:
    # A box from (1, 2) to (3.5, 4), in an image as large as the input.
    batch = to_batch([Prompt(box_xyxy=(1.0, 2.0, 3.5, 4.0))], size_hw=(6, 6), size_px=6, device=CPU)
    plane = draw_boxes(batch, size_px=6)[0, 0]
    expected = torch.zeros(6, 6)
    expected[2:4, 1:3], expected[2:4, 3] = 1.0, 0.5
    torch.testing.assert_close(plane, expected)


def test_a_box_is_drawn_where_the_input_has_it_and_clicks_are_not_drawn() -> None:
    # An image of 10 x 20 pixels becomes an input of 40 x 40: x twofold, y fourfold.
    prompt = Prompt(box_xyxy=(5.0, 5.0, 10.0, 10.0), points=(Point(6.0, 6.0),))
    batch = to_batch([prompt], size_hw=(10, 20), size_px=40, device=CPU)
    plane = draw_boxes(batch, size_px=40)[0, 0]
    assert plane.sum() == 10 * 20 and plane[20:40, 10:20].min() == 1
    clicked = to_batch([Prompt(points=(Point(6.0, 6.0),))], size_hw=(10, 20), size_px=40, device=CPU)
    assert draw_boxes(clicked, size_px=40).max() == 0


def test_each_prompt_is_answered_on_its_own_image_and_box() -> None:
    network = build_unet((8, 16, 16), image_size_px=32, seed=1).eval()
    boxes = [Prompt(box_xyxy=(0.0, 0.0, 16.0, 16.0)), Prompt(box_xyxy=(8.0, 8.0, 32.0, 32.0))]
    batch = to_batch(boxes, size_hw=(32, 32), size_px=32, device=CPU)
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        together = network(images, batch)
        alone = network(images, to_batch(boxes[1:], size_hw=(32, 32), size_px=32, device=CPU))
    assert together.shape == (2, 16, 16) and not torch.allclose(together[0], together[1])
    torch.testing.assert_close(together[1:], alone, rtol=1e-4, atol=1e-5)


def test_weights_follow_from_the_seed_and_nothing_else() -> None:
    before = torch.get_rng_state()
    first, same, other = (build_unet((8, 8), image_size_px=32, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first.stem.weight, same.stem.weight) and not torch.equal(first.stem.weight, other.stem.weight)
    assert all(parameter.requires_grad for parameter in first.parameters())


@pytest.mark.parametrize(("channels", "levels"), [((4, 8), 2), ((8, 16, 16, 32, 32), 5)])
def test_every_level_takes_part(channels: tuple[int, ...], levels: int) -> None:
    network = BoxUnet(channels, image_size_px=64)
    batch = to_batch([Prompt(box_xyxy=(4.0, 4.0, 40.0, 40.0))], size_hw=(64, 64), size_px=64, device=CPU)
    network(torch.randn(1, 3, 64, 64), batch).square().mean().backward()
    assert len(network.down) == levels == len(network.up) + 1
    assert all(parameter.grad is not None for parameter in network.parameters())
