"""A raw dataset becomes one form, under its role."""

from __future__ import annotations

from components.intake.form.records import load_image, load_instances, read_manifest
from pipelines.harmonise import harmonise
from tests.pipelines.conftest import SMALL, Reached, make_job


def test_each_dataset_lies_under_its_role(reached: Reached) -> None:
    folder = reached("harmonise") / "data/02_harmonised"
    assert [path.name for path in (folder / "internal").iterdir() if not path.name.startswith(".")] == ["busi"]
    assert [path.name for path in (folder / "external").iterdir() if not path.name.startswith(".")] == ["fugc"]


def test_records_lead_to_pixels_and_say_that_they_are_phantoms(reached: Reached) -> None:
    records = read_manifest(reached("harmonise") / "data/02_harmonised/internal/busi")
    assert len(records) == SMALL["busi"] and all(record.phantom for record in records)
    record = next(record for record in records if record.objects)
    assert load_image(record).shape == (record.height_px, record.width_px, 3)
    assert set(load_instances(record).flat) == {0, *(one.index for one in record.objects)}


def test_the_same_input_gives_the_same_bytes(reached: Reached, plain_steps: None) -> None:
    root = reached("harmonise")
    folder = root / "data/02_harmonised/external/fugc"
    before = {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    harmonise.function(make_job(harmonise, root, "fugc")[0])
    assert {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
