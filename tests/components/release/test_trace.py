"""From any identifier to data, code and parameters, and back."""

from __future__ import annotations

import hashlib
import json

import pandas as pd
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from components import tracking
from components.artefacts import write_json
from components.audit.entries import Export, Exported
from components.audit.log import AuditLog
from components.errors import ReleaseError
from components.release.promote import promote
from components.release.records.promotion import REGISTRY_NAME
from components.release.trace import known_models, trace
from tests.components.audit.predictions import predicted, sha


@pytest.fixture
def project(tmp_path, make_model, judged, registry, cases_of, digest_of):
    """A project with a promoted model, another one beside it, and scored cases."""
    first, second = make_model(1), make_model(2, git_sha="fedcba" + "0" * 34)
    promote(tmp_path, model=first, **judged(first), registry=registry)
    promote(tmp_path, model=second, **judged(second, "FAIL"), registry=registry)
    cases = cases_of(n=2)
    cases.loc[cases["model"] == "student", "model_digest"] = digest_of(first)
    (tmp_path / "reports" / "internal").mkdir(parents=True)
    cases.to_parquet(tmp_path / "reports" / "internal" / "cases.parquet")
    return tmp_path, digest_of(first), digest_of(second)


def test_a_mask_leads_to_data_code_and_parameters(project) -> None:
    root, first, _ = project
    found = trace(root, "busi/1/1")
    assert found["kind"] == "mask"
    assert found["about"]["masks"][0]["prompt"] == "box_jitter"
    (model,) = [model for model in found["models"] if model["digest"] == first]
    assert model["provenance"]["git_sha"].startswith("0123456789abcdef")
    assert model["provenance"]["data"] == {"data/03_splits/internal.csv": "md5:1"}
    assert [entry["action"] for entry in model["ledger"]] == ["promote", "refuse"]
    assert f"models/released/{first[:12]}" in model["folders"]


def test_an_alias_and_a_prefix_lead_to_the_same_model(project) -> None:
    root, first, second = project
    assert trace(root, "champion")["models"] == trace(root, first[:8])["models"]
    refused = trace(root, second[:8])["models"][0]
    assert [entry["action"] for entry in refused["ledger"]] == ["refuse"]


def test_a_commit_leads_to_the_models_made_from_it(project) -> None:
    root, first, second = project
    assert [model["digest"] for model in trace(root, "fedcba")["models"]] == [second]
    both = trace(root, "0123456")
    assert [model["digest"] for model in both["models"]] == [first]
    assert both["about"]["matches"] == {first: ["git_sha"]}


def test_parameters_data_a_pass_and_a_package_lead_to_their_models_and_those_to_their_masks(
    tmp_path, make_model, judged, registry, cases_of, digest_of
) -> None:
    data = {"data/03_splits/internal.csv": "md5:" + "d" * 32}
    model = make_model(1, params_sha256="a1" * 32, lock_sha256="b2" * 32, data=data, pass_id="c3" * 8)
    make_model(2)
    done = promote(tmp_path, model=model, **judged(model), registry=registry)
    cases = cases_of(n=2)
    cases.loc[cases["model"] == "student", "model_digest"] = digest_of(model)
    scored = {"reports/internal/cases.parquet": int((cases["model"] == "student").sum())}
    assert 0 < scored["reports/internal/cases.parquet"] < len(cases)
    (tmp_path / "reports/internal").mkdir(parents=True)
    cases.to_parquet(tmp_path / "reports/internal/cases.parquet")
    kinds = {
        "a1a1a1": "source",
        "b2b2b2": "source",
        "dddddd": "source",
        "c3c3c3": "source",
        str(done.package): "package",
    }
    for identifier, kind in kinds.items():
        found = trace(tmp_path, identifier)
        assert (found["kind"], [one["digest"] for one in found["models"]]) == (kind, [digest_of(model)]), identifier
        assert found["models"][0]["scored"] == scored
    assert trace(tmp_path, "dddddd")["about"]["matches"] == {digest_of(model): list(data)}


@pytest.mark.parametrize("identifier", ["previous", "abcde", "zz", "busi/none/9", "7", "f" * 32, "sonoforge:none"])
def test_what_isnt_there_is_said(project, identifier) -> None:
    with pytest.raises(ReleaseError, match="nothing here is called"):
        trace(project[0], identifier)


def test_a_version_and_a_run_lead_to_their_model(tmp_path, make_model, judged, monkeypatch, digest_of) -> None:
    model = make_model(1)
    (tmp_path / ".mlflow").mkdir()
    known = tracking.RegisteredVersion(REGISTRY_NAME, 3, digest_of(model), "models/student_1", "a" * 32, {})
    monkeypatch.setattr(tracking, "list_versions", lambda root, name: [known])
    monkeypatch.setattr(tracking, "run_record", lambda root, run_id: {"stage": "distil", "status": "FINISHED"})
    monkeypatch.setattr(tracking, "find_run", lambda root, digest: "b" * 32 if digest == known.digest else None)
    for identifier, kind in (("3", "model version"), ("a" * 32, "mlflow run"), ("b" * 32, "mlflow run")):
        found = trace(tmp_path, identifier)
        assert found["kind"] == kind
        assert found["models"][0]["versions"] == [{"version": 3, "run_id": "a" * 32}]
        assert found["models"][0]["folders"] == ["models/student_1"]


