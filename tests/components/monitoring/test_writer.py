"""Rows reach the disk, bounded and without anyone waiting; what doesn't is counted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from components.monitoring.writer import SignalWriter, bucket_start, signal_files
from components.params.monitoring import SignalParams

DIGEST = "ab" * 32
DAY_S = 86_400.0


def limits(**changed: Any) -> SignalParams:
    """Limits under which a test needs no time."""
    usual = {"bucket_minutes": 15, "queue_rows": 10_000, "flush_seconds": 0.02, "keep_days": 30, "keep_megabytes": 1.0}
    return SignalParams.model_validate(usual | changed)


def written(folder: Path) -> list[dict[str, Any]]:
    """All rows in a folder."""
    return [json.loads(line) for path in signal_files(folder) for line in path.read_text().splitlines()]


def test_a_row_is_written_with_its_step_of_time_and_its_model(tmp_path: Path) -> None:
    at = datetime(2026, 3, 1, 9, 44, 59, tzinfo=UTC).timestamp()
    writer = SignalWriter(tmp_path / "signals", limits(), now=lambda: at)
    writer.add("feedback", {"verdict": "edited", "edit": 0.25, "odd": float("nan")}, model_digest=DIGEST)
    writer.close()
    row = {
        "at": "2026-03-01T09:30Z",
        "kind": "feedback",
        "model": DIGEST,
        "verdict": "edited",
        "edit": 0.25,
        "odd": None,
    }
    assert written(tmp_path / "signals") == [row]
    assert (
        (tmp_path / "signals").stat().st_mode & 0o077
        == 0
        == signal_files(tmp_path / "signals")[0].stat().st_mode & 0o077
    )


def test_adding_takes_less_than_a_tenth_of_a_millisecond(tmp_path: Path) -> None:
    writer = SignalWriter(tmp_path, limits(flush_seconds=60))
    row = {f"name{place}": float(place) for place in range(40)}
    begun_s = time.perf_counter()
    for _ in range(2000):
        writer.add("image", row, model_digest=DIGEST)
    assert (time.perf_counter() - begun_s) / 2000 < 1e-4
    writer.close()
    assert len(written(tmp_path)) == 2000 == writer.counts.written


def test_a_full_queue_drops_and_counts_and_never_blocks(tmp_path: Path) -> None:
    writer = SignalWriter(tmp_path, limits(queue_rows=5, flush_seconds=60))
    for place in range(12):
        writer.add("outline", {"place": float(place)}, model_digest=DIGEST)
    assert writer.counts.dropped == 7
    writer.close()
    writer.add("outline", {"place": 99.0}, model_digest=DIGEST)
    counts = writer.counts
    assert (counts.added, counts.written, counts.dropped, counts.lost) == (13, 5, 8, 0)
    assert [row["place"] for row in written(tmp_path)] == [0, 1, 2, 3, 4]


def test_threads_lose_no_row_and_tear_no_line(tmp_path: Path) -> None:
    writer = SignalWriter(tmp_path, limits())

    def hand_in(name: int) -> None:
        for place in range(200):
            writer.add("outline", {"thread": float(name), "place": float(place)}, model_digest=DIGEST)

    threads = [threading.Thread(target=hand_in, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert len({(row["thread"], row["place"]) for row in written(tmp_path)}) == 1600 == writer.counts.written


def test_a_disk_that_takes_nothing_costs_rows_and_no_prediction(tmp_path: Path) -> None:
    (tmp_path / "signals").write_text("a file where the folder should be")
    writer = SignalWriter(tmp_path / "signals", limits())
    writer.add("image", {}, model_digest=DIGEST)
    writer.close()
    assert (writer.counts.written, writer.counts.lost) == (0, 1)
    (tmp_path / "signals").unlink()
    other = SignalWriter(tmp_path / "signals", limits())
    other.add("image", {}, model_digest=DIGEST)
    other.close()
    assert other.counts.written == 1


def test_old_days_and_the_oldest_bytes_go(tmp_path: Path) -> None:
    clock = [datetime(2026, 1, 1, tzinfo=UTC).timestamp()]
    writer = SignalWriter(tmp_path, limits(flush_seconds=0.005, keep_days=3, keep_megabytes=0.02), now=lambda: clock[0])
    (tmp_path / "20251201-notes.txt").write_text("not ours")
    for day in range(8):
        for _ in range(30):
            writer.add("image", {"text": "x" * 60}, model_digest=DIGEST)
        while writer.counts.written < 30 * (day + 1):
            time.sleep(0.002)
        assert sum(path.stat().st_size for path in signal_files(tmp_path)) <= 20_000
        clock[0] += DAY_S
    writer.close()
    days = sorted({path.name[:8] for path in signal_files(tmp_path)})
    assert days[-1] == "20260108" and days[0] >= "20260105"
    assert (tmp_path / "20251201-notes.txt").exists()


def test_a_killed_process_loses_no_line_that_was_flushed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from components.monitoring.writer import SignalWriter\n"
        "from components.params.monitoring import SignalParams\n"
        "p = SignalParams(bucket_minutes=15, queue_rows=100, flush_seconds=0.01, keep_days=1, keep_megabytes=1)\n"
        "w = SignalWriter(Path(sys.argv[1]), p)\n"
        "for i in range(50): w.add('image', {'place': float(i)}, model_digest='ab' * 32)\n"
        "while w.counts.written < 50: time.sleep(0.001)\n"
        "print('written', flush=True); time.sleep(60)\n"
    )
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=root, stdout=subprocess.PIPE, env=os.environ, text=True
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "written\n"
        process.kill()
    assert len(written(tmp_path)) == 50


def test_steps_begin_with_the_day_and_must_fill_it() -> None:
    at = datetime(2026, 3, 1, 23, 59, tzinfo=UTC)
    assert bucket_start(at.timestamp(), 60) == at.replace(minute=0)
    with pytest.raises(ValueError, match="divide a day"):
        limits(bucket_minutes=7)
