"""Pipes, sockets, devices and links to nothing among images: told as errors, and never opened."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from components.contract import Contract
from components.errors import SonoForgeError
from components.intake.layouts import read_layout
from components.intake.validate_data import check_data
from tests.components.intake.raw_trees import BUILDERS, Tree

ContractOf = Callable[[str], Contract]


def _socket(path: Path) -> None:
    # The address of a socket is short, so that it is bound from within its folder.
    here = Path.cwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


MAKERS: dict[str, Callable[[Path], None]] = {
    "pipe": lambda path: os.mkfifo(path),
    "socket": _socket,
    "link to nothing": lambda path: path.symlink_to("gone.png"),
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_special_file_named_like_an_image_is_an_error(
    kind: str, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("busi")
    for name in ("benign (77).png", "benign (77)_mask.png"):
        MAKERS[kind](raw / "Dataset_BUSI_with_GT/benign" / name)
    checked = check_data(contract_of("busi"), raw, phantom=True, contracts=contracts)
    told = [(one.code, one.severity, one.file) for one in checked.faults if one.severity == "error"]
    place = "Dataset_BUSI_with_GT/benign"
    assert told == [("unexpected_file", "error", f"{place}/benign (77){end}.png") for end in ("", "_mask")]
    assert len(checked.facts) == 6 and not checked.sound


@pytest.mark.timeout(30)
@pytest.mark.parametrize("name", list(BUILDERS))
def test_no_reader_opens_a_pipe(name: str, tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree(name)
    files = [path for path in sorted(raw.rglob("*")) if path.is_file()]
    for path in {(path.parent, path.suffix): path for path in files}.values():
        aside = path.rename(raw.parent / "aside")
        os.mkfifo(path)
        try:
            faults = read_layout(contract_of(name), raw, phantom=True, contracts=contracts).faults
        except SonoForgeError as error:
            assert error.remedy
        else:
            file = path.relative_to(raw).as_posix()
            assert ("unexpected_file", "error", file) in {(one.code, one.severity, one.file) for one in faults}
        path.unlink()
        aside.rename(path)
