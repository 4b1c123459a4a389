"""Pipes, sockets, devices, links and closed folders among images: told as errors, and never opened."""

from __future__ import annotations

import io
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

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


MAKERS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "pipe": ("unexpected_file", lambda path: os.mkfifo(path)),
    "socket": ("unexpected_file", _socket),
    "link to nothing": ("link_outside", lambda path: path.symlink_to("gone.png")),
    "link to a device": ("link_outside", lambda path: path.symlink_to("/dev/zero")),
    "link to a folder": ("link_outside", lambda path: path.symlink_to(path.parent)),
    "link to itself": ("link_outside", lambda path: path.symlink_to(path.name)),
}


@pytest.mark.timeout(30)
@pytest.mark.parametrize("kind", list(MAKERS))
def test_a_special_file_named_like_an_image_is_an_error(
    kind: str, tree: Tree, contract_of: ContractOf, contracts: Path
) -> None:
    raw = tree("busi")
    for name in ("benign (77).png", "benign (77)_mask.png"):
        MAKERS[kind][1](raw / "Dataset_BUSI_with_GT/benign" / name)
    checked = check_data(contract_of("busi"), raw, phantom=True, contracts=contracts)
    told = [(one.code, one.severity, one.file) for one in checked.faults if one.severity == "error"]
    place = "Dataset_BUSI_with_GT/benign"
    assert told == [(MAKERS[kind][0], "error", f"{place}/benign (77){end}.png") for end in ("", "_mask")]
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


@pytest.mark.parametrize("name", list(BUILDERS))
def test_no_reader_opens_a_file_outside(
    name: str, tree: Tree, tmp_path: Path, contract_of: ContractOf, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw, aside = tree(name), tmp_path / "aside"
    aside.mkdir()
    opened: list[str] = []
    real = io.open

    def noting(file: Any, *given: Any, **named: Any) -> Any:
        opened.append(os.path.realpath(file) if isinstance(file, str | Path) else "")
        return real(file, *given, **named)

    monkeypatch.setattr(io, "open", noting)
    monkeypatch.setattr("builtins.open", noting)
    files = [path for path in sorted(raw.rglob("*")) if path.is_file()]
    for number, path in enumerate({(path.parent, path.suffix): path for path in files}.values()):
        path.symlink_to(path.rename(aside / f"{number}{path.suffix}"))
        checked = check_data(contract_of(name), raw, phantom=True, contracts=contracts)
        file = path.relative_to(raw).as_posix()
        assert ("link_outside", file) in {(one.code, one.file) for one in checked.faults}
        assert any(place.startswith(f"{raw}/") for place in opened)
        assert not any(place.startswith(f"{aside}/") for place in opened)
        path.unlink()
        (aside / f"{number}{path.suffix}").rename(path)


def test_a_link_to_a_file_of_the_dataset_is_that_file(tree: Tree, contract_of: ContractOf, contracts: Path) -> None:
    raw = tree("udiat")
    real = (raw / "BUS/GT/000001.png").rename(raw / "BUS/GT/as_drawn.bin")
    (raw / "BUS/GT/000001.png").symlink_to(real.name)
    reading = read_layout(contract_of("udiat"), raw, phantom=True, contracts=contracts)
    assert len(reading.cases) == 4
    assert [one.code for one in reading.faults] == ["unexpected_file"]


@pytest.fixture
def other_user() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Become a user who may read only what is open to all: root is asked for no rights."""

    @contextmanager
    def become() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)

    return become


@pytest.mark.parametrize(
    ("place", "mode", "codes"),
    [
        ("Dataset_BUSI_with_GT/benign", 0, {"no_access"}),
        ("Dataset_BUSI_with_GT/extra", 0, {"no_access"}),
        ("Dataset_BUSI_with_GT/benign/benign (1).png", 0, {"no_access", "unreadable_image"}),
        ("Dataset_BUSI_with_GT/notes.txt", 0, {"no_access", "unexpected_file"}),
    ],
)
def test_what_may_not_be_read_is_named(
    place: str,
    mode: int,
    codes: set[str],
    contract_of: ContractOf,
    contracts: Path,
    other_user: Callable[[], AbstractContextManager[None]],
) -> None:
    contract = contract_of("busi")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own is closed to others
        raw = Path(folder)
        raw.chmod(0o755)
        BUILDERS["busi"](raw)
        check_data(contract, raw, phantom=True, contracts=contracts)  # imports what it needs
        path = raw / place
        if not path.exists():
            path.write_text("?") if path.suffix else path.mkdir()
        path.chmod(mode)
        try:
            with other_user():
                checked = check_data(contract, raw, phantom=True, contracts=contracts)
        finally:
            path.chmod(0o755)
    assert {one.code for one in checked.faults if one.file == place} == codes
    assert not checked.sound
    told = [one for one in checked.faults if one.code == "no_access"]
    assert [(one.file, one.severity) for one in told] == [(place, "error")] and "chmod" in told[0].remedy


def test_a_closed_sheet_of_outlines_is_told(
    contract_of: ContractOf, contracts: Path, other_user: Callable[[], AbstractContextManager[None]]
) -> None:
    contract = contract_of("ddti")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder)
        raw.chmod(0o755)
        BUILDERS["ddti"](raw)
        (raw / "1.xml").chmod(0)
        with other_user():
            faults = read_layout(contract, raw, phantom=True, contracts=contracts).faults
    assert {one.code for one in faults if one.file == "1.xml"} == {"no_access", "bad_xml"}
