"""The recipes name what there is: variables that the service reads, paths that a Bento has, options that it takes."""

from __future__ import annotations

import configparser
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from components.places import ACCESS_VARIABLE, AUDIT_VARIABLE, CACHE_VARIABLE, SIGNALS_VARIABLE
from components.release.packing.trial import serving
from pipelines.commands import serve
from serving.access.callers import HEALTH

DEPLOY = Path("serving/deploy")


@pytest.fixture(scope="module")
def containerfile(root: Path) -> str:
    """The container's recipe, its lines joined."""
    return (root / DEPLOY / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")


@pytest.fixture(scope="module")
def unit(root: Path) -> configparser.ConfigParser:
    """The systemd unit; of keys that stand several times the last one."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[method-assign, assignment]
    parser.read(root / DEPLOY / "sonoforge.service")
    return parser


def test_the_container_starts_as_a_bento_is_started(containerfile: str) -> None:
    (line,) = re.findall(r"^CMD (.+)$", containerfile, re.M)
    command = json.loads(line)
    tried = ["bentoml", *serving(Path("/opt/sonoforge"), 3000)[1:]]
    assert command == ["0.0.0.0" if part == "127.0.0.1" else part for part in _in_order(tried, like=command)]


def _in_order(command: list[str], *, like: list[str]) -> list[str]:
    """The same options in another command's order."""
    head, pairs = command[:3], dict(zip(command[3::2], command[4::2], strict=True))
    return head + [part for option in like[3::2] for part in (option, pairs[option])]


def test_the_container_asks_for_tokens_and_keeps_its_records_on_the_volume(containerfile: str) -> None:
    (given,) = re.findall(r"^ENV PATH=(.+)$", containerfile, re.M)
    variables = dict(part.split("=", 1) for part in shlex.split("PATH=" + given))
    assert variables[ACCESS_VARIABLE] == "token" and variables["SONOFORGE_TOKENS"].startswith("/run/secrets/")
    assert {variables[name] for name in (AUDIT_VARIABLE, SIGNALS_VARIABLE, CACHE_VARIABLE)} == {
        "/var/lib/sonoforge/audit",
        "/var/lib/sonoforge/signals",
        "/var/lib/sonoforge/cache",
    }
    assert re.search(r"^VOLUME /var/lib/sonoforge$", containerfile, re.M)
    assert re.search(r"^USER sonoforge$", containerfile, re.M)
    assert any(f"127.0.0.1:3000{path}'" in containerfile for path in HEALTH)


def test_the_unit_listens_on_this_machine_only(unit: configparser.ConfigParser) -> None:
    program, subcommand, *options = shlex.split(unit["Service"]["ExecStart"])
    assert program.endswith("/.venv/bin/sonoforge") and subcommand == "serve"
    assert options[options.index("--host") + 1] == "127.0.0.1"
    app = typer.Typer()
    serve.register(app)
    told = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "200", "NO_COLOR": "1"}).stdout
    assert all(option in told for option in options if option.startswith("--"))


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze isn't here")
def test_systemd_understands_the_unit(root: Path, tmp_path: Path) -> None:
    text = (root / DEPLOY / "sonoforge.service").read_text(encoding="utf-8")
    made = tmp_path / "sonoforge.service"
    made.write_text(text.replace("/opt/sonoforge/.venv/bin/sonoforge", sys.executable), encoding="utf-8")
    ran = subprocess.run(["systemd-analyze", "verify", str(made)], capture_output=True, text=True, check=False)
    complaints = [line for line in ran.stderr.splitlines() if "sonoforge.service" in line]
    assert complaints == [], ran.stderr
