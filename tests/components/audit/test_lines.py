"""Lines are sealed as they stand."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from components.audit.lines import file_name, log_files, parse, parse_unsealed, seal, time_text
from tests.components.audit.predictions import predicted

AT = "2026-11-22T10:00:00.123Z"


@pytest.fixture
def raw() -> bytes:
    return seal(predicted().model_dump_json().encode(), n=3, previous="0" * 64, at=AT)[0]


def test_a_line_says_what_it_was_made_of(raw: bytes) -> None:
    line = parse(raw)
    assert line is not None and (line.n, line.previous, line.at) == (3, "0" * 64, AT) and line.entry == predicted()
    content = raw[: raw.rindex(b',"digest"')]
    assert json.loads(raw)["digest"] == line.digest == hashlib.sha256(content).hexdigest()


def test_another_spelling_of_the_same_values_isnt_the_same_line(raw: bytes) -> None:
    respelt = raw.replace(b'"who":"anna"', b'"who":"\\u0061nna"')
    assert parse_unsealed(respelt) == parse_unsealed(raw) is not None
    assert parse(respelt) is None
    assert parse(raw.replace(b'"n":3', b'"n":9,"n":3')) is None


@pytest.mark.parametrize("other", [b"", b"\n", b"{}\n", b"[1]\n", b"\xff\x00\n", b'{"digest":"' + b"0" * 64 + b'"}\n'])
def test_what_is_no_line_is_none(other: bytes) -> None:
    assert parse(other) is None and parse_unsealed(other) is None


def test_every_flipped_bit_is_found(raw: bytes) -> None:
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1 << (place % 8)
        assert parse(bytes(changed)) is None, place


def test_times_are_utc() -> None:
    at = datetime(2026, 11, 22, 12, 0, 0, 123_999, tzinfo=timezone(timedelta(hours=2)))
    assert time_text(at) == AT


def test_files_come_by_number(tmp_path: Path) -> None:
    for name in (file_name(2), file_name(10), file_name(1), "audit-1.jsonl", "audit-000001.abc.torn", "other.jsonl"):
        (tmp_path / name).touch()
    assert [number for number, _ in log_files(tmp_path)] == [1, 2, 10]
