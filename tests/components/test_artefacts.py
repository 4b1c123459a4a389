"""Nothing is ever half there, and altered weights are never loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from components.artefacts import (
    DESCRIPTION,
    WEIGHTS,
    ModelDescription,
    PretrainingExposure,
    load_tensors,
    read_description,
    replacing,
    replacing_folder,
    save_model,
    sha256_of,
    write_json,
    write_json_streamed,
)
from components.errors import ArtefactError

TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(1.5)}
DESCRIBED = ModelDescription(
    kind="student",
    name="tiny",
    config={},
    image_size_px=64,
    preprocess_version=1,
    phantom=True,
    base="scratch",
    trained_on=("busi",),
    provenance={},
)


def names(folder: Path) -> set[str]:
    """What lies in a folder, hidden files included."""
    return {path.name for path in folder.iterdir()}


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "sub/file.txt"
    with replacing(path) as beside:
        beside.write_text("new", encoding="utf-8")
        assert not path.exists()
    assert path.read_text(encoding="utf-8") == "new"
    assert names(path.parent) == {"file.txt"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_a_failure_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(error), replacing(path) as beside:
        beside.write_text("half", encoding="utf-8")
        raise error
    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == {"file.txt"}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_folder(tmp_path: Path, error: type[BaseException]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(error), replacing_folder(folder) as beside:
        (beside / "new").touch()
        raise error
    assert names(folder) == {"old"}
    assert names(tmp_path) == {"folder"}


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "old").touch()
    with replacing_folder(folder) as beside:
        (beside / "new").touch()
        assert names(folder) == {"old"}
    assert names(folder) == {"new"}
    assert names(tmp_path) == {"folder"}


def test_json_is_the_same_whatever_the_order_of_keys(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"b": 1, "a": [1, 2]})
    write_json(tmp_path / "b.json", {"a": [1, 2], "b": 1})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_has_no_nan(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"a": value})
    assert names(tmp_path) == set()


def test_a_model_comes_back_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    described = save_model(folder, TENSORS, DESCRIBED)
    assert names(folder) == {WEIGHTS, DESCRIPTION}
    assert described.digest == sha256_of(folder / WEIGHTS)
    assert read_description(folder) == described
    loaded = load_tensors(folder, described)
    assert set(loaded) == set(TENSORS)
    assert all(torch.equal(loaded[name], tensor) for name, tensor in TENSORS.items())


def test_equal_models_give_equal_bytes(tmp_path: Path) -> None:
    first = save_model(tmp_path / "a", TENSORS, DESCRIBED)
    second = save_model(tmp_path / "b", dict(reversed(TENSORS.items())), DESCRIBED)
    assert first == second
    assert (tmp_path / "a" / DESCRIPTION).read_bytes() == (tmp_path / "b" / DESCRIPTION).read_bytes()


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    described = save_model(tmp_path / "model", TENSORS, DESCRIBED)
    weights = tmp_path / "model" / WEIGHTS
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(bytes(data))
    with pytest.raises(ArtefactError, match="sha256"):
        load_tensors(tmp_path / "model", described)


def test_a_pickle_is_refused_even_with_its_right_sha256(tmp_path: Path) -> None:
    described = save_model(tmp_path / "model", TENSORS, DESCRIBED)
    torch.save(TENSORS, tmp_path / "model" / WEIGHTS)
    pretending = described.model_copy(update={"weights_sha256": sha256_of(tmp_path / "model" / WEIGHTS)})
    with pytest.raises(ArtefactError, match="not safetensors"):
        load_tensors(tmp_path / "model", pretending)


@pytest.mark.parametrize("missing", [WEIGHTS, DESCRIPTION])
def test_an_incomplete_folder_is_refused(tmp_path: Path, missing: str) -> None:
    described = save_model(tmp_path / "model", TENSORS, DESCRIBED)
    (tmp_path / "model" / missing).unlink()
    with pytest.raises(ArtefactError, match=missing):
        read_description(tmp_path / "model")
        load_tensors(tmp_path / "model", described)


def test_a_description_with_an_unknown_field_is_refused(tmp_path: Path) -> None:
    save_model(tmp_path / "model", TENSORS, DESCRIBED)
    path = tmp_path / "model" / DESCRIPTION
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**record, "extra": 1}), encoding="utf-8")
    with pytest.raises(ArtefactError, match="extra"):
        read_description(tmp_path / "model")


def test_a_description_without_exposure_knows_of_none_but_its_own_training(tmp_path: Path) -> None:
    save_model(tmp_path / "m", TENSORS, DESCRIBED)
    path = tmp_path / "m" / DESCRIPTION
    old = json.loads(path.read_text(encoding="utf-8"))
    del old["pretraining_exposure"]
    write_json(path, old)
    exposure = read_description(tmp_path / "m").exposure
    assert (exposure.of("fugc"), exposure.of("busi")) == ("unknown", "yes")


def test_exposure_adds_the_models_own_training_to_that_of_its_base() -> None:
    base = PretrainingExposure(basis="b", otherwise="no", datasets={"ddti": "unknown", "busi": "no"})
    exposure = DESCRIBED.model_copy(update={"pretraining_exposure": base}).exposure
    assert [exposure.of(name) for name in ("busi", "ddti", "fugc")] == ["yes", "unknown", "no"]


@pytest.mark.parametrize("size_px", [0, 31, 4097, 100_000])
def test_an_absurd_input_size_is_no_description(tmp_path: Path, size_px: int) -> None:
    folder = tmp_path / "m"
    write_json(folder / DESCRIPTION, {**DESCRIBED.model_dump(mode="json"), "image_size_px": size_px})
    with pytest.raises(ArtefactError, match="image_size_px"):
        read_description(folder)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"b": [], "a": {"d": 1.5, "c": "ö\n"}},
        {"images": [{"id": 1, "name": "a\nb"}, {"id": 2, "counts": [1, [2, 3], {}]}, "x", None], "info": {}, "z": []},
    ],
)
def test_a_streamed_object_has_the_bytes_of_one_written_whole(value: dict[str, Any], tmp_path: Path) -> None:
    write_json(tmp_path / "whole.json", value)
    lists = {name: iter(one) if isinstance(one, list) else one for name, one in value.items()}
    write_json_streamed(tmp_path / "streamed.json", lists)
    assert (tmp_path / "streamed.json").read_bytes() == (tmp_path / "whole.json").read_bytes()


def test_a_stream_that_breaks_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise OSError("the image is gone")

    write_json(tmp_path / "a.json", {"kept": True})
    with pytest.raises(OSError, match="gone"):
        write_json_streamed(tmp_path / "a.json", {"list": broken()})
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"kept": True}
