"""`docs/statements.yaml`, what only people can say, to texts by key.

The file stands in git and ships empty. Unknown keys, values that aren't text, texts that are too long and characters
that steer what comes after them are refused. Leaves out: where a statement appears (the documents), and escaping it
(marking.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from components.errors import ParamsError, StatementsError
from components.marking import unseen

NOT_PROVIDED: Final = "NOT PROVIDED"
STATEMENTS = Path("docs/statements.yaml")
MAX_BYTES = 200_000
MAX_CHARACTERS = 2_000
LABELS: Mapping[str, str] = {
    "title": "title of the study",
    "summary": "structured summary",
    "clinical_background": "clinical background",
    "objectives": "aims and hypotheses",
    "sample_size": "reason for the number of cases",
    "protocol": "study protocol",
    "registration": "registration",
    "patient_involvement": "involvement of patients and the public",
    "ethics": "ethics approval and consent",
    "funding": "funding",
    "conflicts_of_interest": "conflicts of interest",
    "data_availability": "availability of the data",
    "code_availability": "availability of code and model",
    "intended_use": "intended use",
    "intended_population": "intended population",
    "intended_users": "intended users",
    "intended_setting": "intended setting",
    "use_in_practice": "handling in practice",
    "health_inequalities": "known health inequalities",
    "participants": "the people imaged",
    "selection": "selection of the people imaged",
    "treatments": "treatments they had had",
    "deidentification": "de-identification",
    "reference_standard": "reason for the reference outlines",
    "annotators": "who drew the reference outlines",
    "annotator_agreement": "agreement between annotators",
    "interpretation": "interpretation",
    "clinical_limitations": "clinical limitations found in use",
    "implications": "implications for practice",
    "future_work": "next steps",
    "change_reason": "reason for the change",
    "change_risks": "risks of the change",
    "monitoring_plan": "watching the model in use",
    "contact": "contact",
}
"""Every statement by its key, as documents call it."""


def read_statements(path: Path) -> dict[str, str]:
    """Read what people have stated: a text for each key of `LABELS`, empty where nothing is stated.

    Raises
    ------
    StatementsError
        If the file is missing, isn't YAML in UTF-8, holds an unknown key or one twice, or a value isn't a text of at
        most `MAX_CHARACTERS` without control characters.
    """
    values = _load(path)
    if unknown := sorted(str(key) for key in values if key not in LABELS):
        raise StatementsError(
            f"{path} holds the unknown keys {', '.join(unknown)[:300]}",
            expected=f"some of {', '.join(LABELS)}",
            remedy="correct or remove them; the file as shipped lists all keys with their meaning",
        )
    return {key: _text(path, key, values.get(key)) for key in LABELS}


def check_required(required: Iterable[str]) -> None:
    """Make sure that params.yaml asks for statements that exist.

    Raises
    ------
    ParamsError
        If `document.required` names another.
    """
    if unknown := [key for key in required if key not in LABELS]:
        raise ParamsError(
            f"params.yaml: document.required names {', '.join(unknown)}",
            expected=f"keys of {STATEMENTS.as_posix()}: {', '.join(LABELS)}",
            remedy="correct or remove them",
        )


def _load(path: Path) -> Mapping[Any, Any]:
    try:
        if (size_bytes := path.stat().st_size) > MAX_BYTES:
            raise StatementsError(
                f"{path} has {size_bytes:,} bytes",
                expected=f"at most {MAX_BYTES:,}",
                remedy="shorten its texts; name longer ones by where they can be read",
            )
        text = path.read_bytes().decode("utf-8")
        # This reader refuses a key that stands twice, where others take the last without a word.
        values = YAML(typ="safe", pure=True).load(text)
    except FileNotFoundError:
        raise StatementsError(
            f"{path} doesn't exist",
            expected="what people state of the model; the file ships empty",
            remedy=f"bring it back: `git checkout {STATEMENTS.as_posix()}`",
        ) from None
    except OSError as error:
        raise StatementsError(
            f"{path} can't be read: {error.strerror}",
            expected="a file that this user may read",
            remedy="look at that path: whether it is a file, and its rights",
        ) from None
    except (YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError) as error:
        # Not UTF-8, a date or a tagged value (`!!bool abc`) that isn't one, or nested too deep.
        raise StatementsError(
            f"{path} can't be read: {' '.join(str(error).split())[:400]}",
            expected="YAML in UTF-8, each key once",
            remedy="mend the place named above; put texts with `:` or `#` in quotes or after `>-`",
        ) from None
    if not isinstance(values or {}, Mapping):
        raise StatementsError(
            f"{path} holds a {type(values).__name__}", expected="lines `key: text`", remedy="write it as it shipped"
        )
    return values or {}


def _text(path: Path, key: str, value: object) -> str:
    """One statement, without space around it."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise StatementsError(
            # The value itself isn't quoted: a few aliases in one another may stand for more text than fits in memory.
            f"{path}: {key} holds what YAML reads as {type(value).__name__}",
            expected="a text",
            remedy=f"put it in quotes: `{key}: '…'`",
        )
    text = value.strip()
    if len(text) > MAX_CHARACTERS:
        raise StatementsError(
            f"{path}: {key} has {len(text):,} characters",
            expected=f"at most {MAX_CHARACTERS:,}",
            remedy="shorten it; name where the rest can be read",
        )
    if bad := unseen(text, allowed="\n\t"):
        named = ", ".join(f"U+{ord(mark):04X}" for mark in bad[:5])
        raise StatementsError(
            f"{path}: {key} holds the unseen characters {named}",
            expected="text without control characters and others that aren't seen",
            remedy="remove them; type the text again if you can't see them",
        )
    return text
