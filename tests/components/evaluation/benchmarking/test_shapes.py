"""Other people's shapes have the sizes that their authors publish."""

from __future__ import annotations

import pytest
import torch

from components.evaluation.benchmarking.cost import cost_of
from components.evaluation.benchmarking.passes import BOX, CLICK, mask_of, scan
from components.evaluation.benchmarking.shapes import ClassicUnet, classic_unet, litemedsam, mobilesam


def test_mobilesam_has_its_published_parameters_and_arithmetic() -> None:
    found = cost_of(mobilesam(1024).eval())
    # Zhang et al., arXiv 2306.14289: 5.78 M of the encoder, 9.66 to 9.8 M of the whole; 38.2 GMAC as others count them.
    assert found.parameters == pytest.approx(9.8e6, rel=0.01)
    assert found.encoder_gmacs == pytest.approx(38.2, rel=0.03)


def test_shapes_answer_with_a_mask_of_the_images_size() -> None:
    for network, prompt in ((litemedsam(32).eval(), CLICK), (classic_unet(4, 64).eval(), BOX)):
        assert mask_of(network, scan(), prompt).mask.shape == (768, 1024)


def test_a_classic_unet_halves_four_times_and_comes_back() -> None:
    network = ClassicUnet(4).eval()
    assert network(torch.zeros(2, 4, 32, 32)).shape == (2, 32, 32)
    assert sum(parameter.numel() for parameter in ClassicUnet(64).parameters()) == pytest.approx(31.0e6, rel=0.01)
