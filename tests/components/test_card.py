"""A model is named by the version of its card, wherever it is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.artefacts import ModelDescription
from components.card import CARD, read_card, version_of
from components.errors import ArtefactError


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_card(tmp_path) is None
    (tmp_path / CARD).write_text('{"version": 7, "name": "Größe"}', encoding="utf-8")
    assert read_card(tmp_path) == {"version": 7, "name": "Größe"}


@pytest.mark.parametrize("text", ["{", "[]", "7", "\udcff"])
def test_a_broken_card_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / CARD).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ArtefactError, match="isn't a model card"):
        read_card(tmp_path)


def test_the_version_is_the_cards_else_the_digests_beginning() -> None:
    described = ModelDescription(
        kind="student", name="tiny", config={}, image_size_px=64, preprocess_version=1, phantom=True, base="none",
        trained_on=(), provenance={}, weights_sha256="0123456789abcdef" * 4,
    )  # fmt: skip
    assert version_of({"version": 7}, described) == version_of({"version": "7"}, described) == "7"
    assert version_of(None, described) == version_of({}, described) == "0123456789ab"
