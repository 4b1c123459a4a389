"""A dataset comes in: drawn or copied, in its original layout, and only in the role that its contract gives it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from components.errors import ContractError
from components.params import DatasetParams, load_params
from pipelines.ingest import ingest
from tests.pipelines.conftest import SMALL, Reached, make_job


def test_phantoms_are_drawn_in_the_original_layout(reached: Reached) -> None:
    raw = reached("ingest") / "data/01_raw/busi"
    assert (raw / "PHANTOM.txt").is_file()
    images = [path for path in raw.rglob("*.png") if "_mask" not in path.name]
    assert len(images) == SMALL["busi"]


@pytest.mark.usefixtures("plain_steps")
def test_an_imported_folder_is_copied_whole(reached: Reached, tmp_path: Path) -> None:
    whole = load_params(reached("ingest") / "params.yaml")
    source = tmp_path / "data/imports/busi"
    (source / "benign").mkdir(parents=True)
    (source / "benign/a.png").write_bytes(b"anything; it is judged later")
    (tmp_path / "data/contracts").symlink_to(reached("ingest") / "data/contracts")
    (tmp_path / "data/01_raw/busi").mkdir(parents=True)
    (tmp_path / "data/01_raw/busi/old").touch()
    imported = DatasetParams(role="internal", source="data/imports/busi")
    params = whole.model_copy(update={"datasets": {"busi": imported}})
    job, run = make_job(ingest, tmp_path, "busi", params)
    ingest.function(job)
    raw = tmp_path / "data/01_raw/busi"
    assert [path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file()] == ["benign/a.png"]
    assert not (raw / "benign/a.png").samefile(source / "benign/a.png"), "a hard link would let one change the other"
    assert run.metrics["files", 0] == 1


@pytest.mark.usefixtures("plain_steps")
@pytest.mark.parametrize("train", ["no", "unknown"])
def test_real_images_are_trained_on_only_where_the_licence_allows_it(
    train: str, reached: Reached, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shutil.copytree(reached("ingest") / "data/contracts", tmp_path / "data/contracts")
    path = tmp_path / "data/contracts/busi.yaml"
    path.write_text(path.read_text().replace("train: unknown", f'train: "{train}"'))
    source = tmp_path / "data/imports/busi"
    source.mkdir(parents=True)
    (source / "a.png").write_bytes(b"anything")
    whole = load_params(reached("ingest") / "params.yaml")

    def run(dataset: DatasetParams) -> None:
        params = whole.model_copy(update={"datasets": {"busi": dataset}})
        ingest.function(make_job(ingest, tmp_path, "busi", params)[0])

    real = DatasetParams(role="internal", source="data/imports/busi")
    if train == "no":
        with pytest.raises(ContractError, match="the licence of busi forbids to train on it"):
            run(real)
        run(whole.datasets["busi"])
        assert (tmp_path / "data/01_raw/busi/PHANTOM.txt").is_file()
    else:
        run(real)
        assert "whether one may train on busi: not known here, as what is stated doesn't agree" in caplog.text
        assert "the Kaggle page says CC0" in caplog.text


@pytest.mark.usefixtures("plain_steps")
def test_another_role_than_the_contracts_is_refused(reached: Reached) -> None:
    root = reached("ingest")
    params = load_params(root / "params.yaml")
    wrong = params.datasets["fugc"].model_copy(update={"role": "internal"})
    params = params.model_copy(update={"datasets": {**params.datasets, "fugc": wrong}})
    with pytest.raises(ContractError, match="role internal"):
        ingest.function(make_job(ingest, root, "fugc", params)[0])
