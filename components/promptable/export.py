"""A `Segmenter` to two ONNX files: the encoder, once an image, and the decoder, once a prompt of any number of points,
with a previous mask or without one.

The segmenter is folded first (folding), so that the files hold what inference needs and no more. What is written was
compared with PyTorch and the segmenter as it came, for several numbers of points and both ways. All weights lie within
the files, nothing is pickled. Leaves out: reading and running them (runtimes).

torch.onnx's exporter by TorchScript is used, a tenth of the time of the one by dynamo for the same numbers; dynamo also
writes the paths of the source files into the model. It freezes what Python decides while it traces, which is why
nothing on the way may depend on the number of points, and why the outcome is compared.
"""

from __future__ import annotations

import io
import itertools
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from components.artefacts import replacing, weights_digest
from components.errors import ArtefactError
from components.preprocess import PREPROCESS_VERSION
from components.promptable.folding.segmenter import FoldedSegmenter, fold
from components.promptable.runtimes.exported import Exported
from components.promptable.runtimes.onnxruntime import onnxruntime, open_model
from components.promptable.runtimes.sealed import (
    COORDS,
    DECODER,
    ENCODER,
    IMAGE,
    LABELS,
    LEVELS,
    LOGITS,
    PREVIOUS,
    QUALITY,
    metadata,
    seal,
)
from components.promptable.segmenter import LEVEL_STRIDES, Embedding, PromptBatch, Segmenter

OPSET = 17
LARGEST_DIFFERENCE = 1e-4
_ERRORS_ONLY = 3
# Labels as in `PromptBatch`: the prompt that is traced, and those that are compared.
_TRACED = (2, 3, 1)
_COMPARED = ((1,), (-1,), (2, 3), (2, 3, 1, 0, -1))


class _Encoder(nn.Module):
    """1 3 S S to the three maps of an `Embedding`."""

    def __init__(self, segmenter: Segmenter | FoldedSegmenter) -> None:
        super().__init__()
        self.segmenter = segmenter

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        embedding = self.segmenter.encode(image)
        return embedding.s4, embedding.s8, embedding.s16


class _Decoder(nn.Module):
    """The three maps and one prompt (1 P 2, 1 P, 1 S/4 S/4) to logits (1 S/4 S/4) and quality (1)."""

    def __init__(self, segmenter: Segmenter | FoldedSegmenter) -> None:
        super().__init__()
        self.segmenter = segmenter

    def forward(
        self, s4: Tensor, s8: Tensor, s16: Tensor, coords: Tensor, labels: Tensor, previous: Tensor
    ) -> tuple[Tensor, Tensor]:
        return self.segmenter.decode_each(Embedding(s4, s8, s16), coords, labels, previous)


def export_onnx(segmenter: Segmenter, folder: Path, *, folds: bool = True) -> None:
    """Write `encoder.onnx` and `decoder.onnx` into a folder, each in one piece, after comparing them with PyTorch.

    Without `folds` the segmenter is exported as it was trained: the same numbers, and what folding is measured by.

    Raises
    ------
    ArtefactError
        If ONNX Runtime gives other numbers than PyTorch; nothing is written.
    """
    facts = metadata(
        weights_sha256=weights_digest(segmenter.state_dict()),
        image_size_px=segmenter.image_size_px,
        preprocess_version=PREPROCESS_VERSION,
    )
    image = _random_image(segmenter)
    prompt = _random_prompt(segmenter, _TRACED, with_mask=True)
    with torch.no_grad():
        embedding = segmenter.encode(image)
    traced = fold(segmenter) if folds else segmenter
    encoder = _traced(_Encoder(traced), (image,), inputs=(IMAGE,), outputs=LEVELS, facts=facts)
    decoder = _traced(
        _Decoder(traced),
        (embedding.s4, embedding.s8, embedding.s16, prompt.coords, prompt.labels, prompt.previous),
        inputs=(*LEVELS, COORDS, LABELS, PREVIOUS),
        outputs=(LOGITS, QUALITY),
        facts=facts,
    )
    _compare(segmenter, open_model(encoder, decoder, segmenter.image_size_px))
    for name, model in ((ENCODER, encoder), (DECODER, decoder)):
        with replacing(folder / name) as beside:
            beside.write_bytes(model)


