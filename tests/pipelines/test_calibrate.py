"""The stage calibrates the student that there is, from train and val alone, and says how few cases it had."""

from __future__ import annotations

from components.artefacts import read_description
from components.params import load_params
from components.promptable.calibration import find_calibration, read_calibration
from components.promptable.reference import find_reference
from components.promptable.signals import IMAGE_SIGNALS, PROJECTION
from pipelines.calibrate import calibrate
from tests.pipelines.conftest import Reached, make_job


def test_the_calibration_is_the_students_and_honest_about_few_cases(reached: Reached, plain_steps: None) -> None:
    root = reached("calibrate")
    digest = read_description(root / "models/student").digest
    found = read_calibration(root / "models/calibration", model_digest=digest)
    assert found is not None and found == find_calibration(root / "models/student", model_digest=digest)
    declared = load_params(root / "params.yaml").calibrate
    assert found.how.kinds == declared.kinds and found.how.phantom
    assert found.how.cases == found.how.groups * len(declared.kinds) < 10
    # Fewer groups than 1 / share - 1 can't tell a share so small, whatever the student answered.
    assert not found.how.sufficient and not found.how.reached and not found.how.guard_reached
    assert bool(found.held_back(1.0)) and "every outline carries a warning" in found.how.told


def test_the_reference_describes_the_validation_side(reached: Reached, plain_steps: None) -> None:
    root = reached("calibrate")
    digest = read_description(root / "models/student").digest
    calibration = read_calibration(root / "models/calibration", model_digest=digest)
    found = find_reference(root / "models/student", model_digest=digest)
    assert calibration is not None and found is not None and found.phantom
    assert set(IMAGE_SIGNALS) | set(PROJECTION) <= set(found.images.columns)
    assert len(set(found.images.group)) == calibration.how.groups <= calibration.how.guard_val_images
    assert len(found.outlines.group) == calibration.how.cases
    assert set(found.outlines.columns["first"]) == {"box", "click"}
    assert all(isinstance(edit, float) and 0 <= edit <= 1 for edit in found.outlines.columns["edit"])
    assert not (root / "models/calibration/reference.json").read_text().count("busi"), "no name of a patient or dataset"


def test_a_test_image_that_is_gone_isnt_missed(reached: Reached, plain_steps: None) -> None:
    root = reached("calibrate")
    job, run = make_job(calibrate, root)
    names = ("calibration.json", "reference.json")
    before = [(root / "models/calibration" / name).read_bytes() for name in names]
    split = root / "data/03_splits/internal.csv"
    whole = split.read_text(encoding="utf-8")
    try:
        kept = [line for line in whole.splitlines() if not line.endswith(",test")]
        assert len(kept) < len(whole.splitlines())
        split.write_text("\n".join(kept) + "\n", encoding="utf-8")
        calibrate.function(job)
    finally:
        split.write_text(whole, encoding="utf-8")
    assert [(root / "models/calibration" / name).read_bytes() for name in names] == before
    assert {"threshold", "kept_share", "val_groups", "ece_before"} <= {name for name, _ in run.metrics}
