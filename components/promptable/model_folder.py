"""A segmenter to a model folder and back: weights, and the architecture as JSON, nothing pickled.

The folder is components.artefacts' (sha256 checked before loading); here stands which fields build the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from components.artefacts import (
    UNRECORDED,
    ModelDescription,
    PretrainingExposure,
    load_tensors,
    save_model,
)
from components.errors import ArtefactError
from components.preprocess import PREPROCESS_VERSION
from components.promptable.adapter import AdapterConfig
from components.promptable.build import TRUNK_KINDS, TrunkConfig, build_segmenter
from components.promptable.decoder import DecoderConfig
from components.promptable.described import read_described
from components.promptable.segmenter import Segmenter


def save_segmenter(
    folder: Path,
    segmenter: Segmenter,
    *,
    kind: Literal["teacher", "student"],
    name: str,
    trunk: TrunkConfig,
    adapter: AdapterConfig,
    phantom: bool,
    base: str,
    trained_on: tuple[str, ...],
    pretraining_exposure: PretrainingExposure = UNRECORDED,
    provenance: dict[str, Any],
) -> ModelDescription:
    """Write a segmenter as a model folder in one piece; returns its description with the weights' sha256."""
    description = ModelDescription(
        kind=kind,
        name=name,
        config={
            "trunk": {"kind": trunk.kind, **asdict(trunk)},
            "adapter": asdict(adapter),
            "decoder": asdict(segmenter.decoder_config),
            "draws_prompts": segmenter.draws_prompts,
        },
        image_size_px=segmenter.image_size_px,
        preprocess_version=PREPROCESS_VERSION,
        phantom=phantom,
        base=base,
        trained_on=trained_on,
        pretraining_exposure=pretraining_exposure,
        provenance=provenance,
    )
    return save_model(folder, segmenter.state_dict(), description)


def trunk_config(config: Mapping[str, Any]) -> TrunkConfig:
    """The trunk that a model folder's `config` states; the first folders stated a Hiera's fields as `hiera`.

    Raises
    ------
    KeyError, TypeError
        If it states none, a kind that there isn't, or other fields than the kind's.
    """
    if "trunk" not in config:
        return _built(TRUNK_KINDS["hiera"], config["hiera"])
    stated = dict(config["trunk"])
    return _built(TRUNK_KINDS[stated.pop("kind")], stated)


def _built(kind: type[TrunkConfig], fields: Mapping[str, Any]) -> TrunkConfig:
    """JSON has lists where the configurations have tuples."""
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
    }
    return kind(**values)


def load_segmenter(folder: Path, *, kind: Literal["teacher", "student"]) -> tuple[Segmenter, ModelDescription]:
    """Build the segmenter that a model folder describes and load its weights, in evaluation mode on the CPU.

    Raises
    ------
    ArtefactError
        If the folder is incomplete, altered, of another kind, or made with another preprocessing.
    """
    description = read_described(folder, kind=kind)
    try:
        trunk = trunk_config(description.config)
        adapter = AdapterConfig(**description.config["adapter"])
        draws_prompts = bool(description.config["draws_prompts"])
        decoder = DecoderConfig(**description.config.get("decoder", {}))  # the first folders had SAM2's own
    except (KeyError, TypeError) as error:
        raise ArtefactError(
            f"{folder}: its config doesn't describe a segmenter ({error})",
            expected="the keys `trunk`, `adapter`, `draws_prompts` and, if it isn't SAM2's own, `decoder`",
            remedy="restore the folder: `dvc checkout`",
        ) from None
    segmenter = build_segmenter(
        trunk, adapter, image_size_px=description.image_size_px, draws_prompts=draws_prompts, decoder=decoder
    )
    try:
        segmenter.load_state_dict(load_tensors(folder, description), strict=True)
    except RuntimeError as error:
        raise ArtefactError(
            f"{folder}: its weights don't fit its config ({str(error).splitlines()[0]})",
            expected="the parameters of the network that model.json describes",
            remedy="restore the folder: `dvc checkout`, or train again",
        ) from None
    return segmenter, description
