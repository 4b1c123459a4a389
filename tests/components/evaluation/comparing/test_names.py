"""Whoever only words results loads no network library."""

from __future__ import annotations

import subprocess
import sys

from components.evaluation.comparing.names import CHAMPION, ORIGINS, SUBJECT
from components.evaluation.comparing.subgroups import NAMED


def test_the_names_are_those_of_the_tables() -> None:
    assert set(ORIGINS) < set(NAMED) and len({SUBJECT, CHAMPION}) == 2


def test_stages_that_word_results_load_no_torch() -> None:
    code = (
        "import sys, pipelines.document, pipelines.report; "
        "sys.exit(', '.join({'torch', 'scipy.stats'} & set(sys.modules)) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
