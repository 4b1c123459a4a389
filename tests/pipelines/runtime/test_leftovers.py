"""Leftovers of killed runs go; results, journals of work under way and other names stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.runtime.leftovers import goes_on, sweep

DVC_YAML = """
stages:
  harmonise:
    foreach: ${datasets}
    do:
      outs:
        - data/${item.role}/${key}
  gate:
    metrics:
      - reports/gate.json: {cache: false}
"""


def test_only_what_the_stage_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(DVC_YAML, encoding="utf-8")
    folder = tmp_path / "data/internal"
    gone = [folder / ".busi.0123abcd.tmp", folder / ".busi.0123abcd.old.tmp"]
    kept = [
        folder / "busi",
        folder / ".busi.partial.tmp",
        folder / ".busi_listed.0123abcd.tmp",
        folder / ".ddti.0123abcd.tmp",
    ]
    for place in gone + kept:
        (place / "deep").mkdir(parents=True)
    sweep(tmp_path, "harmonise", values={"key": "busi", "item.role": "internal"})
    assert not any(place.exists() for place in gone)
    assert all(place.exists() for place in kept)


def test_files_are_swept_too_and_a_missing_folder_is_none_of_its_business(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(DVC_YAML, encoding="utf-8")
    sweep(tmp_path, "gate", values={})
    (tmp_path / "reports").mkdir()
    torn = tmp_path / "reports/.gate.json.89abcdef.tmp"
    torn.touch()
    sweep(tmp_path, "gate", values={})
    assert not torn.exists()


@pytest.mark.parametrize(
    ("left", "there"),
    [
        (".cache/stages/gate/ranks.json", False),
        (".cache/stages/gate/teacher_outputs/0123/ab/abcd.safetensors", False),
        (".cache/stages/gate.lock", False),
        (".cache/stages/gate/checkpoint.pt", True),
        (".cache/stages/gate/21/checkpoint.pt", True),
    ],
)
def test_a_training_goes_on_only_from_what_it_kept(tmp_path: Path, left: str, there: bool) -> None:
    (tmp_path / "dvc.yaml").write_text(DVC_YAML, encoding="utf-8")
    (tmp_path / left).parent.mkdir(parents=True)
    (tmp_path / left).touch()
    assert goes_on(tmp_path, "gate", dataset="") is there


def test_a_dataset_goes_on_with_its_own_images(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(DVC_YAML, encoding="utf-8")
    (tmp_path / "data/internal/.busi.partial.tmp").mkdir(parents=True)
    assert goes_on(tmp_path, "harmonise", dataset="busi")
    assert not goes_on(tmp_path, "harmonise", dataset="ddti")
