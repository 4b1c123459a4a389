"""Files of another model's run are refused before anything is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.artefacts import write_json
from components.errors import ReleaseError
from components.release.documents.run_files import read_calibration_file, read_report
from tests.components.release.documents.conftest import DIGEST, STUDENT, MakeRun


def test_a_report_must_be_about_the_student(tmp_path: Path) -> None:
    path = tmp_path / "metrics.json"
    write_json(path, {"model": {"digest": DIGEST}, "datasets": {}})
    assert read_report(path, STUDENT)["datasets"] == {}
    for other in ({"model": {"digest": "e" * 64}}, {"model": None}, {}):
        write_json(path, other)
        with pytest.raises(ReleaseError, match="is about the weights"):
            read_report(path, STUDENT)


def test_a_calibration_must_be_the_students(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    write_json(path, {"model_digest": DIGEST, "threshold": 0.5})
    assert read_calibration_file(path, STUDENT)["threshold"] == 0.5
    write_json(path, {"model_digest": "e" * 64})
    with pytest.raises(ReleaseError, match="is about the weights eeeeeeeeeeee"):
        read_calibration_file(path, STUDENT)


@pytest.mark.parametrize("text", ["{", "[]", None])
def test_what_isnt_there_or_isnt_json_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "metrics.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"metrics\.json") as caught:
        read_report(path, STUDENT)
    assert "run" in caught.value.remedy


def test_whether_images_are_drawn(make_run: MakeRun) -> None:
    assert make_run().all_drawn and not make_run(real=True).all_drawn
    assert make_run().phantom and make_run().role("fugc") == "external"
