"""Names of folders and files, to what they may tell of a person: dates, record numbers, DICOM UIDs, people's names.

A few conservative patterns: a name that isn't flagged isn't thereby free of identity (a person's name in small
letters isn't found), and a date may be a video's. A contract that knows better overrides the fault's severity.
Leaves out: what stands within the files (components/intake/measuring/identity.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

DATE, IDENTITY = "date_in_name", "identity_in_name"
_YEAR_FIRST = re.compile(
    r"(?<!\d)(?:19|20)\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"(?P<time>[T_ -]?[0-2]\d[0-5]\d(?:[0-5]\d)?)?(?!\d)"
)
_YEAR_LAST = re.compile(r"(?<!\d)(?:0?[1-9]|[12]\d|3[01])([-_.])(?:0?[1-9]|[12]\d|3[01])\1(?:19|20)\d\d(?!\d)")
_BIRTH = re.compile(r"(?<![a-z])(dob|geb|birth|born|nacim)", re.IGNORECASE)
_UID = re.compile(r"(?<![\d.])[0-2](?:\.\d+){5,}")
_NUMBER = re.compile(r"(?<![0-9A-Za-z])0?[1-9]\d{6,}(?![0-9A-Za-z])|(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)")
_LABELLED_NUMBER = re.compile(r"(?<![a-z])(?:mrn|ssn|nhs)[-_ #]?\d{4,}", re.IGNORECASE)
_NAMELIKE = re.compile(r"[^\W\d_a-z][^\W\d_]{2,}")
_CARET = re.compile(r"[^\W\d_]{2,}\^[^\W\d_]{2,}")
# Words that datasets name their folders and files by; a pair with one of them is no person.
_TECHNICAL = (
    "abdomen angle annotated annotation annotations aop axilla benign bmode breast bus busi caliper "
    "cardiac carotid case cervical class color colour csv cyst data database dataset datasets "
    "doppler external fetal final fold folder frame frames ground head image images img internal "
    "kidney label labeled labelled labels left lesion linear liver longitudinal lymph malignant map "
    "mask masks meta mini muscle negative nerve node nodule nodules normal organ original ovary "
    "overlay part patient phantom picture png polyp positive probe prostate pubic raw release right "
    "sample samples scan scans segmentation set sets sheet split study subset sus symphysis table "
    "tag test testing thyroid train training trainval transverse truth tumor tumour type ultrasound "
    "unlabeled unlabelled val valid validation version video videos view views volume with without"
)
_NO_PERSON = frozenset(_TECHNICAL.split())


def telling_names(path: PurePosixPath) -> list[tuple[str, str, str]]:
    """What a relative path's folders and file name may tell of a person: (code, place, what was found).

    `place` is the path as far as the part that tells; what a folder tells isn't told again of the files in it.
    """
    told: list[tuple[str, str, str]] = []
    seen: set[str] = set()
    place = PurePosixPath()
    for part in path.parts:
        place /= part
        name = part[: -len(path.suffix)] if part == path.name and path.suffix else part
        for code, text, found in _told_by(name):
            if text not in seen:
                seen.add(text)
                told.append((code, place.as_posix(), found))
    return told


def _told_by(name: str) -> Iterator[tuple[str, str, str]]:
    """(code, the text that tells, what it looks like) of one folder's or file's name."""
    rest = name
    for uid in _UID.finditer(name):
        yield IDENTITY, uid[0], "the form of a DICOM UID"
        rest = rest.replace(uid[0], " ")
    for date in (*_YEAR_FIRST.finditer(rest), *_YEAR_LAST.finditer(rest)):
        if _BIRTH.search(name):
            yield IDENTITY, date[0], "a date of birth"
        else:
            yield DATE, date[0], "a date and time of day" if date.groupdict().get("time") else "a date"
        rest = rest.replace(date[0], " ")
    for pattern in (_LABELLED_NUMBER, _NUMBER):
        for number in pattern.finditer(rest):
            yield IDENTITY, number[0], "a long number, as of a record or a patient"
            rest = rest.replace(number[0], " ")
    if person := _person(name):
        yield IDENTITY, person, "the form Lastname_Firstname"


def _person(name: str) -> str:
    """The part of a name that looks like two or three names of a person, "" where none does."""
    if caret := _CARET.search(name):
        return caret[0]
    words = [word.strip(" ()[]") for word in re.split(r"[_,]", name)]
    while words and (words[-1].lower() in _NO_PERSON or not any(sign.isalpha() for sign in words[-1])):
        words.pop()
    personal = [word for word in words if _NAMELIKE.fullmatch(word) and word.lower() not in _NO_PERSON]
    return "_".join(words) if len(words) in (2, 3) and personal == words else ""
