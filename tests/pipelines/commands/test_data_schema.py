"""`sonoforge data schema`: the page, the JSON Schema, both as files."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from components.intake.form.manifest_schema import json_schema, schema_page
from pipelines.commands.data import app


def test_the_schema_is_printed_or_written(tmp_path: Path) -> None:
    run = CliRunner().invoke
    assert run(app, ["schema"]).stdout == schema_page()
    assert json.loads(run(app, ["schema", "--json"]).stdout) == json_schema()
    assert run(app, ["schema", "--out", str(tmp_path)]).exit_code == 0
    assert (tmp_path / "manifest-schema.md").read_text() == schema_page()
    assert json.loads((tmp_path / "manifest.schema.json").read_text()) == json_schema()
