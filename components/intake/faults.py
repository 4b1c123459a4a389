"""The catalogue of everything that can be wrong with a dataset, and how a list of faults reads.

Each code has one severity, which a contract may override, one sentence of what is right and one of what to do;
`accept_known` turns the errors that a contract knows of into warnings. Leaves out: finding the faults (layouts, facts,
validate_data).
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from components.contract import AcceptedFault, Contract
from components.errors import ContractError
from components.types import Fault, Severity

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
LISTED_FILES = 12
_STEERING = ("Cc", "Cf", "Zl", "Zp")
_BEGINS_A_TAG, _BACKTICKS = re.compile("<(?=[A-Za-z/!?])"), re.compile("`+")


@dataclass(frozen=True, slots=True)
class FaultKind:
    """What a code means: how bad it is, what is right, what to do."""

    severity: Severity
    expected: str
    remedy: str


_DECLARE = (
    "restore the file, take it away if it doesn't belong to the dataset, or declare it under `ignore` in the "
    "contract's layout with a reason"
)
_EXPORT = "fetch the file again from the source; if the original is like this, accept the fault in the contract"
_SHEET = "fetch the file again from the source; if the original is like this, put a corrected copy into quarantine"
_NONE = "nothing to do; the contract says why"

CATALOGUE: dict[str, FaultKind] = {
    "phantom_as_real": FaultKind(
        "error", "images of patients", "don't bring phantoms in as real data; the graph makes its own phantoms"
    ),
    "missing_folder": FaultKind(
        "error", "the folders that the contract's layout names", "point to the dataset's top folder, or restore it"
    ),
    "missing_file": FaultKind("error", "the files that the contract's layout names", "restore the file"),
    "no_images": FaultKind("error", "at least one image with its mask", "check the folder and the layout"),
    "image_without_mask": FaultKind(
        "error", "a mask for every image", "restore the masks; or set expectations.unlabelled: ignore"
    ),
    "mask_without_image": FaultKind("error", "an image for every mask", "restore the images, or remove the masks"),
    "mark_without_image": FaultKind(
        "warning", "an image for every annotated mark", "restore the image; until then the mark is left out"
    ),
    "mark_without_polygon": FaultKind(
        "warning", "at least one polygon in every mark", "nothing, if the original has none: the image is left out"
    ),
    "unlabelled_image": FaultKind("info", "images without masks, as the contract allows", _NONE),
    "undecodable_name": FaultKind("error", "names of images and masks in UTF-8", "rename the file"),
    "duplicate_image_id": FaultKind("error", "file names that differ", "rename one of the files"),
    "unexpected_file": FaultKind("warning", "only files that the contract's layout knows", _DECLARE),
    "link_outside": FaultKind(
        "error", "plain files and folders; links only to files of the dataset", "put the file there that the link means"
    ),
    "no_access": FaultKind(
        "error",
        "files and folders that may be read",
        "give yourself the right to read it (chmod u+rX), and check again",
    ),
    "ignored_file": FaultKind("info", "files that the contract leaves out, with its reason", _NONE),
    "quarantined": FaultKind("info", "files that reviewers took out or corrected, by the contract", _NONE),
    "ambiguous_entry": FaultKind(
        "error",
        "entries of accepted_faults, quarantine and group.together that name one file each",
        "name the file by its path, as it stands in reports",
    ),
    "quarantine_unused": FaultKind(
        "warning", "quarantine entries that name a file which is used here", "correct the entry, or remove it"
    ),
    "together": FaultKind("info", "images that a reviewer found to belong together, by the contract", _NONE),
    "together_unused": FaultKind(
        "warning",
        "images of this folder in the entries of group.together; what an entry doesn't find may stand on another side",
        "correct the entry; nothing, if the copy is partial",
    ),
    "bad_xml": FaultKind("error", "well-formed XML without entities", _SHEET),
    "truncated_polygons": FaultKind("error", "a complete JSON list of regions in `svg`", _EXPORT),
    "degenerate_polygon": FaultKind(
        "warning", "at least three finite points in a polygon", "redraw it; until then the polygon is left out"
    ),
    "bad_annotations": FaultKind("error", "a COCO file with images, categories and annotations", _SHEET),
    "duplicate_id": FaultKind("error", "ids that no two entries share, and one entry a file", "mend the ids"),
    "annotation_without_image": FaultKind(
        "error", "a listed image for every annotation", "restore the image's entry, or remove the annotation"
    ),
    "unknown_category": FaultKind(
        "error", "categories that the contract names", "name it in layout.options.categories; null leaves it out"
    ),
    "crowd_region": FaultKind(
        "error", "one object an annotation (iscrowd 0)", "say in layout.options.crowd what such an annotation is"
    ),
    "broken_outline": FaultKind(
        "error", "polygons of three or more points within the image, or run lengths that cover it", _SHEET
    ),
    "group_missing": FaultKind(
        "error", "names that carry the group", "correct the file's name, or the pattern in the contract's layout"
    ),
    "related_unmatched": FaultKind(
        "error",
        "images under the names in the contract's list of related images, else relatives would stand on both sides",
        "give the files their published names again; lower this in the contract if none of them is in the list",
    ),
    "related_absent": FaultKind(
        "warning",
        "an image for every name in the contract's list of related images",
        "nothing, if the copy is partial; else restore the published names: under others, relatives are told apart",
    ),
    "flagged_in_list": FaultKind(
        "info",
        "images to which the contract's list of related images doesn't object",
        "look at the image and its class; if it must neither train nor test, take it out by the contract's quarantine",
    ),
    "bad_table": FaultKind("error", "a table with the columns that the contract names", _SHEET),
    "label_missing": FaultKind("warning", "a row for every image", "complete the table; the class stays unknown"),
    "origin_missing": FaultKind(
        "warning", "a scanner or site for every image", "complete the table; what it doesn't say stays unknown"
    ),
    "label_without_image": FaultKind("warning", "an image for every row", "restore the images, or mend the table"),
    "fold_mismatch": FaultKind("warning", "folds that list each image once", "restore the images or the fold file"),
    "unreadable_image": FaultKind("error", "a whole, decodable image", _EXPORT),
    "unreadable_mask": FaultKind("error", "a whole, decodable mask", _EXPORT),
    "mask_size_mismatch": FaultKind("error", "a mask of its image's size", _EXPORT),
    "mask_turned": FaultKind(
        "error",
        "a mask that lies as its image does",
        "turn the mask to the side on which its outline fits, as a reviewed correction in the contract's quarantine",
    ),
    "exif_orientation": FaultKind(
        "warning",
        "pixels that lie as they are seen (EXIF orientation 1)",
        "check that the outline fits: pixels are read as they lie in the file, and masks belong to those",
    ),
    "identity_tag": FaultKind(
        "error",
        "files without tags that name or locate a person (tags are listed by name, without their values)",
        "strip the file's metadata at the source, or put a stripped copy into the contract's quarantine",
    ),
    "identity_in_name": FaultKind(
        "error",
        "names that can't be a person's, a birth date or a record number",
        "rename the file or folder if it is one; else lower this fault's severity in the contract and say why",
    ),
    "date_in_name": FaultKind(
        "warning",
        "names without dates, which may be those of a birth or an examination",
        "ask the source what the date is; if it is harmless, lower this fault's severity in the contract and say why",
    ),
    "format_mismatch": FaultKind(
        "warning",
        "files whose content is of the format that their name says",
        "look whether the file was renamed or converted: as JPEG an image has lost detail, a mask its sharp edge",
    ),
    "several_frames": FaultKind(
        "warning", "one frame a file", "look whether the first frame is the right one; else store that one alone"
    ),
    "reduced_depth": FaultKind(
        "info",
        "images of 8 bits a value",
        "nothing to do, unless grey values are to be compared between images: each is stretched by its own range",
    ),
    "unknown_mask_code": FaultKind(
        "error", "only the mask values that the contract names", "correct the mask, or the contract's mask codes"
    ),
    "stray_mask_values": FaultKind(
        "warning", "at most 2 % of a lossy mask's pixels between black and white", "fetch the mask again"
    ),
    "empty_mask": FaultKind(
        "error", "at least one object, unless the class is one of empty_mask_classes", "draw the mask, or leave it out"
    ),
    "unexpected_lesion": FaultKind(
        "warning", "an empty mask in a class of empty_mask_classes", "check the image's class"
    ),
    "too_many_objects": FaultKind("error", "at most 255 objects an image", "check mask threshold and min_area_px"),
    "specks": FaultKind("info", "no components under min_area_px", "nothing to do: they are no objects"),
    "covered_object": FaultKind(
        "warning",
        "objects of which a part can be seen",
        "look whether an object was drawn twice, or over another: one that lies wholly under others is left out",
    ),
    "foreground_share": FaultKind(
        "error", "foreground under expectations.max_foreground_share", "check whether the mask is inverted"
    ),
    "inverted_mask": FaultKind(
        "warning",
        "foreground on at most half of the frame's outermost pixels",
        "look whether foreground and background are exchanged; correct the mask under quarantine",
    ),
    "image_size": FaultKind(
        "error", "sides between expectations.min_side_px and max_side_px", "check the file, or the contract"
    ),
    "blank_image": FaultKind(
        "error",
        "images of which at least 2 % differ from one even grey",
        "fetch the file again from the source; if the original is blank, take it out by the contract's quarantine",
    ),
    "only_noise": FaultKind(
        "warning",
        "images in which neighbouring pixels correlate by 0.4 or more, as all ultrasound does",
        "look at the image: it may be damaged, or encrypted; take it out by the contract's quarantine",
    ),
    "burnt_in_text": FaultKind(
        "info", "images without burnt-in text", "look whether it names a person, or gives the class away"
    ),
    "calipers": FaultKind(
        "info", "images without calipers", "remember in reading results: calipers show a model where the object ends"
    ),
    "colour_doppler": FaultKind(
        "warning", "grey images, without colour Doppler", "look at the image; leave it out if only B-mode is wanted"
    ),
    "black_area": FaultKind(
        "info", "images without blacked-out rectangles", "look whether the rectangle hides part of an object"
    ),
    "exact_copy": FaultKind(
        "info", "images whose pixels differ", "nothing to do: copies are kept in one group and one split"
    ),
    "near_copy": FaultKind(
        "info",
        "images of different groups that show different frames",
        "nothing to do: the split keeps near copies on one side; if they belong together, say so by the group's key",
    ),
    "conflicting_copies": FaultKind(
        "warning",
        "one class for copies of one image",
        "look at both and ask which class is right; take the other one out by quarantine, or both are learned",
    ),
    "label_conflict": FaultKind(
        "warning", "objects that the image's class allows", "check the image's mask against its class"
    ),
    "image_count": FaultKind(
        "warning", "the number of images that the authors state", "check whether the copy is complete"
    ),
    "class_count": FaultKind(
        "warning", "the number of images a class that the authors state", "check whether the copy is complete"
    ),
}

# What no contract may lower: after these, later stages would have no pixels, or would write wrong ones, or would divide
# the images of one patient, each being its own group.
ALWAYS_ERRORS = frozenset(
    {
        "phantom_as_real",
        "no_images",
        "link_outside",
        "no_access",
        "ambiguous_entry",
        "duplicate_image_id",
        "group_missing",
        "unreadable_image",
        "unreadable_mask",
        "mask_size_mismatch",
        "mask_turned",
        "too_many_objects",
    }
)

# What a contract may accept of a single file: these alone leave the image, or the mask, out of what is used.
ACCEPTABLE = frozenset(
    {"unreadable_image", "unreadable_mask", "mask_size_mismatch", "mask_turned", "truncated_polygons"}
)


def check_codes(contract: Contract) -> None:
    """Make sure that the catalogue has every fault that a contract speaks of, and that the contract may say so of it.

    Raises
    ------
    ContractError
        If `severity` or `accepted_faults` name an unknown code, `severity` lowers one of ALWAYS_ERRORS, or
        `accepted_faults` name another than one of ACCEPTABLE.
    """
    named = {*contract.severity, *(one.code for one in contract.accepted_faults)}
    if unknown := sorted(named - CATALOGUE.keys()):
        raise ContractError(
            f"contract {contract.name} names the unknown faults {', '.join(unknown)}",
            expected=f"codes of the catalogue: {', '.join(CATALOGUE)}",
            remedy="correct them under severity and accepted_faults",
        )
    lowered = sorted(code for code, level in contract.severity.items() if code in ALWAYS_ERRORS and level != "error")
    if lowered:
        raise ContractError(
            f"contract {contract.name}, severity: {', '.join(lowered)} can't be less than an error",
            expected="error, as the graph can't go on with such a file",
            remedy="remove these lines; if a single file is wrong, take it out or correct it under quarantine",
        )
    if refused := sorted({one.code for one in contract.accepted_faults} - ACCEPTABLE):
        raise ContractError(
            f"contract {contract.name}, accepted_faults: {', '.join(refused)} can't be accepted",
            expected=f"a fault whose file is left out: {', '.join(sorted(ACCEPTABLE))}",
            remedy="remove these entries; take the file out or correct it under quarantine",
        )


def severity_of(code: str, contract: Contract) -> Severity:
    """How bad a fault is: as the contract says, else as the catalogue does."""
    return contract.severity.get(code, CATALOGUE[code].severity)


def by_contract(faults: Iterable[Fault], contract: Contract) -> list[Fault]:
    """The faults with the severities that the contract overrides."""
    return [replace(one, severity=contract.severity.get(one.code, one.severity)) for one in faults]


def fault(
    code: str, *, dataset: str, file: str, found: str, expected: str = "", severity: Severity | None = None
) -> Fault:
    """Build a fault by the catalogue; `expected` and `severity` override what it says."""
    kind = CATALOGUE[code]
    return Fault(code, severity or kind.severity, dataset, file, found, expected or kind.expected, kind.remedy)


def accept_known(faults: Iterable[Fault], contract: Contract) -> list[Fault]:
    """Turn errors that the contract accepts for a file into warnings that say why the file is left out."""
    result = []
    for one in faults:
        known = acceptance(one.code, one.file, contract) if one.severity == "error" else None
        if known is not None:
            one = replace(
                one,
                severity="warning",
                remedy=f"nothing to do: the contract accepts it and leaves the file out ({known.reason})",
            )
        result.append(one)
    return result


def acceptance(code: str, file: str, contract: Contract) -> AcceptedFault | None:
    """The entry by which a contract accepts this fault of a file, named as in reports; None where there is none."""
    known = (one for one in contract.accepted_faults if one.code == code and fits(one.file, file))
    return next(known, None)


def fits(entry: str, file: str) -> bool:
    """Whether a contract's entry names a file: by its path as in reports, or by the end of it, as from a deeper top."""
    return f"/{file}".endswith(f"/{entry}")


