"""A schedule needs a server that keeps it; what a run does is tested with the graph."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def test_a_schedule_without_a_server_is_refused(root: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    command = [sys.executable, "-m", "pipelines.retrain", "--cron", "0 3 * * 0"]
    done = subprocess.run(command, cwd=root, env=kept, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "PREFECT_API_URL" in done.stderr and "Traceback" not in done.stderr
