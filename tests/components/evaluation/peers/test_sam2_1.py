"""SAM2.1 as published: the teacher's network without adapters, answering clicks too."""

from __future__ import annotations

import numpy as np
import pytest

from components.evaluation.peers import sam2_1
from components.promptable.build import build_sam2
from components.teacher.base_weights import OFFICIAL
from components.teacher.hiera import HIERAS
from components.types import Point, Prompt


def test_its_names_are_the_official_checkpoints() -> None:
    assert set(sam2_1.NAMES) == set(OFFICIAL)


def test_it_answers_boxes_and_clicks_at_the_images_own_size(monkeypatch: pytest.MonkeyPatch, picture) -> None:
    monkeypatch.setattr(sam2_1, "INPUT_PX", 128)
    state = build_sam2(HIERAS["tiny"], image_size_px=128).state_dict()
    network = sam2_1.load("sam2.1_hiera_tiny", state)
    assert not network.training and not network.draws_prompts
    assert sum(p.numel() for p in network.trunk.adapters.parameters()) == 0, "nothing of ours is added"
    prompts = [Prompt(box_xyxy=(20.0, 10.0, 61.0, 50.0)), Prompt(points=(Point(40.5, 30.5),))]
    found = sam2_1.segment_embedded(network, sam2_1.embed(network, picture), (70, 100), prompts)
    assert [one.mask.shape for one in found] == [(70, 100)] * 2
    assert all(one.mask.dtype == np.bool_ for one in found)


def test_weights_of_another_size_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sam2_1, "INPUT_PX", 128)
    with pytest.raises(RuntimeError):
        sam2_1.load("sam2.1_hiera_small", build_sam2(HIERAS["tiny"], image_size_px=128).state_dict())
