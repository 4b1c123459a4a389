"""What the environment tells the service and the commands beside it: variables, and folders where they say nothing.

`audit_folder` and `signals_folder` are the one answer to where the records lie, for whoever writes and whoever reads
them. Leaves out: tokens and secrets, whose variables stand where they are read (tokens.py, serving/access).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

AUDIT_VARIABLE = "SONOFORGE_AUDIT"
"""Names the folder of the audit log."""
SIGNALS_VARIABLE = "SONOFORGE_SIGNALS"
"""Names the folder of the signals of served traffic."""
IN_SERVICE_VARIABLE = "SONOFORGE_IN_SERVICE"
"""Names the file that says which model to serve, where another one may come."""
MODEL_VARIABLE = "SONOFORGE_MODEL"
"""Names the folder of the model to serve."""
SETTINGS_VARIABLE = "SONOFORGE_SETTINGS"
"""Names the YAML file with the service's settings."""
ACCESS_VARIABLE = "SONOFORGE_ACCESS"
"""Says how the service learns who asks, in place of its settings' `access.mode`."""
RUNTIME_VARIABLE = "SONOFORGE_RUNTIME"
"""Says what runs the model, in place of the settings' `runtime`."""
CACHE_VARIABLE = "SONOFORGE_CACHE"
"""Names the folder in which the service keeps what it has measured and compiled for this machine."""
AUDIT, SIGNALS = "audit", "signals"
CACHE = Path(".cache/sonoforge")
"""Of a project, what it keeps there."""


def audit_folder(environment: Mapping[str, str], *, root: Path) -> Path:
    """The folder of the audit log: the one that is named, else that of the project in `root`."""
    named = environment.get(AUDIT_VARIABLE)
    return Path(named) if named else root / AUDIT


def signals_folder(environment: Mapping[str, str], *, audit: Path) -> Path:
    """The folder of the signals: the one that is named, else the one beside the audit log's."""
    named = environment.get(SIGNALS_VARIABLE)
    return Path(named) if named else audit.with_name(SIGNALS)


def cache_folder(environment: Mapping[str, str], *, root: Path | None = None) -> Path | None:
    """The folder of what is kept for this machine: the one that is named, else that of a project; None without one."""
    named = environment.get(CACHE_VARIABLE)
    if named:
        return Path(named)
    return None if root is None else root / CACHE
