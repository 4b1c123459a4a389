"""Which model is in use, and the way back."""

from __future__ import annotations

import pytest

from components.errors import ReleaseError
from components.release.promote import promote
from components.release.records.in_use import accept_ledger, champion_folder, models_table, rollback
from components.release.records.ledger import LEDGER, read_ledger, released_folder
from components.release.records.released import checked_description


def test_a_rollback_swaps_and_swaps_back(tmp_path, make_model, digest_of, judged, registry) -> None:
    first, second = make_model(1), make_model(2)
    for model in (first, second):
        promote(tmp_path, model=model, **judged(model), registry=registry)
    assert registry.aliases == {"candidate": 2, "champion": 2, "previous": 1}
    done = rollback(tmp_path, reason="worse at the bedside", who="anna", registry=registry)
    assert (done.action, done.source, done.target) == ("rolled back", digest_of(second), digest_of(first))
    assert registry.aliases == {"candidate": 2, "champion": 1, "previous": 2}
    assert champion_folder(tmp_path) == released_folder(tmp_path, digest_of(first))
    rollback(tmp_path, reason="better after all", registry=registry)
    assert registry.aliases == {"candidate": 2, "champion": 2, "previous": 1}


def test_there_must_be_something_to_go_back_to(tmp_path, make_model, digest_of, judged, registry) -> None:
    with pytest.raises(ReleaseError, match="no former model"):
        rollback(tmp_path, reason="x", registry=registry)
    model = make_model(1)
    promote(tmp_path, model=model, **judged(model), registry=registry)
    with pytest.raises(ReleaseError, match="no former model"):
        rollback(tmp_path, reason="x", registry=registry)


def test_a_ledger_that_was_cut_stops_everything_until_a_person_accepts_it(
    tmp_path, make_model, digest_of, judged, registry
) -> None:
    first, second = make_model(1), make_model(2)
    for model in (first, second):
        promote(tmp_path, model=model, **judged(model), registry=registry)
    ledger = tmp_path / LEDGER
    given = judged(second)
    ledger.write_bytes(ledger.read_bytes().splitlines(keepends=True)[0])
    for act in (
        lambda: champion_folder(tmp_path),
        lambda: models_table(tmp_path),
        lambda: rollback(tmp_path, reason="x", registry=registry),
        lambda: promote(tmp_path, model=second, **given, registry=registry),
    ):
        with pytest.raises(ReleaseError, match="ended with entry 2"):
            act()
    with pytest.raises(ReleaseError, match="without a reason"):
        accept_ledger(tmp_path, reason=" ")
    entry = accept_ledger(tmp_path, reason="the disk was restored", who="anna")
    assert (entry.action, entry.who, entry.target) == ("accept", "anna", digest_of(first))
    assert champion_folder(tmp_path) == released_folder(tmp_path, digest_of(first))
    assert promote(tmp_path, model=second, **judged(second), registry=registry).action == "promoted"


def test_the_table_of_models(tmp_path, make_model, digest_of, judged, registry) -> None:
    assert models_table(tmp_path) == []
    first, second = make_model(1), make_model(2)
    for model in (first, second):
        promote(tmp_path, model=model, **judged(model), registry=registry)
    rows = models_table(tmp_path)
    assert [(row["digest"], row["alias"], row["version"]) for row in rows] == [
        (digest_of(first), "previous", "1"),
        (digest_of(second), "champion", "2"),
    ]


def test_altered_weights_are_refused(tmp_path, make_model, digest_of, judged, registry) -> None:
    first, second = make_model(1), make_model(2)
    for model in (first, second):
        promote(tmp_path, model=model, **judged(model), registry=registry)
    weights = released_folder(tmp_path, digest_of(first)) / "weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b"\0")
    with pytest.raises(ReleaseError, match=r"weights\.safetensors was changed"):
        rollback(tmp_path, reason="x", registry=registry)
    assert read_ledger(tmp_path / LEDGER).champion == digest_of(second)
    assert registry.aliases == {"candidate": 2, "champion": 2, "previous": 1}
    weights.unlink()
    with pytest.raises(ReleaseError, match=r"weights\.safetensors is missing"):
        checked_description(weights.parent)
