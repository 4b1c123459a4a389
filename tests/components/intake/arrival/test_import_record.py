"""The record of an import: what it came from, and every way in which that is or isn't the published archive."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

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
HERE_MD5, OTHER_MD5 = "c" * 32, "d" * 32


def published(name: str, **stated: Any) -> PublishedFile:
    """A file of a contract, with whatever its authors stated."""
    return PublishedFile(name=name, **({"stated_by": "the authors"} | stated if stated else {}))


def publishing(contract: Contract, *files: PublishedFile, beside: Place | None = None) -> Contract:
    """The contract with files at one place that answers, and perhaps another place."""
    gone = Place(address="https://gone/data", form="gone")
    place = Place(address="https://host/data", form="download", files=files)
    places = (gone, place) if beside is None else (gone, place, beside)
    return contract.model_copy(update={"source": contract.source.model_copy(update={"places": places})})


@pytest.mark.parametrize(
    ("files", "verdict", "said"),
    [
        ([], "unknown", "no published digest was found; this import can pin it"),
        ([published("a.zip")], "unknown", "lists no digest of a.zip"),
        ([published("a.zip", size_bytes=10)], "unknown", "lists no digest"),
        (
            [published("a.zip", sha256=HERE)],
            "same",
            "it is a.zip of https://host/data, by sha256 (stated by the authors)",
        ),
        ([published("renamed.zip", sha256=HERE)], "same", "it is renamed.zip of"),
        ([published("A.ZIP", sha256=OTHER)], "different", f"a.zip has sha256 {HERE}, but A.ZIP of"),
        ([published("A.ZIP", sha256=OTHER)], "different", f"https://host/data has sha256 {OTHER}"),
        ([published("a.zip", size_bytes=11)], "different", "a.zip has 10 bytes, but a.zip of"),
        ([published("b.zip", sha256=OTHER)], "different", f"the published files are b.zip (sha256 {OTHER})"),
        ([published("b.zip", sha256=OTHER), published("A.zip")], "unknown", "no digest of a.zip"),
        (
            [published("b.zip", sha256=OTHER), published("a.zip", size_bytes=10)],
            "unknown",
            "no digest",
        ),
        (
            [published("b.zip", sha256=OTHER), published("a.zip", size_bytes=9)],
            "different",
            "10 bytes",
        ),
        ([published("b.zip", sha256=OTHER), published("c", sha256=HERE)], "same", "it is c of"),
        ([published("c", md5=HERE_MD5)], "same", "it is c of https://host/data, by md5 (stated by the authors)"),
        ([published("a.zip", md5=OTHER_MD5)], "different", f"a.zip has md5 {HERE_MD5}, but a.zip of"),
        ([published("b.zip", md5=OTHER_MD5)], "different", f"the published files are b.zip (md5 {OTHER_MD5})"),
        ([published("a.zip", md5=HERE_MD5, sha256=OTHER)], "different", f"a.zip has sha256 {HERE}, but"),
        ([published("a.zip", md5=OTHER_MD5, sha256=HERE)], "same", "by sha256"),
    ],
)
def test_an_archive_is_compared_by_digest_name_and_size(
    files: list[PublishedFile], verdict: str, said: str, contract_of: ContractOf
) -> None:
    found = compare(publishing(contract_of("udiat"), *files), "a.zip", size_bytes=10, sha256=HERE, md5=HERE_MD5)
    assert found.verdict == verdict
    assert said in found.reason


def test_another_place_of_which_no_digest_is_known_may_publish_another_archive(contract_of: ContractOf) -> None:
    copy = Place(address="https://copy/data", form="account")
    contract = publishing(contract_of("udiat"), published("b.zip", sha256=OTHER), beside=copy)
    found = compare(contract, "a.zip", size_bytes=10, sha256=HERE, md5=HERE_MD5)
    assert found.verdict == "unknown"
    assert found.reason == f"it isn't b.zip (sha256 {OTHER}); of https://copy/data no digest is known"
    assert compare(contract, "b.zip", size_bytes=10, sha256=HERE, md5=HERE_MD5).verdict == "different"


def test_an_archive_is_recorded_with_name_size_and_digest(tmp_path: Path, contract_of: ContractOf) -> None:
    archive = tmp_path / "data.zip"
    archive.write_bytes(b"content")
    record = record_of(contract_of("udiat"), archive, today=date(2026, 11, 22))
    digest = hashlib.sha256(b"content").hexdigest()
    assert (record.kind, record.name, record.size_bytes, record.sha256) == ("archive", "data.zip", 7, digest)
    assert record.line() == f"2026-11-22 from the archive data.zip (7 bytes, sha256 {digest})"
    with_md5 = publishing(contract_of("udiat"), published("x", md5=hashlib.md5(b"content").hexdigest()))
    assert record_of(with_md5, archive).published.verdict == "same"
    pinned = [PublishedFile.model_validate(one) for one in yaml.safe_load(contract_lines(record))]
    assert (
        compare(publishing(contract_of("udiat"), *pinned), "x", size_bytes=7, sha256=digest, md5=HERE_MD5).verdict
        == "same"
    )
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
