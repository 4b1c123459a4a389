"""The record of an import: what it came from, and every way in which that is or isn't the published archive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from components.contract import Contract, Place, PublishedFile
from components.errors import LayoutError
from components.intake.arrival.import_record import (
    compare,
    contract_lines,
    read_record,
    record_of,
    record_path,
    write_record,
)

ContractOf = Callable[[str], Contract]
HERE, OTHER = "a" * 64, "b" * 64


def publishing(contract: Contract, *files: PublishedFile) -> Contract:
    """The contract with files at a second place."""
    place = Place(address="https://host/data", form="download", files=files)
    places = (contract.source.places[0], place)
    return contract.model_copy(update={"source": contract.source.model_copy(update={"places": places})})


@pytest.mark.parametrize(
    ("files", "verdict", "said"),
    [
        ([], "unknown", "lists no digest"),
        ([PublishedFile(name="a.zip")], "unknown", "lists no digest"),
        ([PublishedFile(name="a.zip", size_bytes=10)], "unknown", "lists no digest"),
        ([PublishedFile(name="a.zip", sha256=HERE)], "same", "it is a.zip of https://host/data, by sha256"),
        ([PublishedFile(name="renamed.zip", sha256=HERE)], "same", "it is renamed.zip of"),
        ([PublishedFile(name="A.ZIP", sha256=OTHER)], "different", f"a.zip has sha256 {HERE}, but A.ZIP of"),
        ([PublishedFile(name="A.ZIP", sha256=OTHER)], "different", f"https://host/data has sha256 {OTHER}"),
        ([PublishedFile(name="a.zip", size_bytes=11)], "different", "a.zip has 10 bytes, but a.zip of"),
        ([PublishedFile(name="b.zip", sha256=OTHER)], "different", f"the published files are b.zip ({OTHER})"),
        ([PublishedFile(name="b.zip", sha256=OTHER), PublishedFile(name="A.zip")], "unknown", "no digest of a.zip"),
        (
            [PublishedFile(name="b.zip", sha256=OTHER), PublishedFile(name="a.zip", size_bytes=10)],
            "unknown",
            "no digest",
        ),
        (
            [PublishedFile(name="b.zip", sha256=OTHER), PublishedFile(name="a.zip", size_bytes=9)],
            "different",
            "10 bytes",
        ),
        ([PublishedFile(name="b.zip", sha256=OTHER), PublishedFile(name="c", sha256=HERE)], "same", "it is c of"),
    ],
)
def test_an_archive_is_compared_by_digest_name_and_size(
    files: list[PublishedFile], verdict: str, said: str, contract_of: ContractOf
) -> None:
    found = compare(publishing(contract_of("udiat"), *files), "a.zip", size_bytes=10, sha256=HERE)
    assert found.verdict == verdict
    assert said in found.reason


def test_an_archive_is_recorded_with_name_size_and_digest(tmp_path: Path, contract_of: ContractOf) -> None:
    archive = tmp_path / "data.zip"
    archive.write_bytes(b"content")
    record = record_of(contract_of("udiat"), archive, today=date(2026, 11, 22))
    digest = hashlib.sha256(b"content").hexdigest()
    assert (record.kind, record.name, record.size_bytes, record.sha256) == ("archive", "data.zip", 7, digest)
    assert record.line() == f"2026-11-22 from the archive data.zip (7 bytes, sha256 {digest})"
    pinned = [PublishedFile.model_validate(one) for one in yaml.safe_load(contract_lines(record))]
    assert compare(publishing(contract_of("udiat"), *pinned), "x", size_bytes=7, sha256=digest).verdict == "same"
    target = tmp_path / "imports/udiat"
    target.mkdir(parents=True)
    write_record(record, target)
    assert read_record(target) == record
    assert json.loads(record_path(target).read_text())["schema"] == 1
    assert record_path(target) == tmp_path / "imports/udiat.json"


def test_a_folder_has_a_size_and_no_digest(tmp_path: Path, contract_of: ContractOf) -> None:
    (tmp_path / "raw/deep").mkdir(parents=True)
    (tmp_path / "raw/a").write_bytes(b"12345")
    (tmp_path / "raw/deep/b").write_bytes(b"678")
    record = record_of(contract_of("udiat"), tmp_path / "raw")
    assert (record.kind, record.name, record.size_bytes, record.sha256) == ("folder", "raw", 8, None)
    assert record.published.verdict == "unknown"
    assert abs((date.fromisoformat(record.imported) - datetime.now(UTC).date()).days) <= 1


def test_no_record_is_none_and_a_broken_one_is_told(tmp_path: Path) -> None:
    target = tmp_path / "udiat"
    assert read_record(target) is None
    for text in ("no JSON", "[]", "{}", '{"schema": 2}', '{"schema": 1, "dataset": "udiat"}'):
        record_path(target).write_text(text)
        with pytest.raises(LayoutError, match=r"udiat\.json isn't the record of an import"):
            read_record(target)
