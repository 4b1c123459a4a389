"""What must hold of a dataset's table of facts: rules declared once, judged plainly here.

`rules_of` turns a contract's expectations into rules; each looks at one column of the facts, some rows at a time: in
memory are the faults, and of a column whose values must differ a digest each. Great Expectations judges the same rules
over the same table (components/intake/validate_data.py). Leaves out: computing the facts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import numpy as np
import pandas as pd

from components.contract import Contract
from components.intake.faults import CATALOGUE, acceptance, by_contract, fault, severity_of
from components.intake.layouts import Case
from components.intake.measuring.facts_table import Facts
from components.intake.measuring.pixels import MAX_OBJECTS
from components.texts import Equals
from components.types import Fault

MAX_STRAY_SHARE = 0.02
# Of the frame. A smaller coloured region is a logo or a mark, a smaller black one hides next to nothing.
MAX_DOPPLER_SHARE = 0.002
MAX_BLACK_SHARE = 0.001
# Of the frame's outermost pixels. What a probe shows lies within the frame, or is cut by one side of it.
MAX_RIM_SHARE = 0.5
# Ultrasound has 0.30 or more of the one and 0.81 or more of the other (measuring/content.py).
MIN_PICTURE_SHARE = 0.02
MIN_NEIGHBOUR_CORRELATION = 0.4
_LINES = ""
_MASK, _FOREGROUND = "mask_file", "foreground_share"
_SHARE = "a share of {value:.1%}"
_EVEN = "one grey but for {value:.1%} of the frame"
_RIM = "foreground on {value:.1%} of the frame's outermost pixels"
_NOISE = "pixels that correlate with those beside them by {value:.2f}"


@dataclass(frozen=True, slots=True)
class Rule:
    """What one column of the facts must be; a missing value is never a failure.

    kind `clear`: empty text or false; `between`: from `low` to `high`, both included; `unique`: no value twice.
    `found` words a failure, with {value} for the column's value; `_LINES` where the value itself has lines of file
    and finding. `file` is the column that names the file; where that is missing, as for outlines of a sheet that holds
    those of many images, it is the image.
    """

    code: str
    column: str
    kind: Literal["clear", "between", "unique"]
    found: str
    low: float | None = None
    high: float | None = None
    file: str = "image_file"

    @property
    def name(self) -> str:
        """A name that no other rule has."""
        return f"{self.code}:{self.column}"


def rules_of(contract: Contract) -> tuple[Rule, ...]:
    """The rules that a contract's expectations make."""
    expect = contract.expectations
    return (
        Rule("unreadable_image", "image_problem", "clear", _LINES),
        Rule("unreadable_mask", "mask_problem", "clear", _LINES),
        Rule("mask_size_mismatch", "mask_size_problem", "clear", _LINES),
        Rule("mask_turned", "mask_turned_problem", "clear", _LINES),
        Rule("exif_orientation", "orientation_problem", "clear", _LINES),
        Rule("identity_tag", "identity_tags", "clear", _LINES),
        Rule("identity_in_name", "identity_names", "clear", _LINES),
        Rule("date_in_name", "date_names", "clear", _LINES),
        Rule("format_mismatch", "format_problem", "clear", _LINES),
        Rule("several_frames", "frames_problem", "clear", _LINES),
        Rule("reduced_depth", "depth_problem", "clear", _LINES),
        Rule("unknown_mask_code", "unknown_codes", "clear", _LINES),
        Rule("stray_mask_values", "stray_share", "between", _SHARE, high=MAX_STRAY_SHARE, file="stray_file"),
        Rule("too_many_objects", "objects", "between", "{value} objects or more", high=MAX_OBJECTS, file=_MASK),
        Rule("empty_mask", "empty_where_required", "clear", "no object in the mask", file=_MASK),
        Rule("unexpected_lesion", "lesion_where_none", "clear", "an object in the mask", file=_MASK),
        Rule("label_conflict", "declared_conflict", "clear", "{value}", file=_MASK),
        Rule("specks", "specks", "between", "{value} components under min_area_px", high=0, file="speck_file"),
        Rule("covered_object", "covered", "between", "{value} objects wholly under others", high=0, file="mask_file"),
        Rule("foreground_share", _FOREGROUND, "between", "{value:.1%}", high=expect.max_foreground_share, file=_MASK),
        Rule("inverted_mask", "rim_share", "between", _RIM, high=MAX_RIM_SHARE, file=_MASK),
        Rule("blank_image", "picture_share", "between", _EVEN, low=MIN_PICTURE_SHARE),
        Rule("only_noise", "neighbour_correlation", "between", _NOISE, low=MIN_NEIGHBOUR_CORRELATION),
        Rule("image_size", "short_side_px", "between", "a side of {value} pixels", low=expect.min_side_px),
        Rule("image_size", "long_side_px", "between", "a side of {value} pixels", high=expect.max_side_px),
        Rule("burnt_in_text", "text_glyphs", "between", "{value} glyphs in lines", high=0),
        Rule("calipers", "caliper_crosses", "between", "{value} crosses", high=0),
        Rule("colour_doppler", "doppler_share", "between", "{value:.1%} of the frame", high=MAX_DOPPLER_SHARE),
        Rule("black_area", "black_share", "between", "{value:.1%} of the frame", high=MAX_BLACK_SHARE),
        Rule("near_copy", "near_copy_of", "clear", "the speckle of {value}"),
        Rule("conflicting_copies", "conflicting_copies", "clear", _LINES),
        Rule("exact_copy", "pixels_md5", "unique", "the same pixels as another image (md5 {value})"),
    )


