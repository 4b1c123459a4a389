"""How soon an outline is on the screen: the bedside page in headless Chromium, with `sonoforge serve` behind it.

    .venv/bin/python benchmarks/page.py --model REF [--clicks 200] [--out FILE]

The time runs from the pointer's release until the screen's frame after the one that was painted with the outline, so
that the painted one was handed over; it holds the request, the model, the answer and the drawing. The image is a
phantom, embedded before. Leaves out: the network between a tablet and a server; several users at once.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from bedside import SEED, browsing, open_page, phantom
from playwright.sync_api import Browser

from components.artefacts import write_json
from components.evaluation.speed import describe_machine

PERCENTILES = {"p50": 50, "p95": 95, "p99": 99, "max": 100}


def measure(browser: Browser, address: str, *, clicks: int) -> dict[str, Any]:
    """Milliseconds from the pointer's release to the painted outline, for clicks and for boxes."""
    scan = phantom()
    load_before = os.getloadavg()[0]
    user = open_page(browser, address, scan.size_wh)
    page = user.page
    page.evaluate(
        """() => {
          window.outlines = [];
          const keep = (seen) => window.outlines.push(...seen.getEntriesByName("outline").map((e) => e.duration));
          new PerformanceObserver(keep).observe({ entryTypes: ["measure"] });
        }"""
    )
    user.open(scan.dicom, "phantom.dcm")
    rng = np.random.default_rng(SEED)
    x0, y0, x1, y1 = scan.boxes[0]
    user.box(scan.boxes[0])
    done = 1
    while done <= clicks:
        place = rng.uniform([x0 + 15, y0 + 15], [x1 - 15, y1 - 15])
        user.click(float(place[0]), float(place[1]))
        if page.evaluate("() => window.outlines.length") == done:
            continue  # the end of a diameter lay there: it was taken hold of, and nothing asked
        done += 1
        page.keyboard.press("Control+z")  # so that each click asks from the same state
    times_ms = np.array(page.evaluate("() => window.outlines"))
    shown = page.locator("#model code").inner_text()
    return {
        "what": "pointer released to the frame after the painted outline, image embedded",
        "model": shown,
        "image_px": list(scan.size_wh),
        "screen_px": [1280, 800],
        "first_box_ms": round(float(times_ms[0]), 1),
        "clicks": clicks,
        "click_ms": {name: round(float(np.percentile(times_ms[1:], of)), 1) for name, of in PERCENTILES.items()},
        "load_average": {"before": round(load_before, 2), "after": round(os.getloadavg()[0], 2)},
        "browser": browser.version,
        "machine": describe_machine(),
    }


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="a model folder")
    parser.add_argument("--clicks", type=int, default=200)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with browsing(given.model) as (browser, address):
        found = measure(browser, address, clicks=given.clicks)
    print(json.dumps(found, indent=2))
    if given.out is not None:
        write_json(given.out, found)


if __name__ == "__main__":
    main()
