"""Files of exported networks: what they say of themselves, and those that aren't this model's refused."""

from __future__ import annotations

import shutil
from pathlib import Path

import onnx
import pytest

from components.artefacts import DESCRIPTION, WEIGHTS, read_description
from components.errors import ArtefactError
from components.promptable.runtimes.loading import load_runtime
from components.promptable.runtimes.sealed import DECODER, ENCODER, has_exports, properties, seal, unsealed
from tests.components.promptable.conftest import Pair


@pytest.fixture
def folder(as_it_starts: Pair, tmp_path: Path) -> Path:
    return Path(shutil.copytree(as_it_starts.folder, tmp_path / "model"))


def test_a_file_says_what_onnx_reads_there(as_it_starts: Pair) -> None:
    for name in (ENCODER, DECODER):
        model = unsealed(as_it_starts.folder / name)
        told = {each.key: each.value for each in onnx.load_from_string(model).metadata_props}
        assert properties(model) == told
        assert told["weights_sha256"] == read_description(as_it_starts.folder).digest


def test_fields_of_any_length_are_walked_over() -> None:
    model = onnx.ModelProto(ir_version=300, producer_name="x" * 200)
    model.graph.name = "g" * 20_000
    model.graph.initializer.add(float_data=[1.0] * 100)
    onnx.helper.set_model_props(model, {"a": "b", "empty": "", "long": "ö" * 300})
    assert properties(model.SerializeToString()) == {"a": "b", "empty": "", "long": "ö" * 300}
    assert set(properties(b"" + seal(b""))) == {"content_sha256"}


def test_both_files_make_an_exported_folder(folder: Path) -> None:
    assert has_exports(folder)
    (folder / DECODER).unlink()
    assert not has_exports(folder)


@pytest.mark.parametrize("name", [ENCODER, DECODER, DESCRIPTION, WEIGHTS])
def test_an_incomplete_folder_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ArtefactError, match=name):
        load_runtime(folder, "onnxruntime")


@pytest.mark.parametrize("place", [0, 100_000, -40, -1])
def test_an_altered_file_is_refused(folder: Path, place: int) -> None:
    data = bytearray((folder / ENCODER).read_bytes())
    data[place] ^= 1
    (folder / ENCODER).write_bytes(bytes(data))
    with pytest.raises(ArtefactError, match="was altered"):
        load_runtime(folder, "onnxruntime")


@pytest.mark.parametrize("kept", [0, 3, 84, 100_000])
def test_a_file_cut_short_is_refused(folder: Path, kept: int) -> None:
    (folder / ENCODER).write_bytes((folder / ENCODER).read_bytes()[:kept])
    with pytest.raises(ArtefactError, match="was altered"):
        unsealed(folder / ENCODER)


@pytest.mark.parametrize(
    ("key", "value"), [("weights_sha256", '"' + 64 * "0" + '"'), ("image_size_px", "96"), ("preprocess_version", "99")]
)
def test_another_models_files_are_refused(folder: Path, key: str, value: str) -> None:
    lines = (folder / DESCRIPTION).read_text().splitlines()
    changed = [
        f'  "{key}": {value}{"," if line.endswith(",") else ""}' if f'"{key}"' in line else line for line in lines
    ]
    assert changed != lines
    (folder / DESCRIPTION).write_text("\n".join(changed))
    with pytest.raises(ArtefactError) as caught:
        load_runtime(folder, "onnxruntime")
    assert value.strip('"') in str(caught.value)