def failing(
    rules: Sequence[Rule], facts: Facts, *, also: Sequence[str] = ()
) -> Iterator[tuple[pd.DataFrame, list[pd.Series]]]:
    """The rows some at a time, and for each rule which of these break it: boolean series.

    The rows hold the columns of the rules, those that name their files, and those of `also`.
    """
    repeated = {
        rule.column: Equals(text for text in facts.texts(rule.column) if text is not None).repeated()
        for rule in rules
        if rule.kind == "unique"
    }
    columns = [name for rule in rules for name in (rule.column, rule.file)]
    for frame in facts.batches(list(dict.fromkeys([*columns, *also]))):
        yield frame, [_broken(rule, frame[rule.column], repeated) for rule in rules]


def _broken(rule: Rule, values: pd.Series, repeated: Mapping[str, Container[object]]) -> pd.Series:
    if rule.kind == "unique":
        broken = pd.Series([value in repeated[rule.column] for value in values], index=values.index)
    elif rule.kind == "clear":
        broken = values.fillna(False) if values.dtype == "boolean" else values.fillna("") != ""
    else:
        low = float("-inf") if rule.low is None else rule.low
        high = float("inf") if rule.high is None else rule.high
        broken = ~values.between(low, high).fillna(True)
    return broken.astype(bool)


def broken_rows(facts: Facts, contract: Contract) -> dict[str, int]:
    """How many rows break each rule, by its name."""
    rules = rules_of(contract)
    found = Counter({rule.name: 0 for rule in rules})
    for _, broken in failing(rules, facts):
        found.update({rule.name: int(chosen.sum()) for rule, chosen in zip(rules, broken, strict=True)})
    return dict(found)


def judge(facts: Facts, contract: Contract) -> list[Fault]:
    """All faults that the facts show, and the known ones that the contract accepts, as warnings."""
    rules = rules_of(contract)
    # By rule, each once: what a folder's name tells is found with each of its images.
    found: list[dict[Fault, None]] = [{} for _ in rules]
    accepted: list[Fault] = []
    for frame, broken in failing(rules, facts, also=["image_file", "accepted"]):
        for rule, faults, chosen in zip(rules, found, broken, strict=True):
            faults |= dict.fromkeys(_faults(rule, frame, chosen, contract))
        accepted += _accepted(frame["accepted"], contract)
    return by_contract(dict.fromkeys(chain.from_iterable(found)), contract) + accepted


