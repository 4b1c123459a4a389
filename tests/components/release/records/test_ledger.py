"""The ledger: a chain that shows every change."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from components.anchor import leave_ends
from components.errors import ReleaseError
from components.release.records.ledger import accept, append, as_json, read_ledger


def write(path: Path, action: str, source: str | None, target: str | None, **others: str) -> None:
    append(
        path,
        action=action,  # type: ignore[arg-type]
        who="anna",
        source=source,
        target=target,
        candidate=target,
        gate_sha256="0" * 64,
        reason="because",
        **others,
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "ledger.jsonl"
    write(path, "promote", None, "a")
    write(path, "refuse", "a", "a")
    write(path, "promote", "a", "b")
    return path


def test_the_ledger_says_which_model_is_in_use(path: Path, tmp_path: Path) -> None:
    ledger = read_ledger(path)
    assert (ledger.champion, ledger.previous) == ("b", "a")
    write(path, "rollback", "b", "a")
    ledger = read_ledger(path)
    assert (ledger.champion, ledger.previous) == ("a", "b")
    assert [entry.number for entry in ledger.of("b")] == [3, 4]
    empty = read_ledger(tmp_path / "none.jsonl")
    assert (empty.champion, empty.previous, empty.head) == (None, None, "0" * 64)


@pytest.mark.parametrize(
    ("who", "reason"), [("anna\x1b[2K", "because"), ("anna", "be\udcffcause"), ("anna", "x" * 2001)]
)
def test_words_that_cant_be_read_as_they_are_are_not_entered(path: Path, who: str, reason: str) -> None:
    before = path.read_bytes()
    with pytest.raises(ReleaseError, match=r"unseen characters|2,001 characters"):
        append(path, action="approve", who=who, source="b", target="b", candidate="b", gate_sha256=None, reason=reason)
    with pytest.raises(ReleaseError, match=r"unseen characters|2,001 characters"):
        accept(path, who=who, reason=reason)
    assert path.read_bytes() == before


def test_a_refusal_is_entered_whatever_names_are_in_it(path: Path) -> None:
    reason = "FAIL: an odd file a\x1b[2Kb" + "x" * 3000
    entry = append(
        path, action="refuse", who="anna", source="b", target="b", candidate="c", gate_sha256=None, reason=reason
    )
    assert entry.reason == reason.replace("\x1b", "\\x1b") and read_ledger(path).entries[-1] == entry


def test_lines_have_the_published_keys(path: Path) -> None:
    first = json.loads(path.read_text().splitlines()[0])
    assert first["from"] is None and first["to"] == "a"
    assert as_json(read_ledger(path).entries)[0] == first


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_changed_line_is_found(path: Path, line: int) -> None:
    lines = path.read_text().splitlines(keepends=True)
    lines[line] = lines[line].replace("anna", "bert")
    path.write_text("".join(lines))
    with pytest.raises(ReleaseError, match=f"line {line + 1}"):
        read_ledger(path)


@pytest.mark.parametrize("order", [(1, 2), (0, 2), (0, 2, 1), (0, 0, 1, 2)])
def test_a_removed_swapped_or_repeated_line_is_found(path: Path, order: tuple[int, ...]) -> None:
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[i] for i in order))
    with pytest.raises(ReleaseError):
        read_ledger(path)
    with pytest.raises(ReleaseError):
        write(path, "promote", "b", "c")


def test_a_line_resealed_by_a_forger_breaks_the_next_one(path: Path) -> None:
    from dataclasses import replace

    from components.release.records.ledger import _line

    entries = list(read_ledger(path).entries)
    forged = replace(entries[1], who="bert").sealed()
    path.write_bytes(_line(entries[0]) + _line(forged) + _line(entries[2]))
    with pytest.raises(ReleaseError, match="line 3"):
        read_ledger(path)


def test_a_torn_last_line_is_reported_and_dropped_by_the_next_append(path: Path) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"number": 4, "at": "20')
    ledger = read_ledger(path)
    assert ledger.torn == b'{"number": 4, "at": "20'
    assert ledger.champion == "b"
    write(path, "promote", "b", "c")
    assert path.read_bytes().startswith(whole)
    again = read_ledger(path)
    assert (again.champion, again.torn, len(again.entries)) == ("c", b"", 4)


def test_a_line_of_nonsense_is_found(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"[1, 2]\n")
    with pytest.raises(ReleaseError, match="line 4"):
        read_ledger(path)


OLD = (
    '{"number": 1, "at": "2026-01-01T00:00:00+00:00", "who": "anna", "action": "promote", "from": null, "to": "a", '
    '"candidate": "a", "gate_sha256": "g", "reason": "because", "previous": "%s", "digest": "%s"}\n'
)


def test_a_line_from_before_packages_keeps_its_digest(tmp_path: Path) -> None:
    content = {
        **{"number": 1, "at": "2026-01-01T00:00:00+00:00", "who": "anna", "action": "promote", "source": None},
        **{"target": "a", "candidate": "a", "gate_sha256": "g", "reason": "because", "previous": "0" * 64},
    }
    digest = hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
    path = tmp_path / "ledger.jsonl"
    path.write_text(OLD % ("0" * 64, digest))
    leave_ends(path, (1, digest))
    assert read_ledger(path).champion == "a" and read_ledger(path).package_of("a") is None
    write(path, "promote", "a", "b", package_sha256="p", calibration_sha256="c")
    ledger = read_ledger(path)
    assert (ledger.package_of("b"), ledger.entries[1].calibration_sha256) == ("p", "c")
    path.write_text(path.read_text().replace('"because", "prev', '"because", "package_sha256": "q", "prev', 1))
    with pytest.raises(ReleaseError, match="line 1"):
        read_ledger(path)


def test_a_package_cant_be_taken_off_a_line(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    write(path, "promote", None, "a", package_sha256="p")
    for other in ('"package_sha256": "q"', '"package_sha256": null'):
        text = path.read_text()
        path.write_text(text.replace('"package_sha256": "p"', other))
        with pytest.raises(ReleaseError, match="line 1"):
            read_ledger(path)
        path.write_text(text)


def test_the_model_in_use_with_another_package_keeps_its_place_and_the_former(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    write(path, "promote", None, "a", package_sha256="p")
    write(path, "promote", "a", "b", package_sha256="q")
    write(path, "promote", "b", "b", package_sha256="r")
    ledger = read_ledger(path)
    assert (ledger.champion, ledger.previous, ledger.package_of("b")) == ("b", "a", "r")
