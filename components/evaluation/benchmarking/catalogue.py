"""What can be measured, by name: every student, the teachers, SAM2.1, and other people's shapes; and in which ways.

A network is built with random weights, which cost what trained ones do; a student's model folder is measured with its
own. Leaves out: exporting and loading for a runtime (opening.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import torch

from components.errors import ParamsError
from components.evaluation.benchmarking.passes import BOX, CLICK, DType
from components.evaluation.benchmarking.shapes import classic_unet, litemedsam, mobilesam, unet
from components.params import Params
from components.params.serving import RuntimeName
from components.promptable.adapter import AdapterConfig, adapter_config
from components.promptable.build import TrunkConfig, build_segmenter
from components.promptable.decoder import SAM2_DECODER, DecoderConfig
from components.promptable.described import read_described
from components.promptable.embedding import Promptable
from components.students import load_student, student_adapter, student_decoder, student_names, student_trunk
from components.teacher.hiera import HIERAS
from components.types import Prompt

Form = Literal["no", "as it is", "folded"]
Kind = Literal["student", "teacher", "sam2", "peer", "unet"]
RUNTIMES: tuple[RuntimeName, ...] = ("pytorch", "onnxruntime", "openvino")
SEED = 1
PAPER_WINDOWS = (8, 4, 14, 7)
"""The attention windows of the paper's student, which `params.yaml` changes for the demo's small input."""
LITEMEDSAM_PX, MOBILESAM_PX = 256, 1024
LARGEST_PX = 1024
WAYS: tuple[tuple[RuntimeName, bool], ...] = (
    ("pytorch", False),
    ("onnxruntime", True),
    ("pytorch", True),
    ("onnxruntime", False),
    ("openvino", True),
)
"""In which ways, folded or not, students are measured unasked; all but OpenVINO as trained, which takes half a minute
to load and is no faster."""


@dataclass(frozen=True, slots=True)
class Subject:
    """Something to measure: how it is built for an input of so many pixels, and what can be done with it.

    `kind` groups it in tables; `sizes_px` are the inputs that it is measured at (None: any); it is measured unasked
    from `default_from_px` on (None: only where it is named); `prompt` is what it is asked, `exports` in
    which form ONNX Runtime is given it, beside all that students are run by; `folder` is what a trained student comes
    from.
    """

    name: str
    kind: Kind
    build: Callable[[int], Promptable]
    prompt: Prompt = CLICK
    sizes_px: tuple[int, ...] | None = None
    default_from_px: int | None = 0
    exports: Form = "no"
    folder: Path | None = None

    @property
    def asked(self) -> Literal["click", "box"]:
        """What kind of prompt it is asked."""
        return "click" if self.prompt is CLICK else "box"

    @property
    def labels(self) -> tuple[int, ...]:
        """The labels of its prompt's points, as in `PromptBatch`."""
        return (1,) if self.prompt is CLICK else (2, 3)


@dataclass(frozen=True, slots=True)
class Variant:
    """A subject in one way of running it, at one size: what a row of the table is about."""

    model: str
    runtime: RuntimeName
    folded: bool
    device: str
    dtype: DType
    input_px: int

    @property
    def key(self) -> str:
        """Its name in records, in `--only` and in `--skip`."""
        way = f"{self.runtime}-folded" if self.folded else self.runtime
        where = "" if (self.device, self.dtype) == ("cpu", "float32") else f"/{self.device}-{self.dtype}"
        return f"{self.model}/{way}{where}/{self.input_px}"


def subjects(params: Params, models: Sequence[Path] = ()) -> dict[str, Subject]:
    """Everything that can be measured, in the order of the tables; `models` are students' folders.

    Raises
    ------
    ArtefactError
        If a folder is no student's.
    """
    found = [*_ours(params), *(_folder(folder) for folder in models), *_sam2(), *_others(params)]
    return {subject.name: subject for subject in found}


def _ours(params: Params) -> Iterator[Subject]:
    """Every student with SAM2's decoder, as the paper has it, then that of `params.yaml` where its decoder is another;
    and the teachers."""
    asked, decoder = params.student, student_decoder(params.student)
    pairs = [(name, SAM2_DECODER) for name in student_names()]
    for name, its_decoder in [*pairs, *([(asked.name, decoder)] if decoder != SAM2_DECODER else [])]:
        student = asked.model_copy(update={"name": name, "window_spec": PAPER_WINDOWS})
        called = name if its_decoder == SAM2_DECODER else f"{name}_w{its_decoder.width}"
        build = _segmenter(student_trunk(student), student_adapter(student), its_decoder)
        yield Subject(called, "student", build)
    for name, trunk in HIERAS.items():
        build = _segmenter(trunk, adapter_config(params.teacher.adapter))
        default_from_px = LARGEST_PX if name == "large" else None
        exports: Form = "folded" if name == "micro" else "no"
        yield Subject(f"teacher_{name}", "teacher", build, default_from_px=default_from_px, exports=exports)


def _sam2() -> Iterator[Subject]:
    """SAM2.1 as its authors publish it: a teacher without adapters."""
    for name in ("large", "base_plus", "small", "tiny"):
        build = _segmenter(HIERAS[name], AdapterConfig(variant="none"))
        exports: Form = "folded" if name == "tiny" else "no"
        yield Subject(f"sam2.1_{name}", "sam2", build, default_from_px=512, exports=exports)


