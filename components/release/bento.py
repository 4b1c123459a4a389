"""A released model folder to a Bento: the service's code, the weights, card and verdict, and pinned requirements.

The Bento is immutable and knows what it carries: its version begins with the weights' digest and ends with that of
the code, its labels hold both. `BENTOML_HOME` says where Bentos are kept; the caller sets it before importing this.
Leaves out: the service itself (serving/service.py), containers, and running anything.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import bentoml
from bentoml.exceptions import BentoMLException, NotFound
from packaging.requirements import InvalidRequirement, Requirement

from components.artefacts import ModelDescription
from components.errors import ReleaseError, SonoForgeError
from components.release.released import checked_description

NAME = "sonoforge"
SERVICE = "serving.service:SonoForge"
CODE = ("components", "serving")
PINS = "requirements.lock.txt"
RUNTIME = (
    "bentoml",
    "einops",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "pycocotools",
    "pydantic",
    "pydicom",
    "python-multipart",
    "pyyaml",
    "safetensors",
    "sam2",
    "scipy",
    "starlette",
    "torch",
)
"""What the service imports; everything else that these need follows from their own metadata."""


@dataclass(frozen=True, slots=True)
class BuiltBento:
    """A Bento in the local store: its tag, folder, and the digests of its weights and code."""

    tag: str
    folder: Path
    model_digest: str
    code_digest: str


def build_bento(root: Path, model: Path) -> BuiltBento:
    """Build a Bento of the project's code and a released model folder, or find the one that is built already.

    Raises
    ------
    ReleaseError
        If the weights were altered, or BentoML can't build.
    """
    description = checked_description(model)
    code_digest = _code_digest(root)
    version = f"{description.digest[:12]}-{code_digest[:8]}"
    known = find_bento(f"{NAME}:{version}")
    if known is not None:
        return known
    labels = {
        # Labels hold at most 63 characters; the whole digest stands in model/model.json.
        "model_digest": description.digest[:32],
        "code_digest": code_digest[:32],
        "git_sha": str(description.provenance.get("git_sha", "unknown")),
        "phantom": str(description.phantom).lower(),
    }
    with tempfile.TemporaryDirectory(prefix="sonoforge-bento-") as scratch:
        context = Path(scratch)
        _stage(root, model, context)
        packages = runtime_pins((root / PINS).read_text(encoding="utf-8"))
        try:
            bentoml.build(
                SERVICE,
                name=NAME,
                version=version,
                labels=labels,
                description=(model / "card.md").read_text(encoding="utf-8") if (model / "card.md").is_file() else None,
                include=[f"{part}/**" for part in (*CODE, "model")],
                python={"packages": packages, "lock_packages": False},
                build_ctx=str(context),
            )
        except BentoMLException as error:
            raise ReleaseError(
                f"BentoML couldn't build {NAME}:{version}: {error}",
                expected="a Bento",
                remedy="mend what it names, then promote again",
            ) from None
    built = find_bento(f"{NAME}:{version}")
    assert built is not None, "BentoML says that it built the Bento"
    return built


def find_bento(tag: str) -> BuiltBento | None:
    """The Bento with this tag in the local store, if there is one.

    Raises
    ------
    ReleaseError
        If the model in it is altered, or isn't the one after which it is named.
    """
    try:
        bento = bentoml.get(tag)
    except (NotFound, BentoMLException, ValueError):
        return None
    folder = Path(bento.path)
    description = _carried(bento.tag, folder / "src" / "model")
    labels = bento.info.labels
    return BuiltBento(str(bento.tag), folder, description.digest, str(labels.get("code_digest", "")))


def _carried(tag: bentoml.Tag, model: Path) -> ModelDescription:
    """The description of the model in a Bento, which must be the one that the Bento's version names."""
    remedy = f"delete it, `bentoml delete {tag}`, and promote the model again"
    try:
        description = checked_description(model)
    except SonoForgeError as error:
        raise ReleaseError(error.found, expected=error.expected, remedy=remedy) from None
    if not str(tag.version).startswith(f"{description.digest[:12]}-"):
        raise ReleaseError(
            f"the Bento {tag} holds the weights {description.digest[:12]}",
            expected="those whose digest its version begins with",
            remedy=remedy,
        )
    return description


def bento_of(digest: str) -> BuiltBento | None:
    """The newest Bento in the local store that carries the weights with this digest, if there is one.

    Raises
    ------
    ReleaseError
        If the weights in it were altered.
    """
    bentos = sorted(bentoml.list(NAME), key=lambda bento: bento.info.creation_time, reverse=True)
    for bento in bentos:
        if str(bento.tag.version).startswith(f"{digest[:12]}-"):
            found = find_bento(str(bento.tag))
            if found is not None and found.model_digest == digest:
                return found
    return None


def runtime_pins(lock_text: str, roots: Iterable[str] = RUNTIME) -> list[str]:
    """The lines of a pinned list that `roots` and everything they need name."""
    pins = {_normal(line.split("==")[0]): line for line in lock_text.splitlines() if "==" in line}
    wanted: set[str] = set()
    waiting = [_normal(root) for root in roots]
    while waiting:
        name = waiting.pop()
        if name in wanted or name not in pins:
            continue
        wanted.add(name)
        waiting += _needs(name)
    return [pins[name].strip() for name in sorted(wanted)]


def _needs(package: str) -> list[str]:
    try:
        required = metadata.requires(package) or []
    except metadata.PackageNotFoundError:
        return []
    names = []
    for line in required:
        try:
            requirement = Requirement(line)
        except InvalidRequirement:
            continue
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            names.append(_normal(requirement.name))
    return names


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name.strip()).lower()


def _stage(root: Path, model: Path, context: Path) -> None:
    """Lay out what goes into the Bento: code without caches, and the model folder."""
    for part in CODE:
        shutil.copytree(root / part, context / part, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "*.tmp"))
    shutil.copytree(model, context / "model")


def _code_digest(root: Path) -> str:
    digest = hashlib.sha256((root / PINS).read_bytes())
    for part in CODE:
        for path in sorted((root / part).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".pyc", ".tmp"):
                digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
