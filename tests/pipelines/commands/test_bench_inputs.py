"""Sizes that no network has and files that can't be written are refused, with what can be."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from pipelines.commands.bench_inputs import input_size, input_sizes, new_file


@pytest.mark.parametrize(("size_px", "said"), [(500, "480 or 512 is"), (33, "32 or 64 is")])
def test_a_size_that_is_refused_comes_with_the_next_ones(size_px: int, said: str) -> None:
    with pytest.raises(typer.BadParameter, match=said):
        input_size(size_px)


def test_multiples_pass() -> None:
    assert input_sizes([32, 2048]) == [32, 2048]
    assert input_sizes(None) is None


def test_a_file_needs_its_folder(tmp_path: Path) -> None:
    assert new_file(None) is None
    assert new_file(tmp_path / "bench.json") == tmp_path / "bench.json"
    assert new_file(Path("bench.json")) == Path("bench.json")
    with pytest.raises(typer.BadParameter, match="is a folder"):
        new_file(tmp_path)
    with pytest.raises(typer.BadParameter, match="there is no folder"):
        new_file(tmp_path / "new" / "bench.json")
