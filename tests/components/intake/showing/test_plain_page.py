"""A page in a terminal: whatever the page says, in lines that fit."""

from __future__ import annotations

import re

import pytest

from components.contract import contract_names, load_contract
from components.intake.showing.dataset_page import page
from components.intake.showing.plain_page import plain
from tests.conftest import ROOT

CONTRACTS = ROOT / "data/contracts"


@pytest.mark.parametrize("name", contract_names(CONTRACTS))
@pytest.mark.parametrize("width", [80, 120])
def test_every_page_fits_and_says_all(name: str, width: int) -> None:
    markdown = page(load_contract(name, CONTRACTS))
    text = plain(markdown, width)
    # What has no blank within can't be broken: addresses, digests, paths and patterns.
    wide = [line for line in text.splitlines() if len(line) > width and not line.startswith("    ")]
    assert all(max(map(len, line.split())) > width - 12 for line in wide)
    said = set(re.findall(r"[\w/.-]{3,}", markdown.replace("\\|", "|")))
    unsaid = (
        said - set(re.findall(r"[\w/.-]{3,}", text)) - {"---", "yaml", "Use", "Address", "Agreement", "File", "Fault"}
    )
    assert unsaid == set()
    assert "|  |" not in text and "**" not in text


def test_tables_become_lines_and_code_stays() -> None:
    markdown = (
        "# Title\n\n|  |  |\n| --- | --- |\n| Role | **external**: a \\| b |\n\n"
        "| Address | Form | Files |\n| --- | --- | --- |\n| <https://a> | request |  |\n"
        "| <https://b> | gone | `x.zip` |\n\n"
        "- one two three four\n\n    sonoforge data check x --source PATH\n\n```yaml\n| a: 1 > 0\n```\n"
    )
    assert plain(markdown, 16) == (
        "# Title\n\nRole: external:\n  a | b\n\n"
        "https://a\n  Form: request\n\nhttps://b\n  Form: gone\n  Files: x.zip\n\n"
        "- one two three\n  four\n\n    sonoforge data check x --source PATH\n\n    | a: 1 > 0\n"
    )
