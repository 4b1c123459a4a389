"""Promotion and refusal: what moves, what is written, and what a crash leaves."""

from __future__ import annotations

import json

import pytest

from components.artefacts import sha256_of
from components.errors import ReleaseError
from components.release.approval import approve
from components.release.documents.model_card import build_card
from components.release.promote import promote
from components.release.records.in_use import champion_folder, rollback
from components.release.records.ledger import LEDGER, read_ledger, released_folder
from components.release.records.promotion import actor
from components.release.records.released import card_digest, checked_description


def test_a_pass_is_released_registered_and_entered(tmp_path, make_model, digest_of, judged, registry) -> None:
    model = make_model(1)
    done = promote(tmp_path, model=model, **judged(model), who="anna", registry=registry)
    digest = digest_of(model)
    assert (done.action, done.version, done.source, done.target) == ("promoted", 1, None, digest)
    assert done.folder == f"models/released/{digest[:12]}"
    folder = champion_folder(tmp_path)
    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == [
        "card.json",
        "card.md",
        "files.json",
        "gate.json",
        "model.json",
        "weights.safetensors",
    ]
    card = json.loads((folder / "card.json").read_text())
    assert (card["version"], card["digest"], card["verdict"]) == ("1", digest, "PASS")
    assert registry.aliases == {"candidate": 1, "champion": 1}
    entry = read_ledger(tmp_path / LEDGER).entries[-1]
    assert (entry.who, entry.action, entry.digest) == ("anna", "promote", done.ledger)
    assert (entry.gate_sha256, entry.card_sha256) == (sha256_of(folder / "gate.json"), card_digest(folder))
    assert json.dumps(done.as_json(), allow_nan=False)


@pytest.mark.parametrize("verdict", ["FAIL", "INSUFFICIENT"])
def test_a_refusal_is_recorded_and_moves_nothing(tmp_path, make_model, digest_of, judged, registry, verdict) -> None:
    first, second = make_model(1), make_model(2)
    promote(tmp_path, model=first, **judged(first), registry=registry)
    done = promote(tmp_path, model=second, **judged(second, verdict), registry=registry)
    assert (done.action, done.verdict, done.target) == ("refused", verdict, digest_of(first))
    assert done.reasons == ("busi: worse than the ellipse",)
    assert registry.aliases == {"candidate": 2, "champion": 1}
    assert [version.digest for version in registry.versions] == [digest_of(first), digest_of(second)]
    assert done.version == 2, "a refused candidate is registered like a promoted one"
    assert not released_folder(tmp_path, digest_of(second)).exists()
    entry = read_ledger(tmp_path / LEDGER).entries[-1]
    assert (entry.action, entry.candidate) == ("refuse", digest_of(second))
    assert verdict in entry.reason
    promote(tmp_path, model=second, **judged(second, verdict), registry=registry)
    assert len(read_ledger(tmp_path / LEDGER).entries) == 2
    assert set(done.as_json()) == set(promote(tmp_path, model=first, **judged(first), registry=registry).as_json())


def test_promoting_twice_is_promoting_once(tmp_path, make_model, digest_of, judged, registry) -> None:
    model = make_model(1)
    promote(tmp_path, model=model, **judged(model), registry=registry)
    again = promote(tmp_path, model=model, **judged(model), registry=registry)
    assert again.action == "already champion"
    assert len(read_ledger(tmp_path / LEDGER).entries) == 1


def test_what_a_rollback_put_away_comes_back_by_hand_only(tmp_path, make_model, digest_of, judged, registry) -> None:
    first, second, third = make_model(1), make_model(2), make_model(3)
    for model in (first, second):
        promote(tmp_path, model=model, **judged(model), registry=registry)
    rollback(tmp_path, reason="worse at the bedside", who="anna", registry=registry)
    promote(tmp_path, model=third, **judged(third), registry=registry)
    again = promote(tmp_path, model=second, **judged(second), registry=registry)
    assert (again.action, again.target) == ("refused", digest_of(third))
    assert "anna took this model out of use" in again.reasons[0] and "worse at the bedside" in again.reasons[0]
    entry = read_ledger(tmp_path / LEDGER).entries[-1]
    assert (entry.action, entry.candidate) == ("refuse", digest_of(second)) and "at the bedside" in entry.reason
    assert promote(tmp_path, model=first, **judged(first), registry=registry).action == "promoted", "it gave way only"
    done = promote(tmp_path, model=second, **judged(second), registry=registry, by_hand=True)
    assert (done.action, done.target) == ("promoted", digest_of(second))
    promote(tmp_path, model=third, **judged(third), registry=registry)
    assert promote(tmp_path, model=second, **judged(second), registry=registry).action == "promoted", "put away before"


