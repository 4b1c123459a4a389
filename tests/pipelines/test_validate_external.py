"""The external validation scores external images alone, and refuses one that is also internal."""

from __future__ import annotations

import json
import shutil

import pytest

from components.errors import LeakError
from components.intake.harmonised import read_manifest
from pipelines.validate_external import validate_external
from tests.pipelines.conftest import SMALL, Reached, make_job


def test_all_external_images_are_scored_and_no_other(reached: Reached) -> None:
    folder = reached("validate_external") / "reports/external"
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    assert set(metrics["datasets"]) == {"fugc"} and metrics["phantom"] is True
    assert metrics["datasets"]["fugc"]["images"] == SMALL["fugc"]
    assert metrics["datasets"]["fugc"]["counts_as_external"] is True, "trained from scratch"
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("# External validation")


@pytest.mark.usefixtures("plain_steps")
def test_an_image_of_the_internal_sets_is_refused(reached: Reached) -> None:
    root = reached("validate_external")
    external = root / "data/02_harmonised/external"
    records = read_manifest(root / "data/02_harmonised/internal/busi")
    (external / "fugc").rename(root / "kept")
    shutil.copytree(root / "data/02_harmonised/internal/busi", external / "fugc")
    try:
        assert read_manifest(external / "fugc")[0].pixels_md5 == records[0].pixels_md5
        with pytest.raises(LeakError):
            validate_external.function(make_job(validate_external, root)[0])
    finally:
        shutil.rmtree(external / "fugc")
        (root / "kept").rename(external / "fugc")
