"""Base weights: resumed, checked, and refused with a remedy; against a server of this test's own."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from components.errors import BaseWeightsError, BaseWeightsUnreachableError
from components.params import TeacherParams
from components.teacher import base_weights
from components.teacher.base_weights import (
    OFFICIAL,
    OfficialCheckpoint,
    check_base,
    fetch,
    pretraining_exposure,
)

CONTENT = bytes(range(256)) * 1000
CHECKPOINT = OfficialCheckpoint("tiny", "weights.pt", len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


class _Handler(BaseHTTPRequestHandler):
    ranges: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        asked = self.headers.get("Range")
        self.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        self.send_response(206 if asked else 200)
        self.end_headers()
        self.wfile.write(CONTENT[start:])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def address(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    _Handler.ranges.clear()
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    url = f"http://127.0.0.1:{server.server_port}/"
    monkeypatch.setattr(base_weights, "_ADDRESS", url)
    yield url
    server.shutdown()
    server.server_close()


def test_a_download_is_checked_and_named(address: str, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    path = fetch(CHECKPOINT, tmp_path, on_bytes=lambda done, of: heard.append((done, of)))
    assert path.read_bytes() == CONTENT
    assert heard[-1] == (len(CONTENT), len(CONTENT))
    assert [p.name for p in tmp_path.iterdir()] == ["weights.pt"]


def test_a_broken_download_continues_where_it_stopped(address: str, tmp_path: Path) -> None:
    (tmp_path / "weights.pt.part").write_bytes(CONTENT[:1000])
    assert fetch(CHECKPOINT, tmp_path).read_bytes() == CONTENT
    assert _Handler.ranges == ["bytes=1000-"]


def test_a_finished_file_is_not_asked_for_again(address: str, tmp_path: Path) -> None:
    fetch(CHECKPOINT, tmp_path)
    fetch(CHECKPOINT, tmp_path)
    assert _Handler.ranges == [None]


def test_another_sha256_is_refused_and_never_named(address: str, tmp_path: Path) -> None:
    wrong = replace(CHECKPOINT, sha256="0" * 64)
    with pytest.raises(BaseWeightsError, match="sha256") as caught:
        fetch(wrong, tmp_path)
    assert "don't use" in caught.value.remedy
    assert not (tmp_path / "weights.pt").exists()


def test_a_file_altered_later_is_refused(address: str, tmp_path: Path) -> None:
    path = fetch(CHECKPOINT, tmp_path)
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(BaseWeightsError, match="sha256"):
        fetch(CHECKPOINT, tmp_path)


@pytest.mark.parametrize(("code", "may_pass"), [(503, True), (429, True), (404, False), (403, False)])
def test_a_busy_server_is_worth_another_try_and_a_refusal_is_not(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, may_pass: bool
) -> None:
    monkeypatch.setattr(_Handler, "do_GET", lambda self: self.send_error(code))
    with pytest.raises(BaseWeightsError, match=str(code)) as caught:
        fetch(CHECKPOINT, tmp_path)
    assert isinstance(caught.value, BaseWeightsUnreachableError) is may_pass


def test_a_download_that_breaks_off_is_worth_another_try(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(self: _Handler) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(CONTENT[:1000])

    with monkeypatch.context() as patch:
        patch.setattr(_Handler, "do_GET", half)
        with pytest.raises(BaseWeightsUnreachableError, match="1,000 bytes"):
            fetch(CHECKPOINT, tmp_path)
    assert fetch(CHECKPOINT, tmp_path).read_bytes() == CONTENT


def test_a_short_file_under_the_final_name_is_refused_for_good(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(CONTENT[:1000])
    with pytest.raises(BaseWeightsError, match="sha256") as caught:
        fetch(CHECKPOINT, tmp_path)
    assert not isinstance(caught.value, BaseWeightsUnreachableError)


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(base_weights, "_ADDRESS", "http://127.0.0.1:9/")  # nothing listens on the discard port
    with pytest.raises(BaseWeightsUnreachableError, match="can't be reached") as caught:
        fetch(CHECKPOINT, tmp_path)
    assert "scratch" in caught.value.remedy
    assert str(tmp_path / "weights.pt") in caught.value.remedy


def test_official_checkpoints_are_those_of_sam21() -> None:
    assert {c.hiera for c in OFFICIAL.values()} == {"tiny", "small", "base_plus", "large"}
    assert all(len(c.sha256) == 64 and c.file == f"{name}.pt" for name, c in OFFICIAL.items())


def teacher_params(base: str, hiera: str, sha256: str | None = None, **seen: str) -> TeacherParams:
    adapter = {"variant": "as_drawn", "context": True, "edge": True, "scale": 0.5}
    return TeacherParams.model_validate(
        {"hiera": hiera, "base": base, "base_sha256": sha256, "base_exposure": seen, "adapter": adapter}
    )


@pytest.mark.parametrize(
    ("base", "hiera", "sha256", "match"),
    [
        ("sam2.1_hiera_large", "tiny", None, "trunk is 'large'"),
        ("nowhere.pt", "tiny", None, "no file"),
        ("scratch", "tiny", "0" * 64, "base_sha256 is given"),
    ],
)
def test_a_base_that_cannot_fit_is_refused_before_any_download(
    base: str, hiera: str, sha256: str | None, match: str
) -> None:
    with pytest.raises(BaseWeightsError, match=match):
        check_base(teacher_params(base, hiera, sha256))


def test_scratch_and_matching_names_pass() -> None:
    check_base(teacher_params("scratch", "micro"))
    check_base(teacher_params("sam2.1_hiera_large", "large"))


def test_a_file_is_pinned_by_its_sha256(tmp_path: Path) -> None:
    path = tmp_path / "base.pt"
    path.write_bytes(CONTENT)
    with pytest.raises(BaseWeightsError, match="base_sha256 is missing") as caught:
        check_base(teacher_params(str(path), "tiny"))
    assert CHECKPOINT.sha256 in caught.value.remedy
    check_base(teacher_params(str(path), "tiny", CHECKPOINT.sha256))
    path.write_bytes(CONTENT[1:])
    with pytest.raises(BaseWeightsError, match="has sha256"):
        check_base(teacher_params(str(path), "tiny", CHECKPOINT.sha256))


def test_each_base_says_which_datasets_it_had_seen() -> None:
    assert pretraining_exposure(teacher_params("scratch", "micro")).of("anything") == "no"
    for base in OFFICIAL:
        known = pretraining_exposure(teacher_params(base, OFFICIAL[base].hiera))
        # Still images are ruled out by the published list; frames of videos and sets nobody looked at aren't.
        assert [known.of(name) for name in ("fugc", "jnu_ifm", "a_new_set")] == ["no", "unknown", "unknown"]
        assert "2408.00714" in known.basis


def test_a_checkpoint_by_path_had_seen_what_is_stated_and_the_rest_is_unknown() -> None:
    stated = pretraining_exposure(teacher_params("some.pt", "tiny", fugc="no", busi="yes"))
    assert [stated.of(name) for name in ("fugc", "busi", "jnu_ifm")] == ["no", "yes", "unknown"]
    silent = pretraining_exposure(teacher_params("some.pt", "tiny"))
    assert silent.of("fugc") == "unknown" and "some.pt" in silent.basis


@pytest.mark.parametrize("base", ["scratch", "sam2.1_hiera_tiny"])
def test_what_is_known_of_a_named_base_cant_be_overruled(base: str) -> None:
    with pytest.raises(BaseWeightsError, match=r"teacher\.base_exposure is given"):
        check_base(teacher_params(base, "tiny", jnu_ifm="no"))
