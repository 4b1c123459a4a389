"""A dataset's contract, `data/contracts/<dataset>.yaml`, to types.

A contract states what a dataset is (source, licence, citation), how its folder is laid out, what its mask codes
mean, by which key its images belong together, and what must hold. Unknown keys are refused. Leaves out: YAML, and the
words of a refusal (contract_text.py); what its parts are made of (contract_parts.py); reading the images
(components/intake/layouts) and judging them (components/intake/validate_data.py).
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, ValidationError, field_validator, model_validator

from components.contract_parts import (
    AcceptedFault,
    Expectations,
    Group,
    Layout,
    Licence,
    MaskCodes,
    OfficialSplits,
    Part,
    Place,
    PublishedFile,
    Quarantined,
    Said,
    Source,
    Stated,
    Together,
)
from components.contract_text import NAME_PATTERN, RuleError, read_text, refusal
from components.errors import ContractError
from components.types import Role, Severity

__all__ = [
    "CONTRACTS",
    "AcceptedFault",
    "Contract",
    "Expectations",
    "MaskCodes",
    "OfficialSplits",
    "Place",
    "PublishedFile",
    "Quarantined",
    "Stated",
    "Together",
    "Use",
    "check_licence",
    "contract_names",
    "licence_addresses",
    "licence_answer",
    "licence_answers",
    "load_contract",
    "unlinked_sources",
]

CONTRACTS = Path("data/contracts")
Use = Literal["train", "redistribute", "commercial"]
_BEFORE: Final[dict[Use, str]] = {
    "train": "before training",
    "redistribute": "before passing anything on",
    "commercial": "before any commercial use",
}
_BARRED: Final[dict[Use, str]] = {
    "train": "the graph refuses to train on it",
    "redistribute": "keep it out of shared folders, remotes and releases",
    "commercial": "for research only",
}


class Contract(Part):
    """All that SonoForge knows of a dataset before it opens a file of it.

    `acquisition` is who was imaged, where, when and with what, as published, None where nothing of it was seen;
    `scanner` and `site` say by what machine and where each image was taken, None where that isn't known of each.
    `same_source_as` names datasets of the same patients: they must never meet across a test. `severity` overrides
    how bad a fault is, by its code.
    """

    schema_version: Literal[2]
    name: Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
    anatomy: Said
    role: Role
    role_reason: Said
    acquisition: Said | None = None
    scanner: Stated | None = None
    site: Stated | None = None
    source: Source
    licence: Licence
    layout: Layout
    mask: MaskCodes
    group: Group
    official_splits: OfficialSplits | None = None
    same_source_as: tuple[Said, ...] = ()
    spacing_mm: tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(gt=0)]] | None = None
    spacing_source: Said
    expectations: Expectations
    known_faults: tuple[Said, ...] = ()
    accepted_faults: tuple[AcceptedFault, ...] = ()
    quarantine: tuple[Quarantined, ...] = ()
    severity: dict[str, Severity] = Field(default_factory=dict)

    @field_validator("quarantine")
    @classmethod
    def _one_entry_a_file(cls, value: tuple[Quarantined, ...]) -> tuple[Quarantined, ...]:
        if twice := sorted(file for file, number in Counter(one.file for one in value).items() if number > 1):
            raise RuleError(
                f"more than one entry for {', '.join(twice)}",
                expected="one entry a file",
                remedy="leave the one that holds",
            )
        return value

    @model_validator(mode="after")
    def _is_not_its_own_source(self) -> Self:
        if self.name in self.same_source_as:
            raise RuleError(
                f"same_source_as names {self.name} itself",
                expected="other datasets of the same patients",
                remedy=f"remove {self.name} from it",
            )
        return self


def load_contract(name: str, folder: Path = CONTRACTS) -> Contract:
    """Read one dataset's contract.

    Raises
    ------
    ContractError
        If there is no such contract, it isn't YAML in UTF-8, names another dataset or, as one of the same patients, one
        without a contract, or breaks the schema.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise ContractError(
            f"no contract {path}",
            expected=f"one of {', '.join(contract_names(folder)) or '(none)'}",
            remedy=f"check the dataset's name, or write {path}",
        )
    text = read_text(path)
    try:
        contract = Contract.model_validate(text.value)
    except ValidationError as error:
        raise refusal(text, error.errors(), schema=Contract) from None
    if contract.name != name:
        raise ContractError(
            f"{path}, line {text.line(('name',))}, names the dataset {contract.name!r}",
            expected=repr(name),
            remedy="give file and name alike",
        )
    known = contract_names(folder)
    if strange := [other for other in contract.same_source_as if other not in known]:
        # A name written wrongly would let the same patients into training and test.
        raise ContractError(
            f"{path}, line {text.line(('same_source_as',))}, same_source_as: no dataset {', '.join(strange)}",
            expected=f"some of {', '.join(one for one in known if one != name) or '(no other contract is here)'}",
            remedy="correct the name, or write that dataset's contract too",
        )
    return contract


