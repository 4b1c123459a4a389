"""A reference is one model's, and broken ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.errors import ArtefactError
from components.promptable.reference import REFERENCE, Reference, Table, find_reference, to_table, write_reference

DIGEST, OTHER = "ab" * 32, "cd" * 32


def reference(digest: str = DIGEST) -> Reference:
    """Two images of one group, and no outline."""
    images = to_table([{"mean": 1.5, "flagged": "no"}, {"mean": None, "flagged": "yes"}], [0, 0])
    return Reference(model_digest=digest, phantom=True, kinds=("click",), images=images, outlines=to_table([], []))


def test_what_is_written_is_read_again_beside_the_model_or_from_it(tmp_path: Path) -> None:
    model = tmp_path / "student"
    model.mkdir()
    assert find_reference(model, model_digest=DIGEST) is None
    (tmp_path / "calibration").mkdir()
    write_reference(tmp_path / "calibration", reference())
    assert find_reference(model, model_digest=DIGEST) == reference()
    assert find_reference(model, model_digest=OTHER) is None, "the graph's is of other weights"
    write_reference(model, reference(OTHER))
    assert find_reference(model, model_digest=OTHER) == reference(OTHER)
    with pytest.raises(ArtefactError, match="of the weights cdcdcd"):
        find_reference(model, model_digest=DIGEST)


def test_a_broken_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / REFERENCE).write_text('{"schema": 2}')
    with pytest.raises(ArtefactError, match="schema 1"):
        find_reference(tmp_path, model_digest=DIGEST)
    (tmp_path / REFERENCE).unlink()
    (tmp_path / REFERENCE).mkdir()
    with pytest.raises(ArtefactError, match="can't be read"):
        find_reference(tmp_path, model_digest=DIGEST)
    with pytest.raises(ValueError, match="differ in length"):
        Table(group=(1,), columns={"mean": (1.0, 2.0)})
