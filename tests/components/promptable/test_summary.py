"""The parameter counts, pinned: a claim that anyone can check (UniUltra, arXiv 2511.15771; SAM2.1 as published)."""

from __future__ import annotations

import pytest

from components.params import load_params
from components.promptable.adapter import AdapterConfig
from components.promptable.decoder import DecoderConfig
from components.promptable.summary import ParameterRow, parameter_row
from components.students import student_trunk
from components.teacher.hiera import HIERAS
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def large() -> ParameterRow:
    return parameter_row("large", HIERAS["large"], AdapterConfig(), image_size_px=1024)


@pytest.fixture(scope="module")
def mini() -> ParameterRow:
    student = load_params(ROOT / "params.yaml").student.model_copy(update={"name": "hiera_mini"})
    return parameter_row("hiera_mini", student_trunk(student), AdapterConfig(), image_size_px=1024)


def test_sam2_large_is_as_published(large: ParameterRow) -> None:
    assert large.sam2 == 224_446_642
    assert large.trunk == 212_149_296
    assert large.neck == 553_984
    assert large.mask_decoder == 4_215_109
    assert large.prompt_encoder == 6_220


def test_adapters_of_large(large: ParameterRow) -> None:
    # Two linear layers 8.930 M, 1x1 convolutions 0.137 M, the edge stem's 3x3 convolution 5,188.
    assert large.adapters == 8_929_944 + 136_800 + 5_188
    assert large.released_sobel == 48 * 576
    assert large.adapters + large.released_sobel == 9_099_580


def test_the_papers_891_percent(large: ParameterRow) -> None:
    # The paper's share counts the memory, which no still image reaches, and leaves out the neck.
    as_published = (large.trainable - large.neck + large.memory) / (large.total + large.released_sobel)
    assert as_published == pytest.approx(0.0891, abs=5e-5)
    # What really trains: adapters, neck and decoder.
    assert large.trainable / large.total == pytest.approx(0.0593, abs=5e-5)


def test_mini_has_086_million_in_its_encoder(mini: ParameterRow) -> None:
    assert mini.encoder == 857_608
    assert mini.adapters == 37_352
    assert mini.adapters + mini.released_sobel == 44_264
    assert mini.encoder + mini.released_sobel == 864_520
    assert mini.image_path == 5_079_193


@pytest.mark.parametrize(
    ("name", "trunk", "adapters"), [("hiera_mini_fast", 757_792, 37_352), ("rep_mini", 493_344, 51_888)]
)
def test_the_other_students_are_no_bigger(name: str, trunk: int, adapters: int, mini: ParameterRow) -> None:
    student = load_params(ROOT / "params.yaml").student.model_copy(update={"name": name})
    row = parameter_row(name, student_trunk(student), AdapterConfig(), image_size_px=1024)
    assert (row.trunk, row.adapters, row.neck) == (trunk, adapters, mini.neck)
    assert row.encoder <= mini.encoder


def test_a_narrow_decoder_changes_nothing_of_the_encoder(mini: ParameterRow) -> None:
    student = load_params(ROOT / "params.yaml").student
    decoder = DecoderConfig(width=128, heads=4, mlp=1024, layers=2)
    trunk = student_trunk(student.model_copy(update={"name": "hiera_mini"}))
    row = parameter_row("hiera_mini", trunk, AdapterConfig(), image_size_px=1024, decoder=decoder)
    assert (row.encoder, row.memory) == (mini.encoder, mini.memory)
    assert row.image_path == row.encoder + row.prompt_encoder + row.mask_decoder + 256
    assert row.mask_decoder == 1_098_021


def test_the_papers_9408_percent_compares_a_total_with_an_encoder(large: ParameterRow, mini: ParameterRow) -> None:
    assert 1 - mini.total / (large.trunk + large.neck) == pytest.approx(0.9408, abs=5e-5)
    assert 1 - mini.total / large.sam2 == pytest.approx(0.9439, abs=5e-5)
    assert 1 - mini.encoder / (large.trunk + large.neck) == pytest.approx(0.9960, abs=5e-5)


@pytest.mark.parametrize(("name", "sam2"), [("tiny", 38_962_498), ("small", 46_060_354), ("base_plus", 80_850_178)])
def test_the_other_sizes_are_as_published(name: str, sam2: int) -> None:
    row = parameter_row(name, HIERAS[name], AdapterConfig(), image_size_px=1024)
    assert row.sam2 == sam2
    assert row.image_path == row.trunk + row.neck + row.adapters + row.prompt_encoder + row.mask_decoder + 256
