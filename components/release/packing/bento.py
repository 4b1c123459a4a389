"""A model folder to a Bento: the service's code, the model with its papers, and pinned requirements.

A candidate's Bento is what the gate judges; the release's must be the same in every file, and has the papers besides.
A Bento is immutable and knows what it carries: its version begins with the weights' digest and ends with that of all
that went in, its labels hold the digests of weights and code. `BENTOML_HOME` says where Bentos are kept; the caller
sets it before importing this. Leaves out: the service itself (serving/service.py), containers, and running anything.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import bentoml
import yaml
from bentoml.exceptions import BentoMLException
from filelock import FileLock

from components.artefacts import ModelDescription, sha256_of
from components.errors import ReleaseError, SonoForgeError
from components.listing import FILES, MODEL, PAPERS, Listing, differences, list_files, read_listing
from components.params import load_params
from components.params.settings import CARRIED, PARAMS
from components.release.files import bento_files, package_digest
from components.release.packing.pins import PINS, runtime_pins, service_packages
from components.release.records.released import intact_description

NAME = "sonoforge"
CANDIDATE = "sonoforge-candidate"
SERVICE = "serving.service:SonoForge"
CODE = ("components", "serving")
SCRATCH = Path(".cache/stages/package")
_PLACE = "project"
_CONTEXT = "sonoforge-bento-"
_UNREADABLE = (BentoMLException, yaml.YAMLError, AssertionError, KeyError, OSError, TypeError, ValueError)
"""What BentoML raises of a folder that it was killed in before it had filled it."""


@dataclass(frozen=True, slots=True)
class BuiltBento:
    """A Bento in the local store: its tag, folder, and the digests of its weights, of its code and of its package (None
    if it was built without one)."""

    tag: str
    folder: Path
    model_digest: str
    code_digest: str
    package: str | None = None


def build_bento(root: Path, model: Path, *, name: str = NAME) -> BuiltBento:
    """Build a Bento of the project's code and a model folder, or find the one that is built already.

    Where the model folder lists the files that were judged (`files.json`), the Bento must carry these and no others but
    papers. Folders in the model folder stay behind: a candidate's golden images are nobody else's.

    Raises
    ------
    ReleaseError
        If the weights were altered, BentoML can't build, or what it built isn't what was judged.
    """
    with _building():
        return _build(root, model, name)


def _build(root: Path, model: Path, name: str) -> BuiltBento:
    description = intact_description(model)
    _sweep(root, name)
    code_digest = _code_digest(root)
    version = f"{description.digest[:12]}-{_version_of(code_digest, model)}"
    known = find_bento(f"{name}:{version}")
    if known is not None:
        return known
    labels = {
        # Labels hold at most 63 characters; the whole digest stands in model/model.json.
        "model_digest": description.digest[:32],
        "code_digest": code_digest[:32],
        "git_sha": str(description.provenance.get("git_sha", "unknown")),
        "phantom": str(description.phantom).lower(),
        _PLACE: _place(root),
    }
    with tempfile.TemporaryDirectory(prefix=_CONTEXT, dir=root / SCRATCH) as scratch:
        context = Path(scratch)
        _stage(root, model, context)
        wanted = service_packages(load_params(root / PARAMS).serving.runtime)
        packages = runtime_pins((root / PINS).read_text(encoding="utf-8"), wanted)
        try:
            bento = bentoml.build(
                SERVICE,
                name=name,
                version=version,
                labels=labels,
                description=(model / "card.md").read_text(encoding="utf-8") if (model / "card.md").is_file() else None,
                include=[*(f"{part}/**" for part in (*CODE, "model")), CARRIED],
                python={"packages": packages, "lock_packages": False},
                build_ctx=str(context),
            )
        except BentoMLException as error:
            raise ReleaseError(
                f"BentoML couldn't build {name}:{version}: {error}",
                expected="a Bento",
                remedy="mend what it names, then run the same again",
            ) from None
        finally:
            _forget(context)
    _refuse_unjudged(bento, read_listing(model / FILES))
    built = find_bento(f"{name}:{version}")
    assert built is not None, "BentoML says that it built the Bento"
    return built


def _refuse_unjudged(bento: bentoml.Bento, judged: Listing | None) -> None:
    """Delete a Bento that isn't what was judged, and say so."""
    wrong = [] if judged is None else differences(bento_files(Path(bento.path)), judged)
    if judged is None or not wrong:
        return
    bentoml.delete(bento.tag)
    named = ", ".join(wrong[:5]) + (f", and {len(wrong) - 5} more" if len(wrong) > 5 else "")
    raise ReleaseError(
        f"the Bento isn't the one that was judged: {named}",
        expected=f"the files of the package {package_digest(judged)[:12]}, and the papers of its release",
        remedy="judge what is there now, `dvc repro`; or promote from the commit at which it was judged",
    )


def build_candidate(root: Path, model: Path) -> BuiltBento:
    """Build the Bento that is to be judged, anew; a candidate's that was built here before goes.

    Raises
    ------
    ReleaseError
        If the weights were altered, or BentoML can't build.
    """
    with _building():
        _sweep(root, CANDIDATE)
        for bento in _all(CANDIDATE):
            if bento.info.labels.get(_PLACE) == _place(root):
                bentoml.delete(bento.tag)
        return _build(root, model, CANDIDATE)


def release_bento(root: Path, model: Path) -> BuiltBento:
    """The Bento of a released model, which must be the judged one (`files.json` in the model folder) and its papers.

    It is built of the project's code unless it is there already, as it is when a released model comes back. A model
    that was released before packages were judged has no such list, and nothing to compare.

    Raises
    ------
    ReleaseError
        If it isn't what was judged, or as `build_bento`.
    """
    judged = read_listing(model / FILES)
    if judged is not None:
        known = bento_of(intact_description(model).digest, package=package_digest(judged), papers=model)
        if known is not None:
            return known
    return build_bento(root, model)