def check_licence(contract: Contract) -> None:
    """Make sure that real images of a dataset may be used in the role that its contract gives it.

    Raises
    ------
    ContractError
        If the dataset is internal, so that models would be trained on it, and its licence forbids that.
    """
    if contract.role == "internal" and contract.licence.train == "no":
        raise ContractError(
            f"the licence of {contract.name} forbids to train on it ({contract.licence.stated})",
            expected="licence.train yes, or unknown, for a dataset of the role internal",
            remedy="give it the role external, so that it only tests; or get leave and say so under licence",
        )


def licence_answer(contract: Contract, use: Use) -> str:
    """What follows from the licence for one use, in words; empty where it is allowed and asks for nothing."""
    licence = contract.licence
    answer = getattr(licence, use)
    if answer == "no":
        return _BARRED[use]
    if answer == "yes":
        return licence.duties or ""
    if licence.unknown_because == "not_seen":
        read = "read it where the images are published, or " if licence_addresses(contract) else ""
        return f"not known here, as the licence's text wasn't seen: {read}ask the authors, {_BEFORE[use]}"
    if licence.unknown_because == "contradictory":
        return f"not known here, as what is stated doesn't agree: ask the authors {_BEFORE[use]}"
    return f"not known here, as no licence of the images is stated: ask the authors {_BEFORE[use]}"


def licence_answers(contract: Contract) -> dict[Use, str]:
    """What follows from the licence for each use that it sets a bound to, in words."""
    answers = {use: licence_answer(contract, use) for use in _BEFORE}
    return {use: answer for use, answer in answers.items() if answer}


def licence_addresses(contract: Contract) -> tuple[str, ...]:
    """Where a licence may be read whose text nobody here saw: the places that still answer."""
    if contract.licence.unknown_because != "not_seen":
        return ()
    return tuple(place.address for place in contract.source.places if place.form != "gone")


def unlinked_sources(contract: Contract, folder: Path = CONTRACTS) -> tuple[str, ...]:
    """What a contract's source has in common with another's although neither links them, in words; often a copy's rest.

    A contract that can't be read is passed over: it is refused where it is used.
    """
    found = []
    for name in contract_names(folder):
        if name == contract.name:
            continue
        with suppress(ContractError):
            other = load_contract(name, folder)
            what = " and ".join(_in_common(contract.source, other.source))
            if what and not (_names(contract, other) or _names(other, contract)):
                found.append(
                    f"the source of {contract.name} has {what} of {name}: if its contract was copied, correct source "
                    f"and licence; if they are of the same patients, name {name} under same_source_as; if of other "
                    "patients in one archive, under source.shared_with"
                )
    return tuple(found)


def _names(one: Contract, other: Contract) -> bool:
    return other.name in (*one.same_source_as, *one.source.shared_with)


def _in_common(one: Source, other: Source) -> list[str]:
    """The addresses and the citation that two sources share, in words."""
    there = {place.address.rstrip("/").casefold() for place in other.places}
    addresses = [place.address for place in one.places if place.address.rstrip("/").casefold() in there]
    cited = " ".join(one.citation.split()).casefold() == " ".join(other.citation.split()).casefold()
    return [*(f"the address {address}" for address in addresses), *(["the citation"] if cited else [])]


def contract_names(folder: Path = CONTRACTS) -> tuple[str, ...]:
    """The names of all datasets that have a contract, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))
