"""What README and docs name is there: commands, make targets, links, pictures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from pipelines.cli import app
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```", re.DOTALL | re.MULTILINE)


def commands_of(page: Path) -> list[str]:
    """The lines of a page's code blocks and its inline code."""
    text = page.read_text(encoding="utf-8")
    lines = [line.strip() for block in BLOCK.findall(text) for line in block.splitlines()]
    return lines + re.findall(r"`([^`\n]+)`", BLOCK.sub("", text))


def known_commands() -> set[str]:
    root = typer.main.get_command(app)
    names: set[str] = set()
    for name, command in getattr(root, "commands", {}).items():
        children = getattr(command, "commands", None)
        names |= {f"{name} {child}" for child in children} if children else {name}
    return names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_sonoforge_command_named_exists(page: Path) -> None:
    known = known_commands()
    for line in commands_of(page):
        for found in re.finditer(r"(?:^|/)sonoforge ([a-z][a-z-]*)(?: ([a-z][a-z-]*))?", line):
            first, second = found[1], found[2]
            assert first in known or f"{first} {second}" in known or any(k.startswith(f"{first} ") for k in known), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_named_exists(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for line in commands_of(page):
        if found := re.match(r"make ([a-z]+)\b", line):
            assert re.search(rf"^{found[1]}:", makefile, re.MULTILINE), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_and_picture_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_project_file_named_is_there(page: Path) -> None:
    for name in re.findall(
        r"`((?:components|pipelines|serving|tests|docs|data/contracts)/[\w./]+\.(?:py|md|yaml|csv|json))`",
        page.read_text(),
    ):
        assert (ROOT / name).exists(), name
