"""A model gives its self-check again; another model doesn't, and what is broken is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from components.errors import ArtefactError
from components.params import AdapterParams, ModelParams, StudentParams
from components.promptable.runtimes.pytorch import of_segmenter
from components.promptable.segmenter import Segmenter
from components.promptable.self_check import SELF_CHECK, Held, read_self_check, write_self_check
from components.release.packing.self_checks import make_self_check
from components.students import build_student

DIGEST = "d" * 64


def student(seed: int) -> Segmenter:
    """A small student with random weights."""
    torch.manual_seed(0)
    adapter = AdapterParams(variant="as_drawn", context=True, edge=True, scale=0.5)
    params = StudentParams(name="hiera_mini", window_spec=(8, 4, 16, 8), adapter=adapter)
    return build_student(params, model=ModelParams(image_size_px=64, draws_prompts=True), seed=seed).eval()


def test_a_model_gives_its_own_check_again_and_no_other_model_does(tmp_path: Path) -> None:
    model = of_segmenter(student(3))
    write_self_check(tmp_path, make_self_check(model, DIGEST))
    check = read_self_check(tmp_path, model_digest=DIGEST)
    assert check is not None and len(check.images) == 2
    assert check.runtime == "pytorch" and check.hold(model) == Held(6, 6, ())
    masks = {case.counts for one in check.images for case in one.cases}
    assert len(masks) == 6, "each prompt must give a mask of its own, or the check says little"
    failed = check.hold(student(4)).failures
    assert failed and all("IoU" in one for one in failed)


def test_a_check_of_other_weights_or_a_broken_one_is_refused(tmp_path: Path) -> None:
    assert read_self_check(tmp_path, model_digest=DIGEST) is None
    model = of_segmenter(student(3))
    path = write_self_check(tmp_path, make_self_check(model, DIGEST))
    with pytest.raises(ArtefactError, match="of the weights dddddddddddd, not eeeeeeeeeeee"):
        read_self_check(tmp_path, model_digest="e" * 64)
    values = json.loads(path.read_text(encoding="utf-8"))
    for change, said in (
        ({"png": "AAAA"}, "an image can't be decoded"),
        ({"cases": [values["images"][0]["cases"][0] | {"counts": "0"}]}, "a mask can't be decoded"),
    ):
        altered = values | {"images": [values["images"][0] | change]}
        (tmp_path / SELF_CHECK).write_text(json.dumps(altered), encoding="utf-8")
        check = read_self_check(tmp_path, model_digest=DIGEST)
        assert check is not None
        with pytest.raises(ArtefactError, match=said):
            check.hold(model)
    for text in ("{", "[]", json.dumps(values | {"images": []})):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(ArtefactError, match="is no self-check of this model"):
            read_self_check(tmp_path, model_digest=DIGEST)
