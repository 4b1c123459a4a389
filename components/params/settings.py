"""Where a service's settings come from: the file that is named, the one that its Bento carries, or the project's.

A Bento carries the `serving` section of the `params.yaml` that it was built with, as `serving.yaml` beside its code.
Leaves out: what the numbers mean (serving.py).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import ValidationError

from components.errors import ParamsError
from components.params.access import AccessMode
from components.params.section import told
from components.params.serving import RuntimeChoice, ServingParams
from components.places import ACCESS_VARIABLE, RUNTIME_VARIABLE, SETTINGS_VARIABLE

CARRIED = "serving.yaml"
"""What a Bento carries of the project's parameters: how the service bounds what clients ask."""
PARAMS = "params.yaml"
_CHOICES: dict[str, tuple[str, ...]] = {
    ACCESS_VARIABLE: get_args(AccessMode),
    RUNTIME_VARIABLE: get_args(RuntimeChoice),
}


def read_settings(code: Path) -> ServingParams:
    """The settings of a service whose code lies in the folder `code`.

    `$SONOFORGE_SETTINGS` names a YAML file, with or without the key `serving` around it. Else it is `serving.yaml`
    beside the code, as in a Bento, else `params.yaml` there. `$SONOFORGE_ACCESS` chooses another `access.mode`,
    `$SONOFORGE_RUNTIME` another `runtime`.

    Raises
    ------
    ParamsError
        If there is none, it isn't as `ServingParams` has it, or a variable chooses what isn't there.
    """
    for variable, choices in _CHOICES.items():
        if (named := os.environ.get(variable)) and named not in choices:
            raise ParamsError(
                f"${variable} is {named!r}",
                expected=f"one of {', '.join(choices)}",
                remedy=f"correct ${variable}, or unset it to go by the settings",
            )
    path, section = _section(code)
    try:
        return ServingParams.model_validate(section)
    except ValidationError as error:
        raise ParamsError(
            f"{path}, serving: {told(error)}",
            expected="the keys and types of components/params/serving.py",
            remedy="correct or remove the keys named above",
        ) from None


def configured_mode(code: Path) -> str:
    """The `access.mode` of those settings, read alone: a Bento's own code says what the others must be.

    Raises
    ------
    ParamsError
        If there is no file, or it can't be read.
    """
    _, section = _section(code)
    access = section.get("access") if isinstance(section, dict) else None
    return str(access.get("mode", "none")) if isinstance(access, dict) else "none"


def _section(code: Path) -> tuple[Path, Any]:
    """The file of the settings, and what it holds of them, whatever that is."""
    named = os.environ.get(SETTINGS_VARIABLE)
    path = Path(named) if named else next((p for p in (code / CARRIED, code / PARAMS) if p.is_file()), code / PARAMS)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ParamsError(
            f"{path} can't be read: {error}",
            expected="the settings of the service as YAML",
            remedy=f"name another file in ${SETTINGS_VARIABLE}, or mend this one",
        ) from None
    section = raw.get("serving", raw) if isinstance(raw, dict) else raw
    mode = os.environ.get(ACCESS_VARIABLE)
    if mode and isinstance(section, dict) and isinstance(section.get("access"), dict):
        section = section | {"access": section["access"] | {"mode": mode}}
    runtime = os.environ.get(RUNTIME_VARIABLE)
    if runtime and isinstance(section, dict):
        section = section | {"runtime": runtime}
    return path, section