def _all(name: str) -> list[bentoml.Bento]:
    """All whole Bentos of a name; BentoML itself lists nothing where one of any name is torn."""
    read = [_read(f"{name}:{folder.name}") for folder in _folders(name)]
    return [bento for bento in read if bento is not None]


def _read(tag: str) -> bentoml.Bento | None:
    """The Bento with this tag; None where there is none, or only what a killed build has left."""
    try:
        return bentoml.get(tag)
    except _UNREADABLE:
        return None


def _store() -> Path:
    return Path(os.environ.get("BENTOML_HOME") or Path.home() / "bentoml") / "bentos"


def _folders(name: str) -> list[Path]:
    return sorted(path for path in (_store() / name).glob("*") if path.is_dir())


def _building() -> FileLock:
    """One build at a time in a store: a folder that is being filled looks like a torn one."""
    _store().parent.mkdir(parents=True, exist_ok=True)
    return FileLock(_store().parent / "sonoforge.lock")


def _sweep(root: Path, name: str) -> None:
    """Remove what killed builds have left: torn Bentos of a name, and folders that they were laid out in."""
    for folder in _folders(name):
        if _read(f"{name}:{folder.name}") is None:
            shutil.rmtree(folder)
    (root / SCRATCH).mkdir(parents=True, exist_ok=True)
    for context in (root / SCRATCH).glob(f"{_CONTEXT}*"):
        shutil.rmtree(context)


def _has_papers_of(model: Path, bento: BuiltBento) -> bool:
    carried = bento.folder / MODEL
    return all(
        (carried / name).is_file() and (carried / name).read_bytes() == (model / name).read_bytes()
        for name in PAPERS
        if (model / name).is_file()
    )


def _version_of(code_digest: str, model: Path) -> str:
    inputs = {name: digest for name, digest in list_files(model).items() if "/" not in name}
    return package_digest({"code": code_digest, **inputs})[:8]


def _place(root: Path) -> str:
    """Which project a Bento was built in; several may share a store."""
    return hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:32]


def find_bento(tag: str) -> BuiltBento | None:
    """The Bento with this tag in the local store, if there is one.

    Raises
    ------
    ReleaseError
        If the model in it isn't the one after which it is named, or a file isn't the one that was judged.
    """
    bento = _read(tag)
    if bento is None:
        return None
    folder = Path(bento.path)
    description = _carried(bento.tag, folder)
    labels = bento.info.labels
    listing = folder / MODEL / FILES
    package = sha256_of(listing) if listing.is_file() else None
    return BuiltBento(str(bento.tag), folder, description.digest, str(labels.get("code_digest", "")), package)


def _carried(tag: bentoml.Tag, bento: Path) -> ModelDescription:
    """The description of the model in a Bento, after making sure that the Bento is what its papers say."""
    remedy = f"delete it, `bentoml delete {tag}`, and promote the model again"
    try:
        description = intact_description(bento / MODEL)
        judged = read_listing(bento / MODEL / FILES)
    except SonoForgeError as error:
        raise ReleaseError(error.found, expected=error.expected, remedy=remedy) from None
    if not str(tag.version).startswith(f"{description.digest[:12]}-"):
        raise ReleaseError(
            f"the Bento {tag} holds the weights {description.digest[:12]}",
            expected="those whose digest its version begins with",
            remedy=remedy,
        )
    wrong = [] if judged is None else differences(bento_files(bento), judged)
    if wrong:
        raise ReleaseError(
            f"the Bento {tag} isn't as it was built: {', '.join(wrong[:5])}",
            expected="the files that its files.json lists",
            remedy=remedy,
        )
    return description


def bento_of(digest: str, *, package: str | None = None, papers: Path | None = None) -> BuiltBento | None:
    """The newest Bento in the local store that carries the weights with this digest, if there is one.

    With `package` it must also be of that package: the one that the ledger names; with `papers`, a released folder, it
    must carry that folder's card and verdict.

    Raises
    ------
    ReleaseError
        If the weights in it were altered, or another file that was judged.
    """
    bentos = sorted(_all(NAME), key=lambda bento: bento.info.creation_time, reverse=True)
    for bento in bentos:
        if str(bento.tag.version).startswith(f"{digest[:12]}-"):
            found = find_bento(str(bento.tag))
            if found is None or found.model_digest != digest or package not in (None, found.package):
                continue
            if papers is None or _has_papers_of(papers, found):
                return found
    return None


def _stage(root: Path, model: Path, context: Path) -> None:
    """Lay out what goes into the Bento: code without caches, and the files of the model folder."""
    for part in CODE:
        shutil.copytree(root / part, context / part, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "*.tmp"))
    (context / CARRIED).write_text(_settings(root), encoding="utf-8")
    (context / "model").mkdir()
    for path in model.iterdir():
        if path.is_file():
            shutil.copy2(path, context / "model" / path.name)


def _forget(context: Path) -> None:
    """Take back the modules that BentoML imported from a folder that is about to go."""
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None)
        if origin is not None and Path(origin).is_relative_to(context):
            del sys.modules[name]


def _settings(root: Path) -> str:
    """The section `serving` of the project's parameters, as YAML."""
    serving = load_params(root / PARAMS).serving
    return yaml.safe_dump(serving.model_dump(mode="json"), sort_keys=False)


def _code_digest(root: Path) -> str:
    digest = hashlib.sha256((root / PINS).read_bytes() + _settings(root).encode("utf-8"))
    for part in CODE:
        for path in sorted((root / part).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".pyc", ".tmp"):
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
