"""The box-fed U-Net to a model folder and back: weights, and channels as JSON, nothing pickled.

The folder is components.artefacts' (sha256 checked before loading). It began with no weights, so that it had seen what
it was trained on and nothing else.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.artefacts import (
    ModelDescription,
    PretrainingExposure,
    load_tensors,
    read_description,
    save_model,
)
from components.errors import ArtefactError
from components.preprocess import PREPROCESS_VERSION
from components.unet.network import BoxUnet

NAME = "unet_box"
NO_BASE = PretrainingExposure(basis="no base weights: trained from scratch", otherwise="no")


def save_unet(
    folder: Path, network: BoxUnet, *, phantom: bool, trained_on: tuple[str, ...], provenance: dict[str, Any]
) -> ModelDescription:
    """Write the network as a model folder in one piece; returns its description with the weights' sha256."""
    description = ModelDescription(
        kind="unet",
        name=NAME,
        config={"channels": list(network.channels)},
        image_size_px=network.image_size_px,
        preprocess_version=PREPROCESS_VERSION,
        phantom=phantom,
        base="scratch",
        trained_on=trained_on,
        pretraining_exposure=NO_BASE,
        provenance=provenance,
    )
    return save_model(folder, network.state_dict(), description)


def load_unet(folder: Path) -> tuple[BoxUnet, ModelDescription]:
    """Build the network that a model folder describes and load its weights, in evaluation mode on the CPU.

    Raises
    ------
    ArtefactError
        If the folder is incomplete, altered, of another kind, or made with another preprocessing.
    """
    description = read_description(folder)
    if description.kind != "unet":
        raise ArtefactError(
            f"{folder} holds a {description.kind}", expected="a box-fed U-Net", remedy="name the U-Net's folder"
        )
    if description.preprocess_version != PREPROCESS_VERSION:
        raise ArtefactError(
            f"{folder} was made with preprocessing version {description.preprocess_version}",
            expected=f"version {PREPROCESS_VERSION}",
            remedy="use the SonoForge version that made it, or train again",
        )
    try:
        channels = tuple(int(width) for width in description.config["channels"])
        network = BoxUnet(channels, image_size_px=description.image_size_px)
        network.load_state_dict(load_tensors(folder, description), strict=True)
    except (KeyError, TypeError, ValueError, IndexError, RuntimeError) as error:
        raise ArtefactError(
            f"{folder}: its weights don't fit its config ({str(error).splitlines()[0]})",
            expected="`channels`, and the parameters of the network that they describe",
            remedy="restore the folder: `dvc checkout`, or train again",
        ) from None
    return network.eval(), description