def test_an_approval_from_before_a_rollback_counts_no_more(tmp_path, make_model, judged, gate_params, registry) -> None:
    first, second = make_model(1), make_model(2)
    promote(tmp_path, model=first, **judged(first), registry=registry)
    given = judged(second) | {"params": gate_params.model_copy(update={"require_approval": True}), "by_hand": True}
    approve(tmp_path, given["gate"], reason="seen with care", who="berta")
    assert promote(tmp_path, model=second, **given, registry=registry).action == "promoted"
    rollback(tmp_path, reason="worse at the bedside", registry=registry)
    refused = promote(tmp_path, model=second, **given, registry=registry)
    assert refused.action == "refused" and "by berta" in refused.reasons[0] and "a rollback" in refused.reasons[0]
    approve(tmp_path, given["gate"], reason="seen again", who="clara")
    assert promote(tmp_path, model=second, **given, registry=registry).action == "promoted"
    assert read_ledger(tmp_path / LEDGER).entries[-1].reason == "the gate says PASS, clara approved it"


def test_a_crash_before_the_alias_is_mended_by_the_next_call(tmp_path, make_model, digest_of, judged, registry) -> None:
    model = make_model(1)
    registry.fail_on_alias = True
    with pytest.raises(OSError, match="away"):
        promote(tmp_path, model=model, **judged(model), registry=registry)
    registry.fail_on_alias = False
    again = promote(tmp_path, model=model, **judged(model), registry=registry)
    assert again.action == "already champion"
    assert registry.aliases == {"candidate": 1, "champion": 1}


def test_a_verdict_on_other_weights_is_refused(tmp_path, make_model, digest_of, judged, gate_params, registry) -> None:
    first, second = make_model(1), make_model(2)
    with pytest.raises(ReleaseError, match="judges the weights"):
        promote(tmp_path, model=second, **judged(first), registry=registry)
    with pytest.raises(ReleaseError, match="no verdict"):
        promote(tmp_path, model=second, gate=tmp_path / "none.json", params=gate_params, registry=registry)
    assert not (tmp_path / LEDGER).exists()


def test_results_of_other_weights_are_refused(tmp_path, make_model, digest_of, judged, registry) -> None:
    first, second = make_model(1), make_model(2)
    theirs = {"model": {"name": "hiera_mini", "digest": digest_of(second)}, "datasets": {}}
    ours = {"model": {"name": "hiera_mini", "digest": digest_of(first)}, "datasets": {}}
    for results in ({"internal": theirs, "external": ours}, {"internal": ours, "external": theirs}):
        with pytest.raises(ReleaseError, match="validation scored the weights"):
            promote(tmp_path, model=first, **judged(first), registry=registry, **results)
    nobodys = {"datasets": {"busi": {"prompts": {}}}}
    for results in ({"internal": nobodys, "external": ours}, {"internal": ours, "external": nobodys}):
        with pytest.raises(ReleaseError, match="validation doesn't say whose masks it scored"):
            promote(tmp_path, model=first, **judged(first), registry=registry, **results)
    assert not (tmp_path / LEDGER).exists() and registry.versions == []
    done = promote(tmp_path, model=first, **judged(first), registry=registry, internal=ours, external=ours)
    assert done.action == "promoted"


def test_a_released_model_can_be_promoted_again(tmp_path, make_model, digest_of, judged, gate_params, registry) -> None:
    first, second = make_model(1), make_model(2)
    for model in (first, second):
        promote(tmp_path, model=model, **judged(model), registry=registry)
    released = released_folder(tmp_path, digest_of(first))
    card = (released / "card.json").read_bytes()
    promote(tmp_path, model=released, gate=released / "gate.json", params=gate_params, registry=registry)
    assert registry.aliases == {"candidate": 1, "champion": 1, "previous": 2}
    assert (released / "card.json").read_bytes() == card


def test_who_acts_can_be_named(monkeypatch) -> None:
    monkeypatch.setenv("SONOFORGE_ACTOR", "ci")
    assert actor() == "ci"
    monkeypatch.delenv("SONOFORGE_ACTOR")
    assert actor()


@pytest.mark.parametrize("results", [{"model": None, "datasets": {}}, {"datasets": 3}, {"datasets": {"busi": {}}}, {}])
def test_results_that_are_none_are_refused(tmp_path, make_model, judged, registry, results) -> None:
    model = make_model(1)
    with pytest.raises(ReleaseError, match="external") as caught:
        promote(tmp_path, model=model, **judged(model), registry=registry, external=results)
    assert "dvc repro" in caught.value.remedy
    assert not (tmp_path / LEDGER).exists() and registry.versions == []


