"""A reader's options, as a contract gives them: what is wrong with them is told in their own terms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from components.contract import Contract
from components.errors import ContractError
from components.intake.layouts.paired_folders import PairedFolders

PART = {"images": "a/{stem}.png", "masks": None}


@pytest.mark.parametrize(
    ("options", "found", "expected", "remedy"),
    [
        ({"part": [PART]}, "part: no key of these options; `parts` is one", "keys of these options", "remove `part`"),
        (
            {"parts": [PART | {"image": "x"}]},
            "parts.0.image: no key under parts.0; `images` is one",
            "prefix",
            "`image`",
        ),
        ({"parts": [{"masks": None}]}, "parts.0.images: is missing", "the key parts.0.images", "add parts.0.images"),
        ({"parts": [PART | {"labels": {"fil": "x"}}]}, "`file` is one", "keys under parts.0.labels: file", "`fil`"),
        ({"parts": 5}, "parts: 5", "a list, as in [a, b]", "correct parts"),
        ({"parts": []}, "parts: a list", "at least one entry", "correct parts"),
        ({"parts": [PART | {"images": 5}]}, "parts.0.images: 5", "a text", "correct parts.0.images"),
        ({"parts": [PART | {"images": "a.png"}]}, "`images` needs a blank", "agree in parts.0", "correct parts.0"),
        ({"parts": [PART], "group": "{patient}"}, "lacks the blanks patient", "these options", "correct these options"),
    ],
)
def test_a_wrong_option_is_told_with_its_place_and_what_may_stand_there(
    options: dict[str, Any], found: str, expected: str, remedy: str, contract_of: Callable[[str], Contract]
) -> None:
    contract = contract_of("tn3k")
    wrong = contract.model_copy(update={"layout": contract.layout.model_copy(update={"options": options})})
    with pytest.raises(ContractError) as refused:
        PairedFolders.of(wrong)
    error = refused.value
    assert error.found.startswith("contract tn3k, layout.options of the reader paired_folders")
    assert found in error.found and expected in error.expected and remedy in error.remedy
    assert ".py" not in str(error) and "Input should" not in str(error)
