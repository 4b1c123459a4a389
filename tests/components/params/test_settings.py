"""A service takes its settings from the file that is named, else from its Bento, else from the project."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from components.errors import ParamsError
from components.params import load_params
from components.params.settings import configured_mode, read_settings
from components.places import SETTINGS_VARIABLE
from tests.serving.small import SETTINGS, with_cache


def write(path: Path, settings: object) -> Path:
    """A YAML file."""
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return path


def test_the_named_file_goes_before_the_bentos_and_that_before_the_projects(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "params.yaml").write_text((root / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    assert read_settings(tmp_path) == load_params(root / "params.yaml").serving
    carried, named = with_cache(ttl_s=5.0), with_cache(ttl_s=6.0)
    write(tmp_path / "serving.yaml", carried.model_dump())
    assert read_settings(tmp_path) == carried
    monkeypatch.setenv(SETTINGS_VARIABLE, str(write(tmp_path / "named.yaml", {"serving": named.model_dump()})))
    assert read_settings(tmp_path) == named


def test_a_missing_or_wrong_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml can't be read"):
        read_settings(tmp_path)
    values = SETTINGS.model_dump()
    values["cache"] |= {"ttl_s": -1, "colour": "red"}
    write(tmp_path / "serving.yaml", values)
    with pytest.raises(ParamsError, match=r"serving\.yaml, serving: .*cache\.(ttl_s|colour)"):
        read_settings(tmp_path)
    (tmp_path / "serving.yaml").write_text("- 1", encoding="utf-8")
    with pytest.raises(ParamsError, match="top"):
        read_settings(tmp_path)


@pytest.mark.parametrize("variable", ["SONOFORGE_RUNTIME", "SONOFORGE_ACCESS"])
def test_a_variable_that_chooses_what_isnt_there_is_named(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "serving.yaml", SETTINGS.model_dump())
    monkeypatch.setenv(variable, "openvin")
    with pytest.raises(ParamsError, match=rf"\${variable} is 'openvin'\n  expected: one of "):
        read_settings(tmp_path)
    monkeypatch.setenv(variable, "")
    assert read_settings(tmp_path) == SETTINGS


def test_the_mode_is_read_alone_from_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml can't be read"):
        configured_mode(tmp_path)
    write(tmp_path / "serving.yaml", {"access": {"mode": "proxy"}, "of another time": 1})
    assert configured_mode(tmp_path) == "proxy"
    monkeypatch.setenv("SONOFORGE_ACCESS", "token")
    assert configured_mode(tmp_path) == "token"
    monkeypatch.setenv(SETTINGS_VARIABLE, str(tmp_path / "nowhere.yaml"))
    with pytest.raises(ParamsError, match="nowhere"):
        configured_mode(tmp_path)
