"""The record of a package (`reports/package.json`), read and checked: whose weights it carries, and which files.

Leaves out: making the package and its record (package.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from components.errors import ReleaseError, first_fault
from components.release.files import package_digest

CANDIDATE = Path("models/candidate")
PACKAGE = Path("reports/package.json")
GOLDEN = "golden"
"""Of the candidate's folder, what goes no further."""
AGAIN = "run the stage `package` again: `dvc repro package`"


class _Judged(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")

    name: str
    digest: str = Field(pattern=r"^[0-9a-f]{64}$")


class Package(BaseModel):
    """What a release needs to know of a package's record: whose weights it carries, and its files."""

    model_config = ConfigDict(frozen=True, extra="allow")

    model: _Judged
    files: Mapping[str, str] = Field(min_length=1)
    package_sha256: str


def read_package(path: Path) -> Package:
    """Read a package's record.

    Raises
    ------
    ReleaseError
        If it is missing, isn't such a record, or its list of files isn't the one that its digest is of.
    """
    try:
        package = Package.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReleaseError(f"no {path}: {error.strerror}", expected="the package's record", remedy=AGAIN) from None
    except ValidationError as error:
        raise ReleaseError(
            f"{path} isn't a package's record: {first_fault(error)}",
            expected="the model, and the files of its Bento with their sha256",
            remedy=AGAIN,
        ) from None
    if package_digest(package.files) != package.package_sha256:
        raise ReleaseError(
            f"{path} lists other files than its digest {package.package_sha256[:12]} is of: it was altered",
            expected="the list as the stage wrote it",
            remedy=AGAIN,
        )
    return package
