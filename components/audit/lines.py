"""An entry to a sealed line, and back; the files of a log.

A line is JSON: its number, the digest of the line before, its time, the entry, and last its own digest, the sha256 of
all bytes before it. Bytes are hashed as they stand, so that no other spelling of the same values goes unnoticed. The
files of a log are `audit-000001.jsonl` and so on; the chain goes on over them. Leaves out: whether lines follow on each
other (verifying.py), and writing (log.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO

from pydantic import Field, ValidationError

from components.audit.entries import Entry, Part, Sha256

MAX_LINE_BYTES = 4 << 20
_SEAL = b',"digest":"'
_SEAL_BYTES = len(_SEAL) + 64 + len(b'"}\n')
_NAME = re.compile(r"audit-([0-9]{6,12})\.jsonl")


class Line(Part):
    """A line of the log: entry number `n`, from 1 over all files; `at` in UTC, never before the line before."""

    n: Annotated[int, Field(ge=1)]
    previous: Sha256
    at: Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{3}Z$")]
    entry: Entry
    digest: Sha256


def seal(entry_json: bytes, *, n: int, previous: str, at: str) -> tuple[bytes, str]:
    """The line of an entry, which is JSON already, with its end; and its digest."""
    content = b'{"n":%d,"previous":"%b","at":"%b","entry":%b' % (n, previous.encode(), at.encode(), entry_json)
    digest = hashlib.sha256(content).hexdigest()
    return content + _SEAL + digest.encode() + b'"}\n', digest


def parse(raw: bytes) -> Line | None:
    """A line of this schema that is sealed by its own digest; None if it isn't one."""
    content, seal_text = raw[:-_SEAL_BYTES], raw[-_SEAL_BYTES:]
    if seal_text != _SEAL + hashlib.sha256(content).hexdigest().encode() + b'"}\n':
        return None
    return parse_unsealed(raw)


def parse_unsealed(raw: bytes) -> Line | None:
    """A line of this schema, whatever its digest; None if it isn't one."""
    try:
        return Line.model_validate_json(raw)
    except ValidationError:
        return None


def raw_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of a file with their ends; what is longer than any entry comes in pieces of that length."""
    while raw := file.readline(MAX_LINE_BYTES):
        yield raw


def time_text(at: datetime) -> str:
    """A time with its zone as lines give it: UTC, to the millisecond."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def file_name(number: int) -> str:
    """The name of a log's file."""
    return f"audit-{number:06d}.jsonl"


def log_files(folder: Path) -> list[tuple[int, Path]]:
    """The files of a log that are there, by number."""
    named = [(found, path) for path in folder.glob("audit-*.jsonl") if (found := _NAME.fullmatch(path.name))]
    return sorted((int(found[1]), path) for found, path in named)
