"""What the pinned packages may be used under: nothing that is copyleft or non-commercial reaches the Bento.

Judged by what each package says of itself; libraries that wheels bundle aren't looked at.
"""

from __future__ import annotations

import re
from importlib import metadata

import pytest

from components.release.packing.pins import PINS, RUNTIME, runtime_pins, service_packages
from tests.architecture.closure import ROOT

REFUSED = re.compile(
    r"\bA?GPL|GNU (Affero )?General Public|non.?commercial|\bNC\b|propriet|\bSSPL\b|\bBUSL\b", re.IGNORECASE
)
EXCEPTIONS = {
    "asyncssh": "EPL-2.0 or GPL, taken under the EPL; a tool of DVC, which fetches data",
    "dulwich": "Apache-2.0 or GPL, taken under Apache-2.0; a tool of DVC",
    "grandalf": "GPL or EPL, taken under the EPL; a tool of DVC, which draws its graph",
    "pygit2": "GPL with a linking exception; a tool of DVC",
    "text-unidecode": "Artistic or GPL, taken under the Artistic License; a tool of Prefect and MLflow",
}
"""Pinned packages that name a refused licence, none of which the service needs: why they may stay."""
UNSTATED = {
    "huey": "MIT, by the file LICENSE in its sources",
    "mlcroissant": "Apache-2.0, by the file LICENSE in its sources",
}
"""Packages whose metadata names no licence."""


def licence_of(package: str) -> str:
    """What an installed package says of its licence."""
    told = metadata.metadata(package)
    classifiers = [line for line in told.get_all("Classifier") or [] if line.startswith("License ::")]
    stated = [told.get("License-Expression"), (told.get("License") or "").strip()[:200], *classifiers]
    return "; ".join(part for part in stated if part)


def pinned(lines: list[str]) -> list[str]:
    """The names of the packages that are pinned and installed here."""
    names = [line.split("==")[0].strip().lower() for line in lines if "==" in line]
    installed = {(each.metadata["Name"] or "").lower().replace("_", "-") for each in metadata.distributions()}
    return sorted(name for name in names if name.replace("_", "-") in installed)


LOCK = (ROOT / PINS).read_text(encoding="utf-8")


def test_no_refused_licence_but_for_the_exceptions() -> None:
    names = pinned(LOCK.splitlines())
    assert len(names) > 250, "nearly all that is pinned must be installed, else this looks at nothing"
    licences = {name: licence_of(name) for name in names}
    refused = {name for name, licence in licences.items() if REFUSED.search(licence)}
    assert refused == set(EXCEPTIONS), {name: licences[name] for name in refused ^ set(EXCEPTIONS)}
    assert {name for name, licence in licences.items() if not licence} <= set(UNSTATED)


def test_nothing_of_it_is_in_the_bento() -> None:
    names = {name.lower() for name in pinned(runtime_pins(LOCK, service_packages("auto")))}
    assert set(RUNTIME) <= names
    assert not names & (set(EXCEPTIONS) | set(UNSTATED))


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-or-later", "AGPL-3.0", "GNU Affero General Public License v3", "CC-BY-NC-4.0", "Proprietary"]
)
def test_refused_licences_are_recognised(licence: str) -> None:
    assert REFUSED.search(licence)


@pytest.mark.parametrize("licence", ["MIT", "LGPL-2.1", "MPL-2.0", "Apache-2.0", "NCSA", "BSD-3-Clause", "ISC (INC)"])
def test_others_pass(licence: str) -> None:
    assert not REFUSED.search(licence)
