"""The last stage leaves a page and lines for a pull request, and tells its run."""

from __future__ import annotations

import json
from pathlib import Path

from pipelines.report import PAGE, PULL_REQUEST, report
from tests.pipelines.conftest import Reached, make_job


def test_the_page_of_a_run_is_written_once_and_the_same_again(reached: Reached, plain_steps: None) -> None:
    root = reached("promote")
    job, run = make_job(report, root)
    report.function(job)
    text = (root / PAGE).read_text(encoding="utf-8")
    verdict = json.loads((root / "reports/gate.json").read_text(encoding="utf-8"))["verdict"]
    assert f"<strong>{verdict}</strong>" in text and "PHANTOM" in text and len(text) < 3_000_000
    assert (root / PULL_REQUEST).read_text(encoding="utf-8").startswith(f"## {verdict}: ")
    assert run.artifacts == [Path("report.html"), Path("pull_request.md")]
    assert run.metrics["busi/area_px/bias", 0] is not None
    report.function(make_job(report, root)[0])
    assert (root / PAGE).read_text(encoding="utf-8") == text
