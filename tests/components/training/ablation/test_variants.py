"""The variants: each differs from its reference in what it names, and in nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from components.errors import ParamsError
from components.params import DecoderParams, Params, load_params
from components.training.ablation.variants import REFERENCES, all_variants, chosen_variants


@pytest.fixture(scope="module")
def params(root: Path) -> Params:
    return load_params(root / "params.yaml")


def flat(value: Any, under: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {under: value}
    return {key: one for name, part in value.items() for key, one in flat(part, f"{under}.{name}".strip(".")).items()}


def test_a_variant_is_its_reference_but_for_its_settings(params: Params) -> None:
    by_name = {one.name: one for one in all_variants(params)}
    for one in by_name.values():
        reference = flat(by_name[REFERENCES[one.kind]].applied(params).model_dump(mode="json"))
        own = flat(one.applied(params).model_dump(mode="json"))
        changed = {key: value for key, value in own.items() if value != reference[key]}
        assert set(changed) <= set(one.settings), one.name
        assert one.is_reference or changed, f"{one.name} changes nothing"
        assert all(own[key] == value for key, value in one.settings.items())


def test_references_have_the_adapter_as_drawn_whatever_the_run_has(params: Params) -> None:
    adapter = params.student.adapter.model_copy(update={"edge": False})
    other = params.model_copy(update={"student": params.student.model_copy(update={"adapter": adapter})})
    student = next(one for one in all_variants(other) if one.name == "student")
    assert student.applied(other).student.adapter.edge


def test_without_adapters_no_adapter_term_is_asked_for(params: Params) -> None:
    off = next(one for one in all_variants(params) if one.name == "student_adapter_off").applied(params)
    assert off.student.adapter.variant == "none"
    assert off.distil.terms.adapter == 0 and off.distil.terms.block > 0


def test_a_student_of_convolutions_has_no_variants_that_it_cannot_be(params: Params) -> None:
    rep, hiera = (
        {one.name for one in all_variants(params.model_copy(update={"student": student}))}
        for student in (params.student.model_copy(update={"name": name}) for name in ("rep_mini", "hiera_mini"))
    )
    assert "student_adapter_off" in rep and "student_as_released" in hiera
    assert not rep & {"student_as_released", "student_context_only", "student_edge_only"}


def test_a_decoder_of_its_own_is_never_the_teachers(params: Params) -> None:
    student = params.student.model_copy(update={"decoder": DecoderParams(width=128, heads=4, mlp=1024, layers=2)})
    distil = params.distil.model_copy(update={"logits_weight": 1.0})
    names = {one.name for one in all_variants(params.model_copy(update={"student": student, "distil": distil}))}
    assert "student_no_logits" in names and "student_alone" in names
    assert not names & {"student_features_only", "student_teacher_decoder"}
    masked = distil.model_copy(update={"mask_weight": 0.0})
    without = {one.name for one in all_variants(params.model_copy(update={"student": student, "distil": masked}))}
    assert "student_no_logits" not in without, "nothing would train the decoder"


def test_a_student_without_features_learns_from_masks_also_where_the_run_has_none(params: Params) -> None:
    plain = params.model_copy(update={"distil": params.distil.model_copy(update={"mask_weight": 0.0})})
    alone = next(one for one in all_variants(plain) if one.name == "student_alone")
    assert alone.applied(plain).distil.mask_weight > 0
    assert not alone.takes_over


def test_references_come_along_and_first(params: Params) -> None:
    assert [one.name for one in chosen_variants(params, ["teacher_edge_only"])] == [
        "teacher_as_drawn",
        "teacher_edge_only",
    ]
    assert [one.name for one in chosen_variants(params, ["student_alone"])] == [
        "teacher_as_drawn",
        "student",
        "student_alone",
    ]
    assert chosen_variants(params, []) == all_variants(params)


def test_an_unknown_name_is_refused(params: Params) -> None:
    with pytest.raises(ParamsError, match="student_blone"):
        chosen_variants(params, ["student", "student_blone"])
