"""`params.yaml` is checked key by key before anything runs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from components.errors import ParamsError
from components.params import PHANTOM_SOURCE, Params, load_params, parse_params

ROOT = Path(__file__).resolve().parents[3]
GOOD: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))

NOTHING = {"mask_weight": 0.0, "logits_weight": 0.0, "terms": {"block": 0.0, "adapter": 0.0, "sum": 0.0}}


def changed(path: str, value: object) -> dict[str, Any]:
    """The project's parameters with one value set."""
    params = copy.deepcopy(GOOD)
    section: Any = params
    *above, last = path.split(".")
    for name in above:
        section = section[name]
    section[last] = value
    return params


def test_the_projects_own_parameters_are_valid() -> None:
    params = load_params(ROOT / "params.yaml")
    assert params.names("internal") == ("busi", "ddti", "tn3k", "udiat")
    assert params.names("external") == ("fugc", "jnu_ifm")
    assert all(dataset.is_phantom and dataset.source == PHANTOM_SOURCE for dataset in params.datasets.values())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("gate.min_casse", 3),
        ("unknown", {}),
        ("datasets.busi.colour", "grey"),
        ("finetune.loss.dyce", 1.0),
        ("model.image_size_px", 100),
        ("model.image_size_px", "large"),
        ("split.val_share", 0.5),
        ("finetune.epochs", 0),
        ("distil.levels", [4, 7]),
        ("distil.levels", [4, 8, 4]),
        ("student.window_spec", [8, 0, 12, 6]),
        ("student.window_spec", [8, 4, 12, 65]),
        ("finetune.machine", {"processes": GOOD["finetune"]["batch_size"] + 1}),
        ("unet.machine", {"processes": GOOD["unet"]["batch_size"], "nodes": 2, "rendezvous": "head:29500"}),
        ("engine.address", "ray://bob:hush@head:10001"),
        ("prompts.train.box_share", 0.9),
        ("prompts.evaluate.kinds", []),
        ("datasets.busi.role", "both"),
        ("datasets.busi.source", "data/imports/busi"),
        ("datasets", {}),
        ("teacher.hiera", "huge"),
        ("gate.min_skill_dice", float("nan")),
        ("finetune.learning_rate", float("inf")),
        ("unet.channels", [16]),
        ("unet.channels", [12, 16]),
        ("unet.loss", {"bce": 0.0, "dice": 0.0}),
        ("distil", {**GOOD["distil"], **NOTHING}),
        ("spread.seeds", [21, 21]),
        ("spread.seeds", [-1]),
        ("spread.seeds", [2**63]),
        ("datasets.busi.phantom.seed", 10**30),
        ("split.seed", -1),
        ("prompts.evaluate.seed", -1),
        ("unet.seed", 10**30),
        ("evaluate.seed", -1),
        ("evaluate.seed", 10**30),
    ],
)
def test_a_wrong_key_or_value_is_named(path: str, value: object) -> None:
    with pytest.raises(ParamsError) as caught:
        parse_params(changed(path, value), origin="params.yaml")
    assert caught.value.found.startswith("params.yaml: ")
    assert path.split(".")[0] in caught.value.found and "hush" not in str(caught.value)


def test_a_sister_of_the_students_own_seed_is_refused() -> None:
    with pytest.raises(ParamsError, match="the seed of distil"):
        parse_params(changed("spread.seeds", [21, GOOD["distil"]["seed"]]), origin="here")


@pytest.mark.parametrize(
    "raised", [{"mask_weight": 1.0}, {"logits_weight": 1.0}, {"terms": NOTHING["terms"] | {"sum": 1.0}}]
)
def test_one_weight_is_enough_for_a_student_to_learn(raised: dict[str, Any]) -> None:
    assert parse_params(changed("distil", {**GOOD["distil"], **NOTHING, **raised}), origin="here")


def test_a_missing_section_is_named() -> None:
    params = {name: value for name, value in GOOD.items() if name != "gate"}
    with pytest.raises(ParamsError, match="gate: Field required"):
        parse_params(params, origin="params.yaml")


def test_all_faults_are_listed_at_once() -> None:
    params = changed("gate.min_casse", 3)
    params["finetune"]["epochs"] = 0
    with pytest.raises(ParamsError) as caught:
        parse_params(params, origin="params.yaml")
    assert "gate.min_casse" in caught.value.found and "finetune.epochs" in caught.value.found


def test_a_student_that_isnt_there_is_refused_before_any_stage_runs() -> None:
    with pytest.raises(ParamsError, match=r"^here: student\.name: .*'rep_minni': one of hiera_mini, .*rep_mini"):
        parse_params(changed("student.name", "rep_minni"), origin="here")


def test_parameters_cant_be_changed() -> None:
    params = load_params(ROOT / "params.yaml")
    with pytest.raises(ValueError, match="frozen"):
        params.model.image_size_px = 512  # type: ignore[misc]


@pytest.mark.parametrize("text", ["a: [", "- 1\n- 2", "", "\x00"])
def test_what_isnt_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError):
        load_params(path)


@pytest.mark.parametrize(
    "content",
    [b"a: \xff", b"a: 2024-13-45", b"a: " + b"[" * 3000 + b"]" * 3000, b"a: !!bool abc", b'a: !!int ""'],
    ids=["latin", "no date", "deep", "no bool", "no int"],
)
def test_what_cannot_be_read_is_an_error_for_a_person(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes(content)
    with pytest.raises(ParamsError, match=r"params.yaml isn't YAML"):
        load_params(tmp_path / "params.yaml")


def test_a_folder_in_the_files_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").mkdir()
    with pytest.raises(ParamsError, match="can't be read"):
        load_params(tmp_path / "params.yaml")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="doesn't exist"):
        load_params(tmp_path / "params.yaml")


@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_shares_of_training_prompts_must_sum_to_one(shares: list[float]) -> None:
    params = copy.deepcopy(GOOD)
    names = ("box_share", "box_jitter_share", "click_share", "box_click_share")
    params["prompts"]["train"] |= dict(zip(names, shares, strict=True))
    if abs(sum(shares) - 1) > 1e-6:
        with pytest.raises(ParamsError, match="sum to"):
            parse_params(params, origin="x")
    else:
        assert isinstance(parse_params(params, origin="x"), Params)


PEER = {"model": "litemedsam", "weights": "w.pth", "sha256": "0" * 64}


def test_peers_are_none_unless_named() -> None:
    assert parse_params(GOOD, origin="here").evaluate.peers == {}
    found = parse_params(changed("evaluate.peers", {"rival": PEER}), origin="here").evaluate.peers["rival"]
    assert (found.model, found.exposure) == ("litemedsam", {})


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("student", PEER),
        ("ellipse", PEER),
        ("student_seed_21", PEER),
        ("Rival", PEER),
        ("a/b", PEER),
        ("rival", PEER | {"sha256": "0" * 63}),
        ("rival", {"model": "litemedsam", "weights": "w.pth"}),
        ("rival", PEER | {"exposure": {"busi": "perhaps"}}),
    ],
)
def test_a_peer_without_a_name_of_its_own_or_a_pinned_file_is_refused(name: str, peer: dict[str, Any]) -> None:
    with pytest.raises(ParamsError, match="evaluate"):
        parse_params(changed("evaluate.peers", {name: peer}), origin="here")
