"""The manifest's published schema: current, complete, and true of manifests as they are written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet as pq
import pytest

from components.contract import Contract
from components.intake.form.manifest_schema import JSON_SCHEMA, PAGE, json_schema, schema_page
from components.intake.form.records import MANIFEST, MANIFEST_SCHEMA
from components.intake.harmonise import harmonise
from tests.components.intake.raw_trees import Tree


def test_what_is_published_is_current(root: Path) -> None:
    behind = "is behind the code: run `sonoforge data schema --out docs`"
    assert (root / "docs" / PAGE).read_text(encoding="utf-8") == schema_page(), f"docs/{PAGE} {behind}"
    assert json.loads((root / "docs" / JSON_SCHEMA).read_text()) == json_schema(), f"docs/{JSON_SCHEMA} {behind}"


def test_every_column_has_type_and_meaning_and_every_measure_its_unit() -> None:
    page = schema_page()
    for field in [*MANIFEST_SCHEMA, *MANIFEST_SCHEMA.field("objects").type.value_type]:
        row = next(line for line in page.splitlines() if line.startswith(f"| `{field.name}` |"))
        _, _, kind, unit, _, meaning, _ = (cell.strip() for cell in row.split("|"))
        assert kind and meaning
        for ending, expected in (("_px", "pixel"), ("_mm", "millimetre"), ("_size", "byte"), ("_offset", "byte")):
            assert not field.name.endswith(ending) or unit == expected


@pytest.fixture
def rows(tree: Tree, tmp_path: Path, contract_of: Callable[[str], Contract], contracts: Path) -> list[dict[str, Any]]:
    contract = contract_of("jnu_ifm").model_copy(update={"spacing_mm": (0.1, 0.2), "spacing_source": "a test"})
    harmonise(contract, tree("jnu_ifm"), out=tmp_path / "out", phantom=True, contracts=contracts)
    found: list[dict[str, Any]] = pq.read_table(tmp_path / "out" / MANIFEST).to_pylist()
    return found


def test_written_rows_follow_it_and_others_do_not(rows: list[dict[str, Any]]) -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())
    validator = jsonschema.Draft202012Validator(json_schema())
    assert len(rows) > 2
    assert [error.message for row in rows for error in validator.iter_errors(row)] == []
    without = {name: value for name, value in rows[0].items() if name != "group"}
    wrong: list[dict[str, Any]] = [
        without,
        {**rows[0], "height_px": None},
        {**rows[0], "more": 1},
        {**rows[0], "objects": [{"index": 1, "label": "head", "box_xyxy": [0, 0, 1], "area_px": 1}]},
    ]
    assert [validator.is_valid(row) for row in wrong] == [False] * 4
