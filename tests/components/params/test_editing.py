"""params.yaml edited as text: what wasn't changed stays to the character."""

from __future__ import annotations

import io
from pathlib import Path

from components.params.editing import params_editor

TEXT = """\
# a comment
gate:
  limit: null  # not asked for
  name: 'quoted'
  kinds: [box, click]
empty:
"""


def written(text: str) -> str:
    editor = params_editor()
    out = io.StringIO()
    editor.dump(editor.load(text), out)
    return out.getvalue()


def test_comments_quotes_and_nulls_stay() -> None:
    assert written(TEXT) == TEXT.replace("empty:", "empty: null")


def test_the_shipped_file_keeps_its_words(root: Path) -> None:
    text = (root / "params.yaml").read_text(encoding="utf-8")
    assert [line.split() for line in written(text).splitlines()] == [line.split() for line in text.splitlines()]
