"""`params.yaml` to types: every number a run depends on, its unit and where it comes from.

Only stages read this, and each stage passes on the section that it needs. Unknown keys, wrong types and
contradictions are refused with the path of the key. Leaves out: what any number means to an algorithm; that
stands with the code that takes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from components.errors import ParamsError
from components.params.access import AccessMode, AccessParams, AccessRole
from components.params.data import PHANTOM_SOURCE, DatasetParams, PhantomParams, SplitParams
from components.params.engine import EngineParams
from components.params.judging import (
    RESERVED_NAMES,
    SISTER_NAMES,
    CalibrateParams,
    DocumentParams,
    EvaluateParams,
    GateParams,
    PackageParams,
    PeerName,
    PeerParams,
)
from components.params.models import (
    AdapterParams,
    DecoderParams,
    ModelParams,
    StudentParams,
    TeacherParams,
    student_names,
)
from components.params.monitoring import MonitorParams, SignalParams
from components.params.prompts import EvaluatePrompts, ObjectPromptKind, PromptKind, PromptParams, TrainPrompts
from components.params.section import Section, Share, told
from components.params.serving import LaneParams, ServingLanes, ServingParams
from components.params.training import (
    AugmentParams,
    DistilParams,
    DistilTerms,
    FinetuneParams,
    FitParams,
    MachineParams,
    MaskLossParams,
    OptimiseParams,
    SpreadParams,
    UnetLossParams,
    UnetParams,
)
from components.types import Role

__all__ = [
    "PHANTOM_SOURCE",
    "RESERVED_NAMES",
    "SISTER_NAMES",
    "AccessMode",
    "AccessParams",
    "AccessRole",
    "AdapterParams",
    "AugmentParams",
    "CalibrateParams",
    "DatasetParams",
    "DecoderParams",
    "DistilParams",
    "DistilTerms",
    "DocumentParams",
    "EngineParams",
    "EvaluateParams",
    "EvaluatePrompts",
    "FinetuneParams",
    "FitParams",
    "GateParams",
    "LaneParams",
    "MachineParams",
    "MaskLossParams",
    "ModelParams",
    "MonitorParams",
    "ObjectPromptKind",
    "OptimiseParams",
    "PackageParams",
    "Params",
    "ParamsFile",
    "PeerName",
    "PeerParams",
    "PhantomParams",
    "PromptKind",
    "PromptParams",
    "Section",
    "ServingLanes",
    "ServingParams",
    "Share",
    "SignalParams",
    "SplitParams",
    "SpreadParams",
    "StudentParams",
    "TeacherParams",
    "TrainPrompts",
    "UnetLossParams",
    "UnetParams",
    "load_params",
    "parse_params",
    "read_params",
    "student_names",
    "with_values",
]


class Params(Section):
    """The whole of `params.yaml`."""

    datasets: dict[str, DatasetParams] = Field(min_length=1)
    split: SplitParams
    model: ModelParams
    prompts: PromptParams
    augment: AugmentParams
    teacher: TeacherParams
    student: StudentParams
    finetune: FinetuneParams
    distil: DistilParams
    unet: UnetParams
    spread: SpreadParams
    calibrate: CalibrateParams
    evaluate: EvaluateParams
    package: PackageParams
    document: DocumentParams
    gate: GateParams
    serving: ServingParams
    monitor: MonitorParams
    engine: EngineParams

    @model_validator(mode="after")
    def _sisters_have_seeds_of_their_own(self) -> Self:
        if self.distil.seed in self.spread.seeds:
            raise ValueError(f"spread.seeds holds {self.distil.seed}, the seed of distil: name other ones")
        return self

    def names(self, role: Role) -> tuple[str, ...]:
        """Names of the run's datasets that have this role, in the file's order."""
        return tuple(name for name, dataset in self.datasets.items() if dataset.role == role)


@dataclass(frozen=True, slots=True)
class ParamsFile:
    """`params.yaml` at one time: as a text, as YAML has it, and checked."""

    text: str
    raw: Any
    params: Params


def load_params(path: Path) -> Params:
    """The parameters of `params.yaml`.

    Raises
    ------
    ParamsError
        As `read_params`.
    """
    return read_params(path).params


def read_params(path: Path) -> ParamsFile:
    """Read `params.yaml`.

    Raises
    ------
    ParamsError
        If the file is missing, isn't YAML, holds an unknown, missing or wrong key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = yaml.safe_load(text)
    except FileNotFoundError:
        raise ParamsError(
            f"{path} doesn't exist", expected="the run's parameters", remedy="run from the project's root"
        ) from None
    except OSError as error:
        raise ParamsError(
            f"{path} can't be read: {error.strerror}",
            expected="a file that this user may read",
            remedy="look at that path: whether it is a file, and its rights",
        ) from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, RecursionError) as error:
        # A text that isn't UTF-8, a date or a tagged value (`!!bool abc`) that isn't one, or what is nested too deep.
        raise ParamsError(
            f"{path} isn't YAML: {error}", expected="a YAML mapping", remedy="mend the line named above"
        ) from None
    return ParamsFile(text, raw, parse_params(raw, origin=str(path)))


def parse_params(raw: Any, *, origin: str) -> Params:
    """Check a mapping against the schema; `origin` names it in errors.

    Raises
    ------
    ParamsError
        Listing every key that is unknown, missing or wrong.
    """
    try:
        return Params.model_validate(raw)
    except ValidationError as error:
        raise ParamsError(
            f"{origin}: {told(error)}",
            expected="the keys and types of components/params",
            remedy="correct or remove the keys named above",
        ) from None


def with_values(params: Params, values: Mapping[str, Any], *, origin: str) -> Params:
    """Parameters with other values by dotted key; `origin` is what is being read, as in `parse_params`.

    Raises
    ------
    ParamsError
        As `parse_params`.
    """
    raw = params.model_dump(mode="json")
    for dotted, value in values.items():
        *sections, key = dotted.split(".")
        section = raw
        for name in sections:
            section = section[name]
        section[key] = value
    return parse_params(raw, origin=origin)
