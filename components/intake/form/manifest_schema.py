"""The manifest's schema, to a page that a person reads and to a JSON Schema that a program checks a row by.

Both are taken from `MANIFEST_SCHEMA`, so that they can't differ from the file. Leaves out: reading and writing
manifests (components/intake/form/records.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from components.intake.form.croissant import told
from components.intake.form.records import MANIFEST_SCHEMA, MANIFEST_SCHEMA_VERSION

PAGE, JSON_SCHEMA = "manifest-schema.md", "manifest.schema.json"


_PAGE = f"""\
# The manifest, version {MANIFEST_SCHEMA_VERSION}

Written by `sonoforge data schema --out docs` from `components/intake/form/records.py`; change that, not this page.

`data/02_harmonised/<role>/<dataset>/manifest.parquet` has one row for each image, sorted by `image_id`. The file's own
schema says the same as this page: the version stands in its metadata as `sonoforge.manifest.version`, each column's
meaning and unit in that column's. A row as JSON is checked by [{JSON_SCHEMA}]({JSON_SCHEMA}).

Pixel coordinates: origin at the top left corner of the top left pixel, x right, y down; boxes are half-open.

%s

Each of `objects`:

%s

The version changes with the columns or their meaning. A manifest of another version is refused with the remedy: run
the stage `harmonise` again. Version 1 had a PNG file for each image and mask; version 2 has shards; version 3 the
CRC-32 of each PNG, by which every reading tells that it got what was written; version 4 scanner and site; version 5
the ring of each key of the perceptual hash.
"""


def schema_page() -> str:
    """The schema as Markdown: each column's name, type, unit and meaning."""
    return _PAGE % (_table(MANIFEST_SCHEMA), _table(MANIFEST_SCHEMA.field("objects").type.value_type))


def _table(fields: Iterable[pa.Field]) -> str:
    rows = ["| Column | Type | Unit | May be null | Meaning |", "|---|---|---|---|---|"]
    for field in fields:
        said = {key.decode(): value.decode() for key, value in field.metadata.items()}
        null = "yes" if field.nullable else "no"
        rows.append(f"| `{field.name}` | {_type(field.type)} | {said.get('unit', '')} | {null} | {said['meaning']} |")
    return "\n".join(rows)


def _type(kind: pa.DataType) -> str:
    if pa.types.is_fixed_size_list(kind):
        return f"{kind.list_size} × {_type(kind.value_type)}"
    if pa.types.is_list(kind):
        return f"list of {_type(kind.value_type)}"
    return "struct" if pa.types.is_struct(kind) else str(kind)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one row as JSON."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"A row of SonoForge's manifest, version {MANIFEST_SCHEMA_VERSION}",
        **_object(MANIFEST_SCHEMA),
    }


def _object(fields: Iterable[pa.Field]) -> dict[str, Any]:
    properties = {field.name: _value(field.type, nullable=field.nullable) | _about(field) for field in fields}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _about(field: pa.Field) -> dict[str, str]:
    return {"description": told(field)}


def _value(kind: pa.DataType, *, nullable: bool = False) -> dict[str, Any]:
    if pa.types.is_struct(kind):
        return _object(kind)
    if pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        size = {"minItems": kind.list_size, "maxItems": kind.list_size} if pa.types.is_fixed_size_list(kind) else {}
        value = {"type": "array", "items": _value(kind.value_type), **size}
    elif pa.types.is_boolean(kind):
        value = {"type": "boolean"}
    elif pa.types.is_integer(kind):
        value = {"type": "integer"}
    else:
        value = {"type": "number" if pa.types.is_floating(kind) else "string"}
    return value | ({"type": [value["type"], "null"]} if nullable else {})
