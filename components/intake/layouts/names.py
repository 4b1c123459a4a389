"""What stands in a file's name, to the image's group and class.

A name is matched against a pattern with blanks (`{patient}-{side}`), and the options `group` and `subject_class` are
filled from them. Leaves out: keys that no name carries (a contract's list of related images, tables).
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from components.contract import Contract
from components.errors import ContractError
from components.intake.layouts.pattern import blanks, fill
from components.intake.layouts.reading import GROUPED_BY_NAME, Options, Reader


class NamedClass(BaseModel):
    """The class that a name carries: `text` is filled from the blanks, `names` says what it is called.

    The keys of `names` are the text, or a pattern of it such as `*benign`; the first that fits counts.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    names: dict[str, str] = Field(min_length=1)


class NamedOptions(Options):
    """`group`, such as "{patient}", and `subject_class` are filled from what stood in the blanks of a path."""

    group: str | None = None
    subject_class: NamedClass | None = None

    @classmethod
    def of(cls, contract: Contract) -> Self:
        """Check a contract's options, and that its group key and the option `group` go together.

        Raises
        ------
        ContractError
            Naming every option that is unknown, missing or wrong.
        """
        options = super().of(contract)
        if (contract.group.key in GROUPED_BY_NAME) != (options.group is not None):
            raise ContractError(
                f"contract {contract.name}: group.key {contract.group.key} and layout.options.group {options.group!r}",
                expected="the option `group` with the keys case and video, and only with them",
                remedy='say which part of a name is the group, as in group: "{patient}"; or change group.key',
            )
        return options

    def wanted_blanks(self) -> set[str]:
        """The blanks that `group` and `subject_class` need."""
        texts = [self.group or "", self.subject_class.text if self.subject_class else ""]
        return {name for text in texts for name in blanks(text)}


def group_of(reader: Reader, options: NamedOptions, image: Path, values: Mapping[str, str]) -> str:
    """The group in an image's name; where a blank has no value, a fault, and the image is its own group."""
    if options.group is None:
        return ""
    if missing := [name for name in blanks(options.group) if not values.get(name)]:
        reader.fault("group_missing", image, f"no {', '.join(missing)} in its name or entry")
        return image.stem
    return fill(options.group, values)


def class_of(reader: Reader, options: NamedOptions, image: Path, values: Mapping[str, str]) -> str | None:
    """The class in an image's name; None, and a fault, where the contract doesn't know what stands there."""
    named = options.subject_class
    if named is None:
        return None
    text = fill(named.text, {name: values.get(name, "") for name in blanks(named.text)})
    for pattern, name in named.names.items():
        if fnmatchcase(text, pattern):
            return name
    reader.fault("label_missing", image, f"the class {text!r}", expected=f"one of {', '.join(named.names)}")
    return None