def _traced(
    network: nn.Module,
    example: tuple[Tensor | None, ...],
    *,
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    facts: Mapping[str, str],
) -> bytes:
    """A network as a serialised, checked and sealed ONNX model."""
    # The exporter restores the mode that it finds at the top in all modules.
    network.train(next(network.children()).training)
    file = io.BytesIO()
    with warnings.catch_warnings():
        # It warns of each size that it freezes, all of which follow from the image size, and of its own age.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            example,
            file,  # type: ignore[arg-type]  # this exporter takes files too
            input_names=inputs,
            output_names=outputs,
            dynamic_axes={COORDS: {1: "points"}, LABELS: {1: "points"}} if COORDS in inputs else None,
            opset_version=OPSET,
            dynamo=False,
        )
    model = _folded(file.getvalue())
    onnx.checker.check_model(model, full_check=True)
    onnx.helper.set_model_props(model, {**facts, "opset": str(OPSET)})
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised + seal(serialised)


def _folded(model: bytes) -> onnx.ModelProto:
    """The same model without what doesn't depend on its input: a third of the nodes, ONNX's own alone."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY  # the trace's notes on some shapes are wrong, and dropped here
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory() as place:
        options.optimized_model_filepath = str(Path(place) / "folded.onnx")
        onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        folded = onnx.load_model(options.optimized_model_filepath)
    # ONNX Runtime names all operator sets that it knows.
    used = {node.domain for node in folded.graph.node}
    kept = [opset for opset in folded.opset_import if opset.domain in used]
    del folded.opset_import[:]
    folded.opset_import.extend(kept)
    return folded


def _compare(segmenter: Segmenter, exported: Exported) -> None:
    """Refuse an export whose embedding, logits or quality aren't PyTorch's."""
    image = _random_image(segmenter)
    with torch.no_grad():
        embedding, other = segmenter.encode(image), exported.encode(image.cpu())
        pairs = [(getattr(embedding, level), getattr(other, level)) for level in LEVELS]
        for labels, with_mask in itertools.product(_COMPARED, (False, True)):
            prompt = _random_prompt(segmenter, labels, with_mask=with_mask)
            found = exported.decode(other, prompt.to(torch.device("cpu")))
            pairs += zip(segmenter.decode(embedding, prompt), found, strict=True)
    for ours, theirs in pairs:
        difference = float((ours.cpu() - torch.as_tensor(theirs)).abs().max()) / max(1.0, float(ours.abs().max()))
        if not difference <= LARGEST_DIFFERENCE:
            raise ArtefactError(
                f"ONNX Runtime's numbers differ from PyTorch's by {difference:.2g} of the largest",
                expected=f"at most {LARGEST_DIFFERENCE:g}",
                remedy="look for what depends on the example that was traced; report it with the model's description",
            )


def _random_image(segmenter: Segmenter) -> Tensor:
    size_px = segmenter.image_size_px
    return torch.randn(1, 3, size_px, size_px, generator=torch.Generator().manual_seed(1)).to(segmenter.device)


def _random_prompt(segmenter: Segmenter, labels: tuple[int, ...], *, with_mask: bool) -> PromptBatch:
    """One prompt of these labels, in random places, with a random previous mask or without one."""
    generator = torch.Generator().manual_seed(2)
    coords = torch.rand(1, len(labels), 2, generator=generator) * segmenter.image_size_px
    cells = segmenter.image_size_px // LEVEL_STRIDES[0]
    shares = torch.rand(1, cells, cells, generator=generator)
    return PromptBatch(
        image_index=torch.zeros(1, dtype=torch.int64, device=segmenter.device),
        coords=coords.to(segmenter.device),
        labels=torch.tensor([labels], device=segmenter.device),
        previous=shares.to(segmenter.device) if with_mask else None,
    )
