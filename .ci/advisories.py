"""Ends with 0 where PyPI answers with advisories for a release, as pip-audit asks it; else with 1 and the reason."""

from __future__ import annotations

import json
import sys
import urllib.request

ADDRESS = "https://pypi.org/pypi/jinja2/2.4.1/json"
"""A release with known vulnerabilities: an answer without any comes from a mirror that knows none."""


def why_not(address: str = ADDRESS) -> str | None:
    """Why no advisories can be had; None where they can."""
    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            told = json.load(answer)
    except (OSError, ValueError) as error:
        return f"{address}: {error}"
    return None if told.get("vulnerabilities") else f"{address} answers without advisories"


if __name__ == "__main__":
    if reason := why_not():
        sys.exit(reason)
