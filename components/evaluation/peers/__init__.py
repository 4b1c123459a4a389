"""Other people's promptable models beside ours, one file each, found by name; their weights by path and sha256.

A peer's file states `NAMES` (the architectures it builds), `NEEDS_BOX`, `load(name, state)`, and the two calls of a
`Predictor`. It is given the same images and prompts as our models, in the image's own pixels, answers at the image's
own size, and does its own preprocessing inside. A file of weights is a pickle by format: its sha256 is compared with
the one that the parameters pin before it is opened, and only torch's weights-only reader opens it. Leaves out: any
download.
"""

from __future__ import annotations

import importlib
import pickle
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

from components.artefacts import PretrainingExposure, sha256_of
from components.errors import PeerError
from components.evaluation.prompting.corrective import Predictor
from components.evaluation.scoring.cases import Contender
from components.params import PeerParams
from components.teacher.base_weights import OFFICIAL, SAM2_EXPOSURE


class PeerModule(Predictor, Protocol):
    """What a file of this folder must state."""

    NAMES: tuple[str, ...]
    NEEDS_BOX: bool

    def load(self, name: str, state: Mapping[str, Tensor]) -> nn.Module:
        """Build the architecture with its weights, in evaluation mode on the CPU."""


def _peers() -> dict[str, PeerModule]:
    files = (found.name for found in pkgutil.iter_modules(__path__) if not found.ispkg)
    modules = [cast(PeerModule, importlib.import_module(f"{__name__}.{name}")) for name in files]
    return {name: module for module in modules for name in module.NAMES}


def peer_names() -> tuple[str, ...]:
    """The architectures that peers can have, sorted."""
    return tuple(sorted(_peers()))


def load_peer(who: str, params: PeerParams, *, root: Path, device: torch.device | str) -> Contender:
    """Load a peer as a contender; `who` is its name in tables, a relative path of weights counts from `root`.

    Raises
    ------
    PeerError
        If there is no such architecture, or the weights aren't there, aren't the pinned ones, or don't fit it.
    """
    module = check_peer(who, params, root=root)
    path = root / params.weights
    try:
        network = module.load(params.model, _state(path))
    except (RuntimeError, KeyError, TypeError, AttributeError, EOFError, pickle.UnpicklingError) as error:
        raise PeerError(
            f"{path}: not the weights of a {params.model} ({str(error).splitlines()[0][:200]})",
            expected="a checkpoint of that architecture: tensors by name, as its authors publish it",
            remedy=f"correct evaluate.peers.{who} in params.yaml",
        ) from None
    return Contender(
        network.to(device),
        params.sha256,
        params.model,
        phantom=False,
        exposure=_exposure(who, params),
        predictor=module,
        needs_box=module.NEEDS_BOX,
    )


def check_peer(who: str, params: PeerParams, *, root: Path) -> PeerModule:
    """The file of a peer's architecture, once that is known and the weights are the pinned ones; loads nothing.

    Raises
    ------
    PeerError
        If there is no such architecture, or the weights aren't there or aren't the pinned ones.
    """
    peers = _peers()
    if params.model not in peers:
        raise PeerError(
            f"params.yaml: evaluate.peers.{who}.model is {params.model!r}",
            expected=f"one of {', '.join(sorted(peers))}",
            remedy="correct the name, or add components/evaluation/peers/<name>.py",
        )
    _check_weights(who, root / params.weights, params.sha256)
    return peers[params.model]


def _check_weights(who: str, path: Path, pinned: str) -> None:
    if not path.is_file():
        raise PeerError(
            f"evaluate.peers.{who}.weights is {path}, which is no file",
            expected="the file of its published weights",
            remedy=f"put it there, correct the path, or remove evaluate.peers.{who} from params.yaml",
        )
    found = sha256_of(path)
    if found != pinned:
        raise PeerError(
            f"{path} has sha256 {found}",
            expected=f"{pinned}, as evaluate.peers.{who}.sha256 says",
            remedy="restore the file; set the new sha256 only if you trust where it comes from",
        )


def _state(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a checkpoint, which are the whole of it or stand under `model`."""
    checkpoint: Any = torch.load(path, map_location="cpu", weights_only=True)
    state: Mapping[str, Tensor] = checkpoint.get("model", checkpoint)
    return state


def _exposure(who: str, params: PeerParams) -> PretrainingExposure:
    """Which datasets a peer's training saw: what its authors publish, or what the parameters state; else unknown."""
    official = OFFICIAL.get(params.model)
    if official is not None and official.sha256 == params.sha256:
        return SAM2_EXPOSURE
    stated = dict(params.exposure)
    basis = f"evaluate.peers.{who}.exposure in params.yaml" if stated else f"nothing is stated of {params.weights}"
    return PretrainingExposure(basis=basis, otherwise="unknown", datasets=stated)
