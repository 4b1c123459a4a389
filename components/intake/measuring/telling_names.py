"""Names of folders and files, to what they may tell of a person: dates, record numbers, DICOM UIDs, people's names.

A few conservative patterns: a name that isn't flagged isn't thereby free of identity (a person's name in small
letters, without a label such as `patient` before it, isn't found), and a date may be a video's. A contract that knows
better overrides the fault's severity. Leaves out: what stands within the files (measuring/identity.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

DATE, IDENTITY = "date_in_name", "identity_in_name"
NAME_CODES = (IDENTITY, DATE)
_YEAR_FIRST = re.compile(
    r"(?<!\d)(?:19|20)\d\d([-_.]?)(?:0[1-9]|1[0-2])\1(?:0[1-9]|[12]\d|3[01])"
    r"(?P<time>[T_ -]?[0-2]\d[0-5]\d(?:[0-5]\d)?)?(?!\d)"
)
_YEAR_LAST = re.compile(r"(?<!\d)(?:0?[1-9]|[12]\d|3[01])([-_.])(?:0?[1-9]|[12]\d|3[01])\1(?:19|20)\d\d(?!\d)")
_SHORT_YEAR = re.compile(r"(?<![\d.])(?:0[1-9]|[12]\d|3[01])\.(?:0[1-9]|1[0-2])\.\d\d(?![\d.])")
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_MONTH_NAMED = re.compile(
    rf"(?<!\d)\d{{1,2}}[-_. ]?{_MONTH}[-_., ]{{0,2}}(?:19|20)\d\d(?!\d)|"
    rf"(?<!\d)(?:19|20)\d\d[-_. ]?{_MONTH}[-_. ]?\d{{1,2}}(?!\d)|"
    rf"(?<![a-z]){_MONTH}[-_. ]?\d{{1,2}}[-_., ]{{1,2}}(?:19|20)\d\d(?!\d)",
    re.IGNORECASE,
)
_DATES = (_YEAR_FIRST, _YEAR_LAST, _SHORT_YEAR, _MONTH_NAMED)
_BIRTH = re.compile(r"(?<![a-z])(dob|geb|birth|born|nacim)", re.IGNORECASE)
_BIRTH_NUMBER = re.compile(r"(?<![a-z])(?:dob|geb|birth(?:day|date)?|born|nacim)[-_ .:]?\d{4,}", re.IGNORECASE)
# With dots, or under the roots of DICOM's own and of those who make the machines where dots became other signs.
_UID = re.compile(
    r"(?<![\d.])[0-2](?:\.\d+){5,}|(?<![0-9A-Za-z])(?:1[_-]2[_-]840|1[_-]3[_-](?:6|12|46)|2[_-]25)(?:[_-]\d+){3,}"
)
_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])(?:[A-Z]{1,2}\d{7,10}|0?[1-9]\d{6,}|\d{8}[A-Z])(?![0-9A-Za-z])|(?<!\d)\d{3}-\d{2}-\d{4}(?!\d)"
)
# Datasets number their patients too, with four digits or five.
_LABELLED_NUMBER = re.compile(
    r"(?<![a-z])(?:(?:mrn|ssn|nhs|accession|record|chart)[-_ #]?(?:no|nr|id)?[-_ #.]?\d{4,}"
    r"|(?:patient|pat|pt|pid|acc)[-_ #]?(?:no|nr|id)?[-_ #.]?\d{6,})",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w+")
_LABELLED_PERSON = re.compile(
    r"(?<![^\W\d_])(?:patient|pat|pt|name|mr|mrs|ms|herr|frau)(?:[-_ ]?name)?[-_ ,]+"
    r"(?P<first>[^\W\d_]{2,})(?:[-_ ,]+(?P<second>[^\W\d_]{2,}))?(?![^\W\d_])",
    re.IGNORECASE,
)
_NAMELIKE = re.compile(r"[^\W\d_a-z][^\W\d_]{2,}")
_ENDINGS = frozenset({"docx", "jpeg", "json", "pptx", "tiff", "xlsx", "yaml"})
_IN_BRACKETS = re.compile(r"\s*\(\d+\)")
_CARET = re.compile(r"[^\W\d_]{2,}\^[^\W\d_]{2,}")
# Words that datasets name their folders and files by; a pair with one of them is no person.
_TECHNICAL = (
    "abdomen acuson agreement angle annotated annotation annotations aop aplio appendix approval axilla benign "
    "bmode breast bus busi caliper canon cardiac carotid case cases cervical citation class clinic clinical color "
    "colour conditions consent csv curated cyst data database dataset datasets demographics description details "
    "dictionary documentation doppler esaote ethics expert experts external feature features fetal final fold "
    "folder form frame frames ground guide head healthcare hitachi hospital id ids image images img info inter "
    "internal intra key keys kidney label labeled labelled labels left lesion lesions level licence license linear "
    "list lists liver logiq longitudinal lymph malignant manual map mask masks material medison meta metadata "
    "mindray mini muscle name names negative nerve new node nodule nodules normal notes number numbers observer "
    "operator organ original ovary overlay part patient patients phantom philips picture png polyp positive probe "
    "prostate protocol pubic radiologist rater raw reader readers record records release report reports right "
    "sample samples samsung scan scans segmentation set sets sheet siemens sonographer split study subset "
    "supplementary sus symphysis table tag terms test testing thyroid toshiba train training trainval transverse "
    "truth tumor tumour type ultrasound unlabeled unlabelled use val valid validation version video videos view "
    "views volume voluson with without"
)
_NO_PERSON = frozenset(_TECHNICAL.split())


def telling_names(path: PurePosixPath) -> list[tuple[str, str, str]]:
    """What a relative path's folders and file name may tell of a person: (code, place, what was found).

    `place` is the path as far as the part that tells; what a folder tells isn't told again of the files in it.
    """
    told: list[tuple[str, str, str]] = []
    seen: set[str] = set()
    place = PurePosixPath()
    for number, part in enumerate(path.parts, 1):
        place /= part
        for code, text, found in _told_by(_stem(part) if number == len(path.parts) else part):
            if text not in seen:
                seen.add(text)
                told.append((code, place.as_posix(), found))
    return told


def _stem(name: str) -> str:
    """A file's name without its ending; the last number of a UID is none, nor is a name written as names are."""
    stem, dot, ending = name.rpartition(".")
    is_ending = ending.lower() in _ENDINGS or (not ending.isdigit() and not _NAMELIKE.fullmatch(ending))
    return stem if dot and stem and (is_ending or ending.isupper()) else name


