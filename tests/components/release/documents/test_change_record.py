"""A change is told against the model in use, with the protocol in full and the paired differences."""

from __future__ import annotations

from components.release.documents.change_record import change_record, changed
from components.release.documents.statements import NOT_PROVIDED
from tests.components.release.documents.conftest import STUDENT, MakeRun, estimate, metrics

OLD = STUDENT.model_copy(
    update={"weights_sha256": "e" * 64, "trained_on": ("busi", "ddti"), "config": {"hiera": {"embed_dim": 32}}}
)


def _said(record, number: str) -> tuple[str, str]:
    item = next(item for item in record.items if item.number == number)
    return item.says, item.status


def test_only_what_differs_is_told() -> None:
    assert changed(STUDENT, STUDENT) == []
    assert changed(OLD, STUDENT) == [
        "config.adapter.variant: – → as_drawn",
        "config.hiera.embed_dim: 32 → 16",
        "trained_on: busi, ddti → busi",
        f"weights_sha256: {'e' * 64} → {'d' * 64}",
    ]


def test_a_first_model_has_nothing_to_be_compared_with(make_run: MakeRun) -> None:
    record = change_record(make_run())
    assert _said(record, "2") == ("none", "filled")
    assert _said(record, "3")[1] == _said(record, "11")[1] == "not applicable"
    assert "## Paired differences" in record.markdown()


def test_a_change_is_told_with_its_effect(make_run: MakeRun) -> None:
    scored = metrics("busi")
    scored["models"]["champion"] = {"name": "hiera_mini", "digest": OLD.digest, "phantom": True}
    pairs = scored["datasets"]["busi"]["differences"]["box_jitter"]
    pairs["student-champion"] = {"dice": estimate(0.012), "hd95": estimate(0.0)}
    scored["datasets"]["busi"]["checks"]["box_jitter"]["student-champion"] = {
        "signed_rank_p_holm": 0.0004,
        "misses_p_holm": 1.0,
    }
    record = change_record(make_run(champion=OLD, internal=scored))
    assert "config.hiera.embed_dim: 32 → 16" in _said(record, "3")[0]
    assert (
        "Internal: with jittered box, busi: +0.012 [-0.038, +0.062]. External: not compared" in _said(record, "11")[0]
    )
    assert r"| busi | box_jitter | champion | +0.012 \[-0.038, +0.062\]" in record.markdown()
    assert r"\< 0.001" in record.markdown()


def test_a_model_in_use_that_wasnt_scored_is_a_gap_and_the_same_one_is_none(make_run: MakeRun) -> None:
    record = change_record(make_run(champion=OLD))
    assert _said(record, "11")[1] == NOT_PROVIDED
    assert "11 Against the model in use" in record.record("x", required=())["not_provided"]
    same = change_record(make_run(champion=STUDENT))
    assert _said(same, "11")[1] == "not applicable" and "that very model" in _said(same, "2")[0]


def test_when_limits_were_declared_is_told_only_where_it_is_known(make_run: MakeRun) -> None:
    run = make_run()
    assert "isn't recorded with this model" in _said(change_record(run), "5")[0]
    known = STUDENT.model_copy(update={"provenance": {**STUDENT.provenance, "judging_sha256": "a" * 64}})
    told = _said(change_record(make_run(student=known)), "5")[0]
    assert "as they stood when it was trained" in told and "check `declared`" in told


def test_the_protocol_holds_every_parameter(make_run: MakeRun) -> None:
    run = make_run()
    text = change_record(run).markdown()
    assert f"| distil.seed | {run.params.distil.seed} |" in text
    assert f"| gate.min_cases | {run.params.gate.min_cases} |" in text
    assert "submitted to nobody" in text
