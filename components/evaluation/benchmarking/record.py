"""What a measurement writes: the machine, the settings, and for each model its times, memory and arithmetic.

The JSON schema of `benchmarks/bench_*.json` (docs/speed.md); version 2. Leaves out: how anything is measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.artefacts import write_json
from components.errors import SonoForgeError
from components.evaluation.benchmarking.passes import DType, Part
from components.params.serving import RuntimeName


class BenchError(SonoForgeError):
    """A record of a measurement that isn't one, or that is of another version."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class SpeedUp(_Frozen):
    """How many times as fast as the reference: median over the rounds, 10th and 90th percentile."""

    median: float = Field(ge=0)
    p10: float = Field(ge=0)
    p90: float = Field(ge=0)


class Times(_Frozen):
    """One part of one variant: milliseconds over the rounds, images a second, and the ratio to the reference.

    `samples_ms` are those of `rounds`, by which they can be held against any other variant's.
    """

    part: Part
    images: int = Field(ge=1)
    median_ms: float = Field(ge=0)
    p10_ms: float = Field(ge=0)
    p90_ms: float = Field(ge=0)
    rounds: tuple[int, ...] = Field(min_length=1)
    samples_ms: tuple[float, ...] = Field(min_length=1)
    images_per_s: float | None
    speed_up: SpeedUp | None


class Memory(_Frozen):
    """MiB above what was there after the imports; on a GPU what torch allocated."""

    loading_mib: float | None
    running_mib: float


class Counted(_Frozen):
    """Parameters and 10^9 multiply-accumulates of one image and one prompt (cost.py)."""

    encoder_parameters: int
    click_parameters: int
    parameters: int
    encoder_gmacs: float
    click_gmacs: float


class Decoder(_Frozen):
    """Sizes of a segmenter's mask decoder (components/promptable/decoder.py): a student's name doesn't tell them."""

    width: int
    heads: int
    mlp: int
    layers: int


class Row(_Frozen):
    """A variant and all that was measured of it; `prompt` is what the second part was asked, `decoder` what answered if
    it is a segmenter's (older records have none)."""

    model: str
    kind: Literal["student", "teacher", "sam2", "peer", "unet"]
    runtime: RuntimeName
    folded: bool
    device: str
    dtype: DType
    input_px: int
    prompt: Literal["click", "box"]
    times: tuple[Times, ...]
    memory: Memory | None = None
    counted: Counted | None = None
    decoder: Decoder | None = None

    @property
    def key(self) -> str:
        """As `Variant.key`."""
        from components.evaluation.benchmarking.catalogue import Variant

        return Variant(self.model, self.runtime, self.folded, self.device, self.dtype, self.input_px).key

    def part(self, name: Part) -> Times | None:
        """The times of a part, where it was measured."""
        return next((times for times in self.times if times.part == name), None)


class Settings(_Frozen):
    """How it was measured. `reference` is the model that speed-ups refer to, at the same input and in the same part."""

    sizes_px: tuple[int, ...]
    rounds: int
    minutes: float
    batch: int
    threads: int
    reference: str
    scan_hw: tuple[int, int]


class LeftOut(_Frozen):
    """What wasn't measured, and why."""

    key: str
    reason: str


class Record(_Frozen):
    """One measurement of one machine; `complete` unless it was interrupted."""

    schema_version: Literal[2] = 2
    machine: dict[str, Any]
    settings: Settings
    complete: bool
    seconds: float
    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...] = ()


def write_record(path: Path, record: Record) -> None:
    """Write a record as JSON, in one piece."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record.model_dump(mode="json"))


def read_record(path: Path) -> Record:
    """Read a record.

    Raises
    ------
    BenchError
        If it isn't there, or isn't one of this version.
    """
    again = "measure again: `sonoforge bench --out FILE`"
    try:
        return Record.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BenchError(f"{path}: {error.strerror}", expected="a record of `sonoforge bench`", remedy=again) from None
    except (ValidationError, ValueError) as error:
        raise BenchError(
            f"{path} isn't a record of `sonoforge bench` ({str(error).splitlines()[0]})",
            expected="JSON of schema version 2",
            remedy=again,
        ) from None
