"""The run's parameters at the smallest size."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from components.params import Params, parse_params


@pytest.fixture(scope="module")
def tiny(root: Path) -> Params:
    """64 px, one epoch for teachers, two for students, one kind of prompt."""
    raw = yaml.safe_load((root / "params.yaml").read_text(encoding="utf-8"))
    raw["model"]["image_size_px"] = 64
    raw["finetune"] |= {"epochs": 1, "batch_size": 2}
    raw["distil"] |= {"epochs": 2, "batch_size": 2}
    raw["prompts"]["evaluate"]["kinds"] = ["box_jitter"]
    raw["evaluate"] |= {"bootstrap_resamples": 100, "min_groups": 2}
    return parse_params(raw, origin="the test")
