"""The environment that the libraries read when they load: state in the project, nothing reported to anybody.

Set when the package is imported, before anything heavy. A variable that is set already is left as it is, except
where another value would load pickles or send reports. Leaves out: settings that a run's results depend on;
those stand in `params.yaml`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import TracebackType

from components.errors import SonoForgeError

_ALWAYS = {
    "DO_NOT_TRACK": "true",  # MLflow wants the word, not 1.
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "NO_ALBUMENTATIONS_UPDATE": "1",
    "BENTOML_DO_NOT_TRACK": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "DVC_NO_ANALYTICS": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}


class ProjectError(SonoForgeError):
    """A command was started outside a project."""


def project_root() -> Path:
    """The current folder, which must be a project's root.

    Raises
    ------
    ProjectError
        If it holds no `params.yaml` or no `dvc.yaml`, or the addresses of local databases can't hold its path.
    """
    root = Path.cwd()
    if not (root / "params.yaml").is_file() or not (root / "dvc.yaml").is_file():
        raise ProjectError(
            f"{root} isn't a project's root",
            expected="a folder with params.yaml and dvc.yaml",
            remedy="change to the project's root and start again",
        )
    if {"?", "%"} & set(root.as_posix()):
        raise ProjectError(
            f"the project's path {root} holds ? or %",
            expected="a path that Prefect's and MLflow's local databases can have in their addresses",
            remedy="rename that folder",
        )
    return root


def prepare(root: Path) -> None:
    """Set the environment for the project at `root`, and what Ctrl-C says while modules are still being loaded."""
    sys.excepthook = _say_interrupted
    os.environ.update(_ALWAYS)
    defaults = {
        "PREFECT_HOME": str(root / ".prefect"),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_LOGGING_EXTRA_LOGGERS": "components,pipelines,__main__",
        "BENTOML_HOME": str(root / ".bentoml"),
        "RAY_AUTH_MODE": "disabled",
        # Threads that spin while they wait take the cores from those that work: on two busy cores, four times slower.
        "OMP_WAIT_POLICY": "PASSIVE",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _say_interrupted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """A line in place of the traceback of an interruption; other errors are shown as ever."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("interrupted\n")
    else:
        sys.__excepthook__(kind, error, trace)
