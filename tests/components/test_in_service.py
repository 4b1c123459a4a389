"""The file that names the model to serve: whole, strict, and bound to the folder beside it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from components.errors import ArtefactError
from components.in_service import IN_SERVICE, InService, read_in_service, write_in_service

MODEL = InService(schema=1, digest="a" * 64, folder="a" * 12, files_sha256="b" * 64, entry="c" * 64)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    assert read_in_service(tmp_path / IN_SERVICE) is None
    write_in_service(tmp_path / IN_SERVICE, MODEL)
    assert read_in_service(tmp_path / IN_SERVICE) == MODEL
    assert [path.name for path in tmp_path.iterdir()] == [IN_SERVICE]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2}', json.dumps({"schema": 1, "digest": "x"})])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / IN_SERVICE).write_text(text)
    with pytest.raises(ArtefactError, match="names no model to serve"):
        read_in_service(tmp_path / IN_SERVICE)


@pytest.mark.parametrize("folder", ["/etc", "..", "../other", "a/b", ""])
def test_the_folder_lies_beside_the_file(folder: str) -> None:
    with pytest.raises(ValidationError):
        InService(schema=1, digest="a" * 64, folder=folder, entry="c" * 64)


def test_a_pipe_and_a_large_file_are_never_read_whole(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "large").write_bytes(b" " * 2**17)
    (tmp_path / "endless").symlink_to("/dev/zero")
    for name, said in (("pipe", "isn't a file"), ("large", "over 65,536 bytes"), ("endless", "isn't a file")):
        with pytest.raises(ArtefactError, match=said):
            read_in_service(tmp_path / name)
