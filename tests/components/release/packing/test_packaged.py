"""A package's record is believed only where it is whole and its list is the one that its digest is of."""

from __future__ import annotations

import json

import pytest

from components.artefacts import write_json
from components.errors import ReleaseError
from components.release.packing.packaged import read_package


def test_a_whole_record_is_read(make_model, judged, digest_of) -> None:
    model = make_model(1)
    package = read_package(judged(model)["package"])
    assert package.model.digest == digest_of(model)
    assert set(package.files) == {"src/model/weights.safetensors", "src/model/model.json"}


@pytest.mark.parametrize(
    "changes",
    [{"files": {"src/model/weights.safetensors": "0"}}, {"package_sha256": "0" * 64}, {"files": {}}, {"model": None}],
)
def test_an_altered_record_is_refused(make_model, judged, changes) -> None:
    path = judged(make_model(1))["package"]
    write_json(path, json.loads(path.read_text()) | changes)
    with pytest.raises(ReleaseError, match=r"was altered|isn't a package's record") as caught:
        read_package(path)
    assert "dvc repro package" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "{", "[]", "\x00"])
def test_what_is_no_record_is_refused(tmp_path, text: str) -> None:
    (tmp_path / "package.json").write_text(text)
    with pytest.raises(ReleaseError, match="isn't a package's record"):
        read_package(tmp_path / "package.json")
    with pytest.raises(ReleaseError, match="No such file"):
        read_package(tmp_path / "none.json")