def test_the_ledger_names_the_package_and_its_calibration(
    tmp_path, make_model, write_calibration, judged, registry
) -> None:
    model = make_model(1)
    write_calibration(model)
    done = promote(tmp_path, model=model, **judged(model), registry=registry)
    entry = read_ledger(tmp_path / LEDGER).entries[-1]
    folder = tmp_path / str(done.folder)
    assert entry.package_sha256 == done.package == sha256_of(folder / "files.json")
    assert entry.calibration_sha256 == sha256_of(folder / "calibration.json")
    refused = promote(tmp_path, model=model, **judged(model, "FAIL"), registry=registry)
    assert read_ledger(tmp_path / LEDGER).entries[-1].package_sha256 == refused.package == done.package


def test_another_calibration_of_the_model_in_use_is_a_promotion_of_its_own(
    tmp_path, make_model, write_calibration, digest_of, judged, registry
) -> None:
    first, second = make_model(1), make_model(2)
    for model in (first, second):
        promote(tmp_path, model=model, **judged(model), registry=registry)
    write_calibration(second)
    done = promote(tmp_path, model=second, **judged(second), registry=registry)
    assert (done.action, done.target) == ("promoted", digest_of(second))
    ledger = read_ledger(tmp_path / LEDGER)
    assert (ledger.champion, ledger.previous) == (digest_of(second), digest_of(first))
    assert "other files beside its weights" in ledger.entries[-1].reason
    assert checked_description(released_folder(tmp_path, digest_of(second)))
    assert rollback(tmp_path, reason="x", registry=registry).target == digest_of(first)


def test_the_bento_is_packed_before_anything_moves(tmp_path, make_model, digest_of, judged, registry) -> None:
    first, second = make_model(1), make_model(2)
    done = promote(tmp_path, model=first, **judged(first), registry=registry, pack=lambda folder: "sonoforge:1")
    assert done.bento == "sonoforge:1"

    def fails(folder):
        assert {"card.json", "gate.json", "files.json", "weights.safetensors"} <= {p.name for p in folder.iterdir()}
        raise ReleaseError("the Bento isn't the one that was judged", expected="that one", remedy="judge again")

    with pytest.raises(ReleaseError, match="isn't the one that was judged"):
        promote(tmp_path, model=second, **judged(second), registry=registry, pack=fails)
    assert read_ledger(tmp_path / LEDGER).champion == digest_of(first)
    assert registry.aliases == {"candidate": 1, "champion": 1}
    assert not released_folder(tmp_path, digest_of(second)).exists()


def test_a_verdict_is_read_once_and_kept_as_it_was_read(tmp_path, make_model, judged, registry, monkeypatch) -> None:
    model = make_model(1)
    given = judged(model)
    read = given["gate"].read_bytes()

    def swap_later(*args, **others):
        given["gate"].write_text("{}")
        return build_card(*args, **others)

    monkeypatch.setattr("components.release.promote.build_card", swap_later)
    done = promote(tmp_path, model=model, **given, registry=registry)
    kept = tmp_path / str(done.folder) / "gate.json"
    assert kept.read_bytes() == read
    assert read_ledger(tmp_path / LEDGER).entries[-1].gate_sha256 == sha256_of(kept)


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_file_that_changes_while_it_is_copied_is_never_released(
    tmp_path, make_model, judged, registry, monkeypatch, name: str
) -> None:
    model = make_model(1)
    given = judged(model)

    def swap(*args, **others):
        (model / name).write_bytes((model / name).read_bytes() + b" ")
        return build_card(*args, **others)

    monkeypatch.setattr("components.release.promote.build_card", swap)
    with pytest.raises(ReleaseError, match=name):
        promote(tmp_path, model=model, **given, registry=registry)
    assert champion_folder(tmp_path) is None


def test_what_nobody_approved_is_refused_where_that_is_asked_for(
    tmp_path, make_model, judged, gate_params, registry
) -> None:
    model = make_model(1)
    given = judged(model) | {"params": gate_params.model_copy(update={"require_approval": True})}
    done = promote(tmp_path, model=model, **given, registry=registry)
    assert done.action == "refused" and "no person has approved" in done.reasons[0]
    approve(tmp_path, given["gate"], reason="seen with care", who="berta")
    assert promote(tmp_path, model=model, **given, registry=registry).action == "promoted"
    assert read_ledger(tmp_path / LEDGER).entries[-1].reason == "the gate says PASS, berta approved it"


def test_a_verdict_beside_another_model_in_use_is_refused(tmp_path, make_model, digest_of, judged, registry) -> None:
    first, second = make_model(1), make_model(2)
    late = judged(second)
    promote(tmp_path, model=first, **judged(first), registry=registry)
    with pytest.raises(ReleaseError, match="the verdict was given beside no model"):
        promote(tmp_path, model=second, **late, registry=registry)
    assert read_ledger(tmp_path / LEDGER).champion == digest_of(first)
