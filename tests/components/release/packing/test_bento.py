"""A Bento carries the code, the weights and what they need, nothing else; a release's is the one that was judged."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import bentoml
import pytest

from components.errors import ReleaseError
from components.listing import MODEL
from components.release.files import bento_files, listing_text, package_digest
from components.release.packing.bento import (
    CODE,
    PARAMS,
    SCRATCH,
    BuiltBento,
    bento_of,
    build_bento,
    build_candidate,
    find_bento,
    release_bento,
)
from components.release.packing.pins import PINS

SOME = ("components/artefacts.py", "components/errors.py", "serving/service.py", "serving/web/index.html")


@pytest.fixture
def project(root: Path, tmp_path: Path) -> Path:
    """A project with some code, the service's among it, of which nobody else writes."""
    folder = tmp_path / "project"
    for name in (*SOME, PINS, PARAMS):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / name, folder / name)
    assert all((folder / part).is_dir() for part in CODE)
    return folder


def candidate(make_model, seed: int) -> Path:
    """A model folder with a calibration, and golden images that stay where they are."""
    folder: Path = make_model(seed)
    (folder / "calibration.json").write_text("{}")
    (folder / "golden").mkdir()
    (folder / "golden/one.png").write_bytes(b"an image of somebody")
    return folder


def released(model: Path, bento: BuiltBento) -> Path:
    """A released folder of a candidate, with its papers."""
    folder = model.with_name(f"{model.name}_released")
    shutil.copytree(model, folder, ignore=shutil.ignore_patterns("golden"))
    (folder / "files.json").write_text(listing_text(bento_files(bento.folder)))
    (folder / "card.md").write_text("# card")
    return folder


def test_a_bento_is_built_once_and_found_again(project, make_model) -> None:
    model = make_model(11)
    before = set(sys.modules)
    built = build_bento(project, model)
    assert built == build_bento(project, model) == find_bento(built.tag) == bento_of(built.model_digest)
    assert find_bento("sonoforge:none") is None and bento_of("f" * 64) is None
    assert built.tag.startswith(f"sonoforge:{built.model_digest[:12]}-") and built.package is None
    source = built.folder / "src"
    assert (source / "model/weights.safetensors").is_file() and (source / "serving/web/index.html").is_file()
    assert not list(built.folder.rglob("*.pyc"))
    assert "torch==" in (built.folder / "env/python/requirements.txt").read_text()
    gone = [name for name in set(sys.modules) - before if "sonoforge-bento-" in str(sys.modules[name])]
    assert not gone, "modules of a folder that is gone would be taken for the project's"

    for name in ("weights.safetensors", "model.json"):
        shutil.copy(make_model(12) / name, source / "model" / name)
    with pytest.raises(ReleaseError, match=f"the Bento {built.tag} holds the weights") as caught:
        find_bento(built.tag)
    assert "bentoml delete" in caught.value.remedy
    bentoml.delete(built.tag)


def test_a_release_is_the_judged_bento_and_its_papers(project, make_model) -> None:
    model = candidate(make_model, 13)
    judged = build_candidate(project, model)
    assert judged.tag.startswith("sonoforge-candidate:")
    assert not [name for name in bento_files(judged.folder) if "golden" in name]
    folder = released(model, judged)
    built = release_bento(project, folder)
    assert built.tag.startswith("sonoforge:") and bento_files(built.folder) == bento_files(judged.folder)
    assert (built.folder / MODEL / "card.md").read_text() == "# card"
    assert built.package == package_digest(bento_files(judged.folder))
    assert bento_of(built.model_digest, package=built.package) == built == release_bento(project, folder)
    assert bento_of(built.model_digest, package="f" * 64) is None
    (built.folder / MODEL / "card.md").write_text("# cleared for everything")
    assert bento_of(built.model_digest, package=built.package, papers=folder) is None, "the papers of its release"
    (built.folder / MODEL / "card.md").write_text("# card")
    assert bento_of(built.model_digest, package=built.package, papers=folder) == built

    page = project / "serving/web/index.html"
    page.write_text("another page")
    assert release_bento(project, folder) == built, "the Bento that it was released with is still there"
    bentoml.delete(built.tag)
    with pytest.raises(ReleaseError, match=r"src/serving/web/index\.html was changed") as caught:
        release_bento(project, folder)
    assert "dvc repro" in caught.value.remedy
    assert bento_of(built.model_digest) is None, "what nobody judged isn't kept"

    again = build_candidate(project, model)
    assert again.tag != judged.tag and find_bento(judged.tag) is None, "one candidate at a time"


def test_what_a_killed_build_left_is_cleared_and_built_again(project, make_model) -> None:
    model = candidate(make_model, 15)
    judged = build_candidate(project, model)
    names = judged.folder.parent, judged.folder.parent.parent / "sonoforge"
    for number, said in enumerate((None, "", "service: [", "- 1")):
        for name in names:
            torn = name / f"torn{number}"
            torn.mkdir(parents=True)
            if said is not None:
                (torn / "bento.yaml").write_text(said)
    shutil.rmtree(judged.folder)
    judged.folder.mkdir()
    left = project / SCRATCH / "sonoforge-bento-left"
    left.mkdir()
    assert find_bento(judged.tag) is None and bento_of(judged.model_digest) is None
    assert build_candidate(project, model) == judged
    assert not list(names[0].glob("torn*")) and not left.exists() and not list((project / SCRATCH).iterdir())
    built = release_bento(project, released(model, judged))
    assert not list(names[1].glob("torn*")) and bento_of(built.model_digest) == built
    bentoml.delete(built.tag)


def test_a_bento_that_was_altered_since_is_refused(project, make_model) -> None:
    model = candidate(make_model, 14)
    built = release_bento(project, released(model, build_candidate(project, model)))
    page = built.folder / "src/serving/web/index.html"
    page.write_text(page.read_text() + "<script></script>")
    for act in (lambda: find_bento(built.tag), lambda: bento_of(built.model_digest, package=built.package)):
        with pytest.raises(ReleaseError, match=r"isn't as it was built: src/serving/web/index\.html was changed"):
            act()
    (built.folder / MODEL / "files.json").write_text(json.dumps({"files": {}}))
    with pytest.raises(ReleaseError, match="was added"):
        find_bento(built.tag)
    bentoml.delete(built.tag)
