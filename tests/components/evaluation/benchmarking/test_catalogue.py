"""The catalogue: every student in every runtime, what is measured unasked, and choosing by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from components.errors import ArtefactError, ParamsError
from components.evaluation.benchmarking.benchmark import chosen
from components.evaluation.benchmarking.catalogue import RUNTIMES, selected, subjects, variants
from components.params import DecoderParams, ModelParams, Params
from components.promptable.model_folder import save_segmenter
from components.students import build_student, student_adapter, student_names, student_trunk

WAYS = ("pytorch", "pytorch-folded", "onnxruntime", "onnxruntime-folded", "openvino-folded")


def keys(params: Params, *, only: tuple[str, ...] = (), skip: tuple[str, ...] = (), cuda: bool = False) -> list[str]:
    known = subjects(params)
    found = variants(known, (64, 256, 1024), cuda=cuda, runtimes=dict.fromkeys(RUNTIMES, "cpu"))
    return [each.key for each in selected(found, known, only=only, skip=skip)]


def test_every_student_runs_in_every_way(params: Params) -> None:
    found = keys(params)
    for name in student_names():
        assert {f"{name}/{way}/1024" for way in WAYS} <= set(found)
        assert f"{name}/openvino/1024" not in found
        assert f"{name}/openvino/1024" in keys(params, only=("openvino/",))


def test_a_decoder_of_its_own_is_measured_beside_sam2s(params: Params) -> None:
    decoder = DecoderParams(width=64, heads=4, mlp=128, layers=2)
    changed = params.model_copy(
        update={"student": params.student.model_copy(update={"name": "rep_mini", "decoder": decoder})}
    )
    assert "rep_mini_w64/onnxruntime-folded/64" in keys(changed, only=("rep_mini",))
    built = {name: subjects(changed)[name].build(64) for name in ("rep_mini", "rep_mini_w64")}
    image = torch.zeros(1, 3, 64, 64)
    assert [model.encode(image).s16.shape[1] for model in built.values()] == [256, 64]
    same = params.model_copy(update={"student": params.student.model_copy(update={"decoder": DecoderParams()})})
    assert not [key for key in keys(same) if "_w" in key]


def test_peers_are_measured_at_their_own_sizes(params: Params) -> None:
    found = keys(params)
    assert [each for each in found if each.startswith(("litemedsam", "mobilesam", "sam2.1_large"))] == [
        "litemedsam/pytorch/256",
        "litemedsam/onnxruntime/256",
        "sam2.1_large/pytorch/1024",
        "mobilesam/pytorch/1024",
        "mobilesam/onnxruntime/1024",
    ]
    assert "teacher_micro/pytorch/64" not in found
    assert "teacher_micro/pytorch/64" in keys(params, only=("teacher_micro",))


def test_a_gpu_adds_two_ways_of_each(params: Params) -> None:
    found = keys(params, only=("sam2.1_large",), cuda=True)
    assert [each for each in found if each.endswith("/1024")] == [
        "sam2.1_large/pytorch/1024",
        "sam2.1_large/pytorch/cuda-float32/1024",
        "sam2.1_large/pytorch/cuda-bfloat16/1024",
    ]
    assert "rep_mini/pytorch-folded/cuda-bfloat16/1024" in keys(params, cuda=True)


def test_the_reference_comes_with_what_is_chosen(params: Params) -> None:
    found = [each.key for each in chosen(params, (), (64,), only=("rep_mini/pytorch/",))]
    assert found == ["hiera_mini/pytorch/64", "rep_mini/pytorch/64"]
    alone = chosen(params, (), (64,), only=("rep_mini/pytorch/",), skip=("hiera_mini/",))
    assert [each.key for each in alone] == ["rep_mini/pytorch/64"]


def test_a_name_that_there_is_not_is_refused(params: Params) -> None:
    with pytest.raises(ParamsError, match="'rep_maxi' is in the name of nothing"):
        keys(params, only=("rep_maxi",))
    with pytest.raises(ParamsError, match="leaves nothing"):
        keys(params, only=("rep_mini/",), skip=("rep_mini/",))


def test_a_folder_that_holds_no_model_is_refused(params: Params, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError):
        subjects(params, (tmp_path,))


def test_a_trained_student_is_measured_at_its_own_size(params: Params, tmp_path: Path) -> None:
    student = params.student.model_copy(update={"name": "hiera_mini"})
    model = ModelParams(image_size_px=64, draws_prompts=True)
    segmenter = build_student(student, model=model, seed=1)
    described = save_segmenter(
        tmp_path / "student",
        segmenter,
        kind="student",
        name=student.name,
        trunk=student_trunk(student),
        adapter=student_adapter(student),
        phantom=True,
        base="scratch",
        trained_on=("busi",),
        provenance={},
    )
    name = f"hiera_mini@{described.digest[:8]}"
    found = [each.key for each in chosen(params, (tmp_path / "student",), (1024,), only=("hiera_mini@",))]
    assert found[0] == "hiera_mini/pytorch/64"
    assert set(found[1:]) >= {f"{name}/pytorch/64", f"{name}/onnxruntime-folded/64"}
    built = subjects(params, (tmp_path / "student",))[name].build(64)
    assert torch.equal(built.no_memory, segmenter.no_memory)  # type: ignore[attr-defined]