def errors(faults: Iterable[Fault]) -> list[Fault]:
    """The faults that stop a dataset."""
    return [one for one in faults if one.severity == "error"]


def first_of(found: Sequence[Fault]) -> str:
    """How many errors there are, and the first of them, in one line."""
    number = f"{len(found)} error{'s' if len(found) > 1 else ''}"
    return f"{number}; the first, {found[0].code} in {_plain(found[0].file)}: {_plain(found[0].found)}"


def counts(faults: Iterable[Fault]) -> dict[str, int]:
    """How many faults there are of each severity."""
    result: dict[str, int] = dict.fromkeys(SEVERITIES, 0)
    for one in faults:
        result[one.severity] += 1
    return result


def as_json(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    """The faults as JSON values, errors first."""
    return [asdict(one) for one in ordered(faults)]


def as_text(
    faults: Sequence[Fault],
    *,
    title: str,
    listed_files: int = LISTED_FILES,
    pictures: Mapping[str, str] | None = None,
    whole_list: str = "faults.json",
) -> str:
    """The faults as a Markdown list: one entry for each code and remedy, its files listed compactly.

    `pictures` are addresses of what shows a code's images; `whole_list` is where a reader finds the files left out.
    """
    number = counts(faults)
    summary = ", ".join(f"{number[severity]} {severity}{_plural(severity, number)}" for severity in SEVERITIES)
    lines = [f"# {title}", "", summary + "."]
    together: dict[tuple[str, str, str, str], list[Fault]] = defaultdict(list)
    for one in ordered(faults):
        together[(one.severity, one.code, one.expected, one.remedy)].append(one)
    for (severity, code, expected, remedy), members in together.items():
        lines += ["", f"## {severity}: {code} ({len(members)})", "", f"- expected: {expected}", f"- to do: {remedy}"]
        if pictures and code in pictures:
            lines.append(f"- pictures: [{pictures[code]}]({pictures[code]})")
        lines += _files(members, listed_files, whole_list)
    return "\n".join(lines) + "\n"


def _files(members: Sequence[Fault], listed: int, whole_list: str) -> list[str]:
    by_finding: dict[str, list[str]] = defaultdict(list)
    for one in members:
        by_finding[one.found].append(one.file)
    lines = []
    for found, files in list(by_finding.items())[:listed]:
        names = ", ".join(_code(name) for name in files[:listed])
        more = f" and {len(files) - listed} more (all in {whole_list})" if len(files) > listed else ""
        lines.append(f"- found: {_words(found)} — {names}{more}")
    if len(by_finding) > listed:
        left = sum(len(files) for files in list(by_finding.values())[listed:])
        lines.append(f"- and {left} more files (all in {whole_list})")
    return lines


def _plain(text: str) -> str:
    """A text whose signs that steer a terminal, part lines or turn the reading direction are written out."""
    return "".join(ascii(one)[1:-1] if unicodedata.category(one) in _STEERING else one for one in text)


def _words(text: str) -> str:
    """The same for a line of Markdown, in which what a file's name says is neither a tag nor a link."""
    return _BEGINS_A_TAG.sub(r"\\<", _plain(text)).replace("](", "]\\(")


def _code(name: str) -> str:
    """A file's name as code, also where it holds backticks."""
    plain = _plain(name)
    fence = "`" * (1 + max(map(len, _BACKTICKS.findall(plain)), default=0))
    return f"{fence}{plain}{fence}" if len(fence) == 1 else f"{fence} {plain} {fence}"


def ordered(faults: Sequence[Fault]) -> list[Fault]:
    """By severity, then in the catalogue's order: what is missing comes before what is odd."""
    rank = {code: number for number, code in enumerate(CATALOGUE)}
    return sorted(faults, key=lambda one: (SEVERITIES.index(one.severity), rank[one.code], one.file, one.found))


def _plural(severity: Severity, number: dict[str, int]) -> str:
    return "" if severity == "info" or number[severity] == 1 else "s"
