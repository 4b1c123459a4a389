"""What teacher and student are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from components.params.section import Section
from components.types import Exposure

STUDENTS = Path(__file__).parents[1] / "students"
Window = Annotated[int, Field(ge=1, le=64)]
"""The side of an attention window in tokens; SAM2.1's are 4 to 16."""


class ModelParams(Section):
    """Side of the square model input in pixels (the paper: 1024), a multiple of 32; and whether prompts are also
    given as SAM2's mask input (components/promptable/guess.py; for training from `scratch`)."""

    image_size_px: int = Field(ge=64, le=2048, multiple_of=32)
    draws_prompts: bool


class AdapterParams(Section):
    """The Context-Edge Hybrid Adapter: as the paper's figure draws it, as released, or none; for ablation
    either branch can be switched off. `scale` multiplies the branches' sum (paper's code: 0.5). A student of
    convolutions (`rep_mini`) has the edge branch alone, whatever `context` says, and no `as_released`."""

    variant: Literal["as_drawn", "as_released", "none"]
    context: bool
    edge: bool
    scale: float = Field(gt=0)

    @property
    def on_a_hiera(self) -> bool:
        """Whether blocks of a Hiera get an adapter by it."""
        return self.variant != "none" and (self.context or self.edge)


class TeacherParams(Section):
    """Which Hiera carries the teacher and which weights it starts from.

    `hiera`: `tiny`, `small`, `base_plus`, `large` are SAM2.1's own; `micro` is a small one of this project for
    machines without a GPU. `base`: `scratch`, the name of an official checkpoint (`sam2.1_hiera_large`, …), or
    the path of a checkpoint file, whose sha256 `base_sha256` then pins: a changed file is refused, and a changed
    digest trains again. For a path, `base_exposure` states by dataset whether its training saw that dataset or
    patients of it; what isn't stated is unknown, and a dataset counts as external only where it says `no`.
    """

    hiera: Literal["micro", "tiny", "small", "base_plus", "large"]
    base: str = Field(min_length=1)
    base_sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    base_exposure: dict[str, Exposure] = Field(default_factory=dict)
    adapter: AdapterParams


class DecoderParams(Section):
    """Sizes of a student's prompt encoder and mask decoder (components/promptable/decoder.py); as they stand, SAM2.1's,
    whose weights are taken over from the teacher. One of other sizes starts anew."""

    width: int = Field(default=256, ge=32, le=1024, multiple_of=16)
    heads: int = Field(default=8, ge=1)
    mlp: int = Field(default=2048, ge=1)
    layers: int = Field(default=2, ge=1)

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Self:
        if (self.width // 2) % self.heads:
            raise ValueError(f"heads is {self.heads}: attention takes half of width, {self.width // 2}, in equal heads")
        return self


class StudentParams(Section):
    """The student by name (`components/students/<name>.py`; docs/students.md), its attention windows, adapters and
    decoder.

    `window_spec` is `hiera_mini`'s; the others have their own, or none. The paper keeps Hiera's windows (8, 4, 14, 7);
    windows that divide the feature maps need no padding.
    """

    name: str
    window_spec: tuple[Window, Window, Window, Window]
    adapter: AdapterParams
    decoder: DecoderParams = DecoderParams()

    @field_validator("name")
    @classmethod
    def _there_is_one(cls, name: str) -> str:
        if name not in (names := student_names()):
            raise ValueError(f"no student is called {name!r}: one of {', '.join(names)}")
        return name


def student_names() -> tuple[str, ...]:
    """The names of all students, sorted: of the files in components/students, none of which is imported."""
    return tuple(sorted(path.stem for path in STUDENTS.glob("*.py") if path.stem != "__init__"))