def _faults(rule: Rule, frame: pd.DataFrame, chosen: pd.Series, contract: Contract) -> Iterator[Fault]:
    # Pandas takes milliseconds to give no rows of so many columns, and most rules find none.
    for row in frame[chosen].to_dict("records") if chosen.any() else ():
        for file, found in _findings(rule, row):
            yield fault(rule.code, dataset=contract.name, file=file, found=found, expected=_limits(rule))


def warned_of(facts: Facts, contract: Contract) -> Iterator[tuple[str, ...]]:
    """Row by row the codes of warnings, in the rules' order, then of what the contract accepts and leaves out."""
    rules = [rule for rule in rules_of(contract) if severity_of(rule.code, contract) == "warning"]
    for frame, broken in failing(rules, facts, also=["accepted"]):
        told: list[list[str]] = [[] for _ in range(len(frame))]
        for rule, chosen in zip(rules, broken, strict=True):
            for row in np.flatnonzero(chosen):
                told[row].append(rule.code)
        for codes, accepted in zip(told, frame["accepted"].fillna(""), strict=True):
            codes += [entry.split("\t", 1)[0] for entry in filter(None, accepted.split("\n"))]
            yield tuple(dict.fromkeys(codes))


def _findings(rule: Rule, row: Mapping[Any, Any]) -> list[tuple[str, str]]:
    """What a failing row says: files and findings."""
    value = row[rule.column]
    if rule.found != _LINES:
        named = row[rule.file]
        return [(row["image_file"] if pd.isna(named) else named, rule.found.format(value=value))]
    parts = (line.split("\t", 1) for line in value.split("\n"))
    return [(file, found) for file, found in parts]


def _limits(rule: Rule) -> str:
    """The expectation with its numbers, for rules that have any."""
    expected = CATALOGUE[rule.code].expected
    if rule.code == "image_size":
        return f"{expected}: " + (f"at least {rule.low}" if rule.low is not None else f"at most {rule.high}")
    return f"{expected} ({rule.high:g})" if rule.code == "foreground_share" else expected


def _accepted(texts: pd.Series, contract: Contract) -> list[Fault]:
    found = []
    for text in texts.dropna():
        for entry in filter(None, text.split("\n")):
            code, file, what = entry.split("\t", 2)
            entry_of = acceptance(code, file, contract)
            assert entry_of is not None, "facts hold as accepted what the contract accepts"
            known = fault(code, dataset=contract.name, file=file, found=what)
            remedy = f"nothing to do: the contract accepts it and leaves the file out ({entry_of.reason})"
            found.append(Fault(code, "warning", known.dataset, file, what, known.expected, remedy))
    return found


def counts_frame(facts: Facts, contract: Contract, excluded: Sequence[Case] = ()) -> pd.DataFrame:
    """What the authors count against what is here: columns what, stated, found. Only sensible for real data.

    `excluded` are cases in quarantine, which are here too.
    """
    stated = {f"class {name}": number for name, number in contract.expectations.classes.items()}
    classes = Counter(facts.texts("subject_class"))
    classes.update(case.subject_class for case in excluded)
    here = {f"class {name}": classes[name] for name in contract.expectations.classes}
    if contract.expectations.images is not None:
        stated["images"], here["images"] = contract.expectations.images, len(facts) + len(excluded)
    names = sorted(stated)
    return pd.DataFrame(
        {"what": names, "stated": [stated[n] for n in names], "found": [here[n] for n in names]}
    ).astype({"what": "string", "stated": "Int64", "found": "Int64"})


def judge_counts(counts: pd.DataFrame, contract: Contract) -> list[Fault]:
    """Faults where the numbers of images differ from what the authors state."""
    faults = [
        fault(
            "image_count" if row["what"] == "images" else "class_count",
            dataset=contract.name,
            file=".",
            found=f"{row['found']} ({row['what']})",
            expected=f"{row['stated']}, as the contract says of the original",
        )
        for row in counts[counts["stated"] != counts["found"]].to_dict("records")
    ]
    return by_contract(faults, contract)