def _segmenter(
    trunk: TrunkConfig, adapter: AdapterConfig, decoder: DecoderConfig = SAM2_DECODER
) -> Callable[[int], Promptable]:
    def build(size_px: int) -> torch.nn.Module:
        return build_segmenter(trunk, adapter, image_size_px=size_px, draws_prompts=False, decoder=decoder)

    return partial(_drawn, build)


def _folder(folder: Path) -> Subject:
    """A trained student, at its own size: `hiera_mini@01234567`."""
    described = read_described(folder, kind="student")
    name = f"{described.name}@{described.digest[:8]}"
    sizes_px = (described.image_size_px,)
    return Subject(name, "student", lambda _size_px: load_student(folder)[0], sizes_px=sizes_px, folder=folder)


def _others(params: Params) -> Iterator[Subject]:
    for name, build, prompt, size_px in (
        ("litemedsam", litemedsam, BOX, LITEMEDSAM_PX),
        ("mobilesam", mobilesam, CLICK, MOBILESAM_PX),
    ):
        yield Subject(name, "peer", partial(_drawn, build), prompt=prompt, sizes_px=(size_px,), exports="as it is")
    ours = partial(_drawn, partial(unet, params.unet.channels))
    yield Subject("unet_box", "unet", ours, prompt=BOX)
    for channels, default_from_px in ((16, 0), (64, None)):
        classic = partial(_drawn, partial(classic_unet, channels))
        yield Subject(f"unet_{channels}", "unet", classic, prompt=BOX, default_from_px=default_from_px)


def _drawn(build: Callable[[int], torch.nn.Module], size_px: int) -> Promptable:
    """A shape with weights drawn from a fixed seed, in evaluation mode."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        network: Promptable = build(size_px).eval()  # type: ignore[assignment]  # shapes.py: all are Promptable
        return network


def variants(
    known: Mapping[str, Subject], sizes_px: Sequence[int], *, cuda: bool, runtimes: Mapping[RuntimeName, str]
) -> list[Variant]:
    """Every way in which every subject can be measured at these sizes: on the CPU and, with `cuda`, on the GPU too.

    `runtimes` says where each that is here runs. Students are run by all of them, as trained and folded; peers and the
    smallest SAM2.1 are exported too, so that one runtime isn't held against another.
    """
    found: list[Variant] = []
    for size_px in sizes_px:
        for subject in known.values():
            if subject.sizes_px is not None and size_px not in subject.sizes_px:
                continue
            found += [Variant(subject.name, *way, size_px) for way in _ways(subject, cuda=cuda, runtimes=runtimes)]
    return found


def _ways(
    subject: Subject, *, cuda: bool, runtimes: Mapping[RuntimeName, str]
) -> Iterator[tuple[RuntimeName, bool, str, DType]]:
    yield "pytorch", False, "cpu", "float32"
    if subject.kind == "student":
        yield "pytorch", True, "cpu", "float32"
        for runtime, device in runtimes.items():
            if runtime != "pytorch":
                yield from ((runtime, folded, device, "float32") for folded in (False, True))
    elif subject.exports != "no" and "onnxruntime" in runtimes:
        yield "onnxruntime", subject.exports == "folded", runtimes["onnxruntime"], "float32"
    if cuda:
        for folded in (False, True) if subject.kind == "student" else (False,):
            yield "pytorch", folded, "cuda", "float32"
            yield "pytorch", folded, "cuda", "bfloat16"


def selected(
    found: Sequence[Variant], known: Mapping[str, Subject], *, only: Sequence[str], skip: Sequence[str]
) -> list[Variant]:
    """The variants whose key holds one of `only` (else those measured by default) and none of `skip`.

    Raises
    ------
    ParamsError
        If a word of `only` or `skip` is in no key, or nothing is left.
    """
    for word in (*only, *skip):
        if not any(word in variant.key for variant in found):
            raise ParamsError(
                f"{word!r} is in the name of nothing that can be measured at these sizes",
                expected=f"part of a name such as {', '.join(sorted({variant.key for variant in found})[:3])}",
                remedy="`sonoforge bench --list` prints all names",
            )
    chosen = [
        variant
        for variant in found
        if (any(word in variant.key for word in only) if only else _by_default(variant, known[variant.model]))
        and not any(word in variant.key for word in skip)
    ]
    if not chosen:
        raise ParamsError(
            f"`--skip {' --skip '.join(skip)}` leaves nothing to measure" if skip else "nothing is measured unasked",
            expected="a model that is chosen and not skipped",
            remedy="`sonoforge bench --list` prints all names that are chosen",
        )
    return chosen


def _by_default(variant: Variant, subject: Subject) -> bool:
    """What is measured unasked; at the smallest input just what it takes to be held against LiteMedSAM."""
    if subject.kind == "student":
        ways = WAYS[:2] if variant.input_px <= LITEMEDSAM_PX else WAYS
        if (variant.runtime, variant.folded) not in ways:
            return False
    return subject.default_from_px is not None and variant.input_px >= subject.default_from_px
