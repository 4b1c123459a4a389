"""A variant to a model that runs: built, folded, exported into a folder, or loaded from there for its runtime.

Leaves out: what there is to open (catalogue.py).
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from torch import nn

from components.artefacts import DESCRIPTION, WEIGHTS, ModelDescription, replacing_folder, save_model
from components.evaluation.benchmarking.catalogue import RUNTIMES, Subject, Variant
from components.params.serving import RuntimeName
from components.preprocess import PREPROCESS_VERSION
from components.promptable.decoder import DecoderConfig
from components.promptable.embedding import Promptable
from components.promptable.export import export_onnx
from components.promptable.folding.segmenter import fold
from components.promptable.runtimes.loading import is_installed, load_runtime
from components.promptable.segmenter import Segmenter


def installed_runtimes() -> dict[RuntimeName, str]:
    """The runtimes that this machine has, PyTorch first, and the device on which each is measured."""
    found: dict[RuntimeName, str] = {name: "cpu" for name in RUNTIMES if is_installed(name)}
    if "onnxruntime" in found:
        from components.promptable.runtimes.onnxruntime import takes

        found["onnxruntime"] = "cuda" if torch.cuda.is_available() and takes("cuda") else "cpu"
    return found


@dataclass
class Workshop:
    """Builds what variants need once; exported models lie under `folder`, where another process finds them."""

    known: Mapping[str, Subject]
    folder: Path
    _networks: dict[tuple[str, int, bool], Promptable] = field(default_factory=dict)

    def network(self, variant: Variant) -> Promptable:
        """The network of a variant on the CPU, as PyTorch runs it."""
        return self._network(variant.model, variant.input_px, folded=variant.folded)

    def decoder(self, variant: Variant) -> DecoderConfig | None:
        """The sizes of a segmenter's decoder, folded or exported too; None for what isn't a segmenter."""
        network = self._network(variant.model, variant.input_px, folded=False)
        return network.decoder_config if isinstance(network, Segmenter) else None

    def _network(self, model: str, input_px: int, *, folded: bool) -> Promptable:
        name = (model, input_px, folded)
        if name not in self._networks:
            if folded:
                self._networks[name] = fold(cast(Segmenter, self._network(model, input_px, folded=False)))
            else:
                self._networks[name] = self.known[model].build(input_px)
        return self._networks[name]

    def open(self, variant: Variant) -> Promptable:
        """The model of a variant, ready to run."""
        if variant.runtime != "pytorch":
            return self._exported(variant)
        network = self.network(variant)
        return network if variant.device == "cpu" else _moved(network, variant.device)

    def _exported(self, variant: Variant) -> Promptable:
        folder = self.folder / f"{variant.model}-{variant.input_px}{'-folded' * variant.folded}"
        if not folder.is_dir():
            with replacing_folder(folder) as beside:
                self._export(variant, beside)
        return load_runtime(folder, variant.runtime, device=variant.device)

    def _export(self, variant: Variant, folder: Path) -> None:
        """A model folder that a runtime can load, exported now: of what was built, or a copy with its own weights."""
        segmenter = cast(Segmenter, self._network(variant.model, variant.input_px, folded=False))
        subject = self.known[variant.model]
        if subject.folder is not None:
            for name in (DESCRIPTION, WEIGHTS):
                shutil.copy2(subject.folder / name, folder / name)
        else:
            save_model(folder, segmenter.state_dict(), _described(variant))
        export_onnx(segmenter, folder, folds=variant.folded)


def _described(variant: Variant) -> ModelDescription:
    """What an exported network is given to be loaded by: nothing can build it again, and nothing need."""
    return ModelDescription(
        kind="student",
        name=variant.model,
        config={},
        image_size_px=variant.input_px,
        preprocess_version=PREPROCESS_VERSION,
        phantom=True,
        base="scratch",
        trained_on=(),
        provenance={"weights": "random, for what they cost"},
    )


def _moved(network: Promptable, device: str) -> Promptable:
    """A copy on another device; the network stays where it is."""
    return cast(Promptable, copy.deepcopy(cast(nn.Module, network)).to(torch.device(device)))
