"""People's file is read strictly, and ships with every key and nothing in it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from components.errors import ParamsError, StatementsError
from components.release.documents.statements import (
    LABELS,
    MAX_BYTES,
    MAX_CHARACTERS,
    check_required,
    read_statements,
)


def test_the_file_as_shipped_holds_every_key_and_states_nothing(root: Path) -> None:
    shipped = root / "docs/statements.yaml"
    assert read_statements(shipped) == dict.fromkeys(LABELS, "")
    written = [line.split(":")[0] for line in shipped.read_text(encoding="utf-8").splitlines() if line[:1].isalpha()]
    assert written == list(dict.fromkeys(written)) and set(written) == set(LABELS)


def test_texts_are_taken_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "statements.yaml"
    path.write_text('contact: " Jane | Doe "\nfunding: >-\n  two\n  lines\nethics:\n', encoding="utf-8")
    found = read_statements(path)
    assert (found["contact"], found["funding"], found["ethics"], found["title"]) == ("Jane | Doe", "two lines", "", "")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("contcat: me\n", "unknown keys contcat"),
        ("contact: me\ncontact: you\n", "found duplicate key"),
        ("contact: [a, b]\n", "contact holds what YAML reads as list"),
        ("title: !!bool abc\n", "can't be read"),
        ('title: !!int ""\n', "can't be read"),
        ("registration: 2026\n", "reads as int"),
        ("contact: 2026-11-22\n", "reads as date"),
        ("ethics: yes: no\n", "can't be read"),
        ("- contact\n", "holds a list"),
        ("contact: " + "a" * (MAX_CHARACTERS + 1), f"has {MAX_CHARACTERS + 1:,} characters"),
        ('contact: "a\\u202eb"', "U+202E"),
        ('contact: "a\\x1bb"', "U+001B"),
        ('contact: "a\\u061cb"', "U+061C"),
        ('contact: "a\\u200bb"', "U+200B"),
        ('contact: "a\\U000E0041b"', "U+E0041"),
        ("#" * (MAX_BYTES + 1), "bytes"),
    ],
)
def test_what_isnt_a_statement_is_refused_with_its_remedy(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "statements.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StatementsError, match=says.replace("+", r"\+")) as caught:
        read_statements(path)
    assert caught.value.expected and caught.value.remedy


def test_aliases_within_one_another_cost_no_memory(tmp_path: Path) -> None:
    nested = "[*a0]" + "".join(f"\n  - &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(7))
    path = tmp_path / "statements.yaml"
    path.write_text("title:\n  - &a0 [x, x, x, x]\n  - " + nested + "\n", encoding="utf-8")
    tracemalloc.start()
    with pytest.raises(StatementsError, match="reads as list"):
        read_statements(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StatementsError, match="can't be read"):
        read_statements(tmp_path)


def test_a_missing_file_and_bytes_that_arent_text_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StatementsError, match="doesn't exist"):
        read_statements(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"contact: \xff\xfe")
    with pytest.raises(StatementsError, match="can't be read"):
        read_statements(tmp_path / "bytes.yaml")


def test_only_statements_that_exist_can_be_required() -> None:
    check_required(("contact", "ethics"))
    with pytest.raises(ParamsError, match="names telephone"):
        check_required(("contact", "telephone"))