def test_a_run_that_made_no_model_says_what_it_is_and_leads_to_its_pass(tmp_path, make_model, monkeypatch) -> None:
    make_model(1)
    (tmp_path / ".mlflow").mkdir()
    record = {"stage": "validate_internal", "status": "FINISHED", "pass_id": "abcd", "git_sha": "0" * 40}
    monkeypatch.setattr(tracking, "list_versions", lambda root, name: [])
    monkeypatch.setattr(tracking, "find_run", lambda root, digest: None)
    monkeypatch.setattr(tracking, "run_record", lambda root, run_id: record)
    found = trace(tmp_path, "a" * 32)
    assert found["about"] == {"made": [], **record}
    assert [model["folders"] for model in found["models"]] == [["models/student_1"]]
    monkeypatch.setattr(tracking, "run_record", lambda root, run_id: {**record, "pass_id": "another"})
    assert trace(tmp_path, "a" * 32)["models"] == []


def test_what_is_undefined_is_no_number(project) -> None:
    root, _, _ = project
    path = root / "reports" / "internal" / "cases.parquet"
    cases = pd.read_parquet(path)
    cases.loc[cases["case_id"] == "busi/1/1", "dice"] = float("nan")
    cases.to_parquet(path)
    found = trace(root, "busi/1/1")
    assert found["about"]["masks"][0]["dice"] is None
    assert json.dumps(found, allow_nan=False)


def test_folders_being_written_are_no_models(tmp_path, make_model) -> None:
    model = make_model(1)
    beside = model.with_name(".student_1.abcd.tmp")
    beside.mkdir()
    write_json(beside / "model.json", {"half": "written"})
    assert len(known_models(tmp_path)) == 1


def test_a_student_of_another_seed_is_known(tmp_path, make_model, digest_of) -> None:
    model = make_model(1)
    sister = tmp_path / "models/spread/21"
    sister.parent.mkdir(parents=True)
    digest = digest_of(model)
    model.rename(sister)
    assert [folder for folder, _ in known_models(tmp_path)[digest]] == [sister]


def test_reports_without_the_case_are_passed_over(project) -> None:
    root, _, _ = project
    (root / "reports" / "external").mkdir()
    pd.read_parquet(root / "reports" / "internal" / "cases.parquet").iloc[:0].to_parquet(
        root / "reports" / "external" / "cases.parquet"
    )
    with pytest.raises(ReleaseError):
        trace(root, "fugc/1/1")


def test_a_written_mask_leads_to_its_model_and_any_other_picture_to_nothing(project, monkeypatch) -> None:
    root, first, _ = project
    monkeypatch.chdir(root)
    chunks = PngInfo()
    chunks.add_itxt("sonoforge:model_digest", first)
    chunks.add_itxt("sonoforge:prompt", "{}")
    Image.new("L", (4, 4)).save("mask.png", pnginfo=chunks)
    found = trace(root, "mask.png")
    assert found["about"] == {"model_digest": first, "prompt": "{}"} and found["models"][0]["digest"] == first
    Image.new("L", (4, 4)).save("other.png")
    with pytest.raises(ReleaseError):
        trace(root, "other.png")


def test_a_prediction_mask_or_handed_out_file_leads_to_its_entries_and_its_model(project, tmp_path) -> None:
    root, first, _ = project
    drawn = predicted(1)
    drawn = drawn.model_copy(update={"model": drawn.model.model_copy(update={"digest": first})})
    handed = b"any bytes at all"
    exported = Exported(mask_sha256=sha("mask 1"), prediction=drawn.prediction)
    (root / "out.dcm").write_bytes(handed)
    with AuditLog.open(root / "audit") as log:
        log.append(drawn)
        log.append(predicted(2))
        log.append(
            Export(
                format="seg",
                file_sha256=hashlib.sha256(handed).hexdigest(),
                who="anna",
                role="use",
                image=None,
                objects=(exported,),
            )
        )
    for identifier in (drawn.prediction, sha("mask 1"), sha("image 1")):
        found = trace(root, identifier)
        assert found["kind"] == "audit log" and found["models"][0]["digest"] == first
        assert found["models"][0]["provenance"]["data"] == {"data/03_splits/internal.csv": "md5:1"}
        assert [line["entry"]["kind"] for line in found["about"]["entries"]] == ["prediction", "export"]
        assert json.dumps(found, allow_nan=False)
    assert trace(root, "out.dcm")["about"] == found["about"] and trace(root, "out.dcm")["kind"] == "exported file"
    # A file that was changed since names the answers that it is made of.
    (root / "coco.json").write_text(json.dumps({"annotations": [{"attributes": {"prediction": drawn.prediction}}]}))
    (root / "report.dcm").write_bytes(b"\0\1box; prediction " + drawn.prediction.encode() + b"\0")
    chunks = PngInfo()
    chunks.add_itxt("sonoforge:model_digest", first)
    chunks.add_itxt("sonoforge:predictions", drawn.prediction)
    Image.new("L", (4, 4)).save(root / "mask.png", pnginfo=chunks)
    for name in ("coco.json", "report.dcm", "mask.png"):
        assert trace(root, name)["about"]["entries"] == found["about"]["entries"], name
    # Weights are weights, though the log names them, too; and what it doesn't name isn't there.
    assert trace(root, first)["kind"] == "weights"
    for nothing in ("f" * 32, sha("none"), found["about"]["entries"][0]["digest"]):
        with pytest.raises(ReleaseError, match="audit log names"):
            trace(root, nothing)
    (root / "audit").rename(tmp_path / "elsewhere")
    assert trace(root, drawn.prediction, log=tmp_path / "elsewhere")["about"] == found["about"]
