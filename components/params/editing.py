"""`params.yaml` as a text to be edited: comments, quotes, long lines and nulls stay as a person wrote them."""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML


def params_editor() -> YAML:
    """A reader and writer of YAML whose documents come out as they went in, but for what was changed."""
    editor = YAML()
    editor.preserve_quotes = True
    editor.width = 4096  # Flow mappings stay on their lines, however long.
    editor.representer.add_representer(type(None), _null)
    return editor


def _null(representer: Any, _: None) -> Any:
    # ruamel's own way is to write nothing after the colon.
    return representer.represent_scalar("tag:yaml.org,2002:null", "null")
