"""A calibration is one model's, its map never falls, and what isn't known is a warning."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from components.errors import ArtefactError
from components.promptable.calibration import (
    CALIBRATION,
    Calibration,
    QualityMap,
    find_calibration,
    read_calibration,
    write_calibration,
)
from components.promptable.guard import GuardFinding
from tests.components.promptable.calibrations import make_calibration

DIGEST = "a" * 64
LIKE, UNLIKE = GuardFinding(0.5, 1.0, "image"), GuardFinding(3.0, 1.0, "embedding")


def test_what_is_written_is_read_again_and_only_for_its_own_model(tmp_path: Path) -> None:
    made = make_calibration(DIGEST)
    path = write_calibration(tmp_path, made)
    assert json.loads(path.read_text(encoding="utf-8"))["schema"] == 1
    assert read_calibration(tmp_path, model_digest=DIGEST) == made
    assert read_calibration(tmp_path / "none", model_digest=DIGEST) is None
    with pytest.raises(ArtefactError, match="is the calibration of the weights aaaaaaaaaaaa"):
        read_calibration(tmp_path, model_digest="b" * 64)


def test_the_graphs_own_model_finds_the_calibration_beside_it(tmp_path: Path) -> None:
    model = tmp_path / "models/student"
    model.mkdir(parents=True)
    assert find_calibration(model, model_digest=DIGEST) is None
    beside = make_calibration(DIGEST)
    write_calibration(tmp_path / "models/calibration", beside)
    assert find_calibration(model, model_digest=DIGEST) == beside
    # Trained again, but not calibrated again: what stands beside it is another model's.
    assert find_calibration(model, model_digest="b" * 64) is None
    own = make_calibration(DIGEST, threshold=0.6)
    write_calibration(model, own)
    assert find_calibration(model, model_digest=DIGEST) == own
    with pytest.raises(ArtefactError, match="is the calibration of"):
        find_calibration(model, model_digest="b" * 64)


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 1.5},
        {"schema": 2},
        {"quality": {"points": [[0.5, 0.2], [0.4, 0.3]]}},
        {"quality": {"points": [[0.4, 0.3], [0.5, 0.2]]}},
        {"quality": {"points": []}},
        {"more": 1},
    ],
)
def test_what_is_no_calibration_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    path = write_calibration(tmp_path, make_calibration(DIGEST))
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(ArtefactError, match=CALIBRATION):
        read_calibration(tmp_path, model_digest=DIGEST)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ArtefactError, match=CALIBRATION):
        read_calibration(tmp_path, model_digest=DIGEST)


@pytest.mark.parametrize("folder", ["models/student", "models/calibration"])
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_has_its_name_and_cant_be_read_is_no_missing_calibration(tmp_path: Path, folder: str, kind: str) -> None:
    path = tmp_path / folder / CALIBRATION
    path.parent.mkdir(parents=True)
    path.mkdir() if kind == "folder" else path.symlink_to(tmp_path / "gone.json")
    with pytest.raises(ArtefactError, match=r"calibration\.json can't be read"):
        find_calibration(tmp_path / "models/student", model_digest=DIGEST)
    with pytest.raises(ArtefactError, match=r"calibration\.json can't be read"):
        read_calibration(path.parent, model_digest=DIGEST)


def test_the_map_is_straight_between_points_and_level_beyond() -> None:
    known = QualityMap(points=((0.2, 0.3), (0.6, 0.5)))
    np.testing.assert_allclose(known.apply([0.0, 0.2, 0.4, 0.6, 1.0]), [0.3, 0.3, 0.4, 0.5, 0.5])
    assert np.isnan(known.apply(np.nan))
    with pytest.raises(ValidationError):
        QualityMap(points=((0.2, 0.3), (0.2, 0.5)))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8), st.lists(st.floats(0, 1)))
def test_the_map_never_falls(points: list[tuple[float, float]], asked: list[float]) -> None:
    estimates = sorted({x for x, _ in points})
    ious = sorted(y for _, y in points)[: len(estimates)]
    known = QualityMap(points=tuple(zip(estimates, ious, strict=True)))
    assert (np.diff(known.apply(sorted(asked))) >= -1e-12).all()


def test_each_reason_to_abstain_is_told() -> None:
    known = make_calibration(DIGEST, threshold=0.6)  # an estimate of 0.7 is 0.6
    sure = known.judge(0.71, boxed=True, empty=False, finding=LIKE)
    assert sure.confidence == pytest.approx(0.605) and not sure.abstain and sure.reasons == ()
    low = known.judge(0.6, boxed=True, empty=False, finding=None)
    assert low.abstain and low.reasons == ("confidence 0.55 is below the threshold 0.60",)
    other = known.judge(0.9, boxed=True, empty=True, finding=UNLIKE)
    assert other.abstain and [reason.split()[0:2] for reason in other.reasons] == [["the", "mask"], ["the", "image"]]
    never = make_calibration(DIGEST, threshold=1.0, reached=False).judge(1.0, boxed=True, empty=False, finding=LIKE)
    assert never.abstain and "no threshold" in never.reasons[0]


def test_clicks_may_have_a_map_of_their_own() -> None:
    known = make_calibration(DIGEST)
    assert known.confidence(0.5, boxed=False) == known.confidence(0.5, boxed=True) == 0.5
    own = known.model_copy(update={"quality_without_box": QualityMap(points=((0.0, 0.0), (1.0, 0.4)))})
    assert own.confidence(0.5, boxed=True) == 0.5 and own.confidence(0.5, boxed=False) == pytest.approx(0.2)
    assert own.judge(0.5, boxed=False, empty=False, finding=None).abstain


@pytest.mark.parametrize("quality", [np.nan, np.inf, -np.inf])
def test_an_estimate_that_is_no_number_is_never_relied_on(quality: float) -> None:
    known = make_calibration(DIGEST, threshold=0.0)
    found = known.judge(quality, boxed=True, empty=False, finding=LIKE)
    assert found.abstain and found.confidence == 0 and "no estimate" in found.reasons[0]
    assert known.held_back(known.confidence([quality, 0.5], boxed=True)).tolist() == [True, False]


def test_a_score_that_is_no_number_is_flagged() -> None:
    odd = GuardFinding(float("nan"), 1.0, "embedding")
    assert odd.flagged and odd.told
    assert make_calibration(DIGEST).judge(0.9, boxed=True, empty=False, finding=odd).abstain


def test_a_form_of_prompt_that_wasnt_calibrated_always_comes_with_a_warning() -> None:
    boxes = make_calibration(DIGEST, threshold=0.0, forms=("with_box",))
    assert not boxes.judge(0.9, boxed=True, empty=False, finding=LIKE).abstain
    clicked = boxes.judge(0.9, boxed=False, empty=False, finding=LIKE)
    assert clicked.abstain and clicked.confidence == 0
    assert clicked.reasons == ("confidence was never calibrated for prompts without a box",)
    assert boxes.held_back(boxes.confidence([0.9, 1.0], boxed=False)).all()
    assert "prompts without a box weren't calibrated" in boxes.how.told
    clicks = make_calibration(DIGEST, threshold=0.0, forms=("without_box",))
    assert clicks.judge(0.9, boxed=True, empty=False, finding=LIKE).abstain
    assert not clicks.judge(0.9, boxed=False, empty=False, finding=LIKE).abstain
    with pytest.raises(ValidationError, match="quality_without_box"):
        Calibration.model_validate(
            boxes.model_dump(by_alias=True) | {"quality_without_box": {"points": [[0.0, 0.0], [1.0, 0.4]]}}
        )


def test_the_rule_over_many_is_the_rule_over_one() -> None:
    known = make_calibration(DIGEST, threshold=0.6)
    held = known.held_back([0.59, 0.6, 0.9], flagged=[False, False, True])
    assert held.tolist() == [True, False, True]
    assert make_calibration(DIGEST, reached=False).held_back([0.9, 1.0]).all()


def test_the_choice_is_told_with_its_limits() -> None:
    good, bad = make_calibration(DIGEST).how.told, make_calibration(DIGEST, reached=False, sufficient=False).how.told
    assert "60 validation cases in 40 groups" in good and "nothing about patients" in good
    assert "every outline carries a warning" in bad and "too few groups" in bad