def _told_by(name: str) -> Iterator[tuple[str, str, str]]:
    """(code, the text that tells, what it looks like) of one folder's or file's name."""
    rest = name
    for email in _EMAIL.finditer(name):
        yield IDENTITY, email[0], "the form of an e-mail address"
        rest = rest.replace(email[0], " ")
    for uid in _UID.finditer(rest):
        yield IDENTITY, uid[0], "the form of a DICOM UID"
        rest = rest.replace(uid[0], " ")
    for date in (match for pattern in _DATES for match in pattern.finditer(rest)):
        if _BIRTH.search(name):
            yield IDENTITY, date[0], "a date of birth"
        else:
            yield DATE, date[0], "a date and time of day" if date.groupdict().get("time") else "a date"
        rest = rest.replace(date[0], " ")
    for birth in _BIRTH_NUMBER.finditer(rest):
        yield IDENTITY, birth[0], "a date of birth"
        rest = rest.replace(birth[0], " ")
    for pattern in (_LABELLED_NUMBER, _NUMBER):
        for number in pattern.finditer(rest):
            yield IDENTITY, number[0], "a long number, as of a record or a patient"
            rest = rest.replace(number[0], " ")
    if person := _person(rest) or _labelled_person(rest):
        yield IDENTITY, person[0], person[1]


def _person(name: str) -> tuple[str, str] | None:
    """The part of a name that looks like two or three names of a person, and its form; None where none does."""
    form = "the form Lastname_Firstname"
    if caret := _CARET.search(name):
        return caret[0], form
    # BUSI's numbers stand in brackets, also before `_mask`.
    name = _IN_BRACKETS.sub("", name)
    for between in (r"[_,]", r" ", r"\."):
        words = [word.strip(" ()[]") for word in re.split(between, name)]
        while words and (words[-1].lower() in _NO_PERSON or not any(sign.isalpha() for sign in words[-1])):
            words.pop()
        personal = [word for word in words if _NAMELIKE.fullmatch(word) and word.lower() not in _NO_PERSON]
        # Titles of datasets have more words than two with blanks between them.
        if personal == words and len(words) in ((2, 3) if between == r"[_,]" else (2,)):
            return "_".join(words), form
    return None


def _labelled_person(name: str) -> tuple[str, str] | None:
    """One capitalised word after a label such as `patient`, or two of any letters, that no dataset names things by."""
    for match in _LABELLED_PERSON.finditer(name):
        words = [word for word in match.groups() if word]
        while words and words[-1].lower() in _NO_PERSON:
            words.pop()
        known = not words or words[0].lower() in _NO_PERSON
        if not known and (len(words) == 2 or _NAMELIKE.fullmatch(words[0])):
            return match[0], "a name after a word such as `patient`"
    return None
