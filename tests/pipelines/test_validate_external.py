"""The external validation scores external images alone, and refuses one that is also internal."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PilImage

from components.errors import LeakError
from components.intake.form.records import load_image, read_manifest, write_manifest
from components.intake.likeness.perceptual_hash import perceptual_hash
from components.intake.measuring.pixels import pixels_md5
from components.intake.sides.sources import write_sources
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
def test_a_set_of_the_patients_that_the_student_was_trained_on_does_not_count(reached: Reached, tmp_path: Path) -> None:
    root = tmp_path / "project"
    shutil.copytree(reached("validate_external"), root, ignore=shutil.ignore_patterns("01_raw"))
    write_sources(root / "data/03_splits/sources.json", (("busi", "fugc"),))
    validate_external.function(make_job(validate_external, root)[0])
    fugc = json.loads((root / "reports/external/metrics.json").read_text(encoding="utf-8"))["datasets"]["fugc"]
    assert fugc["counts_as_external"] is False and set(fugc["exposure"].values()) == {"yes"}
    report = (root / "reports/external/report.md").read_text(encoding="utf-8")
    assert "fugc: not counted as external" in report and "fugc counts as busi does (yes)" in report


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


@pytest.mark.usefixtures("plain_steps")
def test_a_near_copy_of_an_internal_image_is_refused_before_anything_is_scored(reached: Reached) -> None:
    root = reached("validate_external")
    internal = read_manifest(root / "data/02_harmonised/internal/busi")
    folder = root / "data/02_harmonised/external/fugc"
    manifest = (folder / "manifest.parquet").read_bytes()
    one, *others = read_manifest(folder)
    image = np.ascontiguousarray(load_image(internal[0])[10:-10, 10:-10])
    PilImage.fromarray(image).save(folder / "copy.png")
    copy = replace(
        one,
        image_path=folder / "copy.png",
        image_span=None,
        height_px=image.shape[0],
        width_px=image.shape[1],
        pixels_md5=pixels_md5(image),
        perceptual_hash=perceptual_hash(image),
    )
    try:
        write_manifest(folder, [copy, *others])
        with pytest.raises(LeakError, match=f"near copy of internal busi/{internal[0].image_id},") as caught:
            validate_external.function(make_job(validate_external, root)[0])
        assert f"fugc/{one.image_id}" in caught.value.found and "quarantine" in caught.value.remedy
    finally:
        (folder / "manifest.parquet").write_bytes(manifest)
        (folder / "copy.png").unlink()
