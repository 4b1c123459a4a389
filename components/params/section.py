"""What all parts of `params.yaml` share."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from components.errors import plainly

S = TypeVar("S", bound="Section")
Share = float
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""A seed that every generator takes, and that every table and record can hold."""


class Section(BaseModel):
    """A frozen part of `params.yaml` that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def told(error: ValidationError) -> str:
    """Each key that is unknown, missing or wrong, and what is wrong with it, on one line."""
    return "; ".join(f"{'.'.join(map(str, each['loc'])) or '(top)'}: {plainly(each['msg'])}" for each in error.errors())


def restored(kind: type[S], said: dict[str, Any]) -> S:
    """A section, of which only some keys may be known, from what `model_dump` said of it in another process."""
    known: dict[str, Any] = {}
    for name, value in said.items():
        type_: Any = kind.model_fields[name].annotation
        nested = isinstance(type_, type) and issubclass(type_, Section)
        known[name] = restored(type_, value) if nested else TypeAdapter(type_).validate_python(value)
    return kind.model_construct(_fields_set=set(known), **known)
