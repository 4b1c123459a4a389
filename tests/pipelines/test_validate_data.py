"""A sound dataset passes; one with an error stops the graph, with the whole list on disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from components.errors import DataFaultsError
from components.params import load_params
from pipelines.validate_data import validate_data
from tests.pipelines.conftest import SMALL, Reached, make_job


def test_a_sound_dataset_gets_its_report(reached: Reached) -> None:
    report = reached("validate_data") / "reports/data/busi"
    found = json.loads((report / "faults.json").read_text(encoding="utf-8"))
    assert found["sound"] is True and found["phantom"] is True and found["images"] == SMALL["busi"]
    assert (report / "docs/index.html").is_file() and (report / "facts.parquet").is_file()


@pytest.mark.usefixtures("plain_steps")
def test_an_image_without_its_mask_stops_with_a_readable_list(
    reached: Reached, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = reached("ingest")
    shutil.copytree(source / "data", tmp_path / "data")
    mask = sorted((tmp_path / "data/01_raw/busi/Dataset_BUSI_with_GT/benign").glob("*_mask.png"))[0]
    mask.unlink()
    job, run = make_job(validate_data, tmp_path, "busi", load_params(source / "params.yaml"))
    with pytest.raises(DataFaultsError, match="image_without_mask") as caught:
        validate_data.function(job)
    assert "reports/data/busi/faults.md" in caught.value.remedy
    assert mask.name.replace("_mask", "") in caplog.text
    assert "image_without_mask" in (tmp_path / "reports/data/busi/faults.md").read_text(encoding="utf-8")
    assert run.metrics["faults_error", 0] >= 1
