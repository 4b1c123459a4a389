"""The page stands alone, says the verdict first and shows what changed first."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path

from components.monitoring.page import page_html, pictures
from components.monitoring.report import look
from tests.components.monitoring.simulated import description, monitor_params, reference, write_weeks

MONDAY = date(2026, 3, 2)


def test_it_stands_alone_and_says_the_verdict_first(tmp_path: Path) -> None:
    write_weeks(tmp_path, MONDAY, [{}, {"moved": {"sharpness": -2.0}}])
    report = look(tmp_path, description(), reference(), params=monitor_params(), today=MONDAY + timedelta(days=14))
    page = page_html(report)
    assert page == page_html(report)
    assert "<script" not in page and not re.search(r"""(src|href)=["'](?!#)""", page) and "@import" not in page
    assert page.index("not a medical device") < page.index("PHANTOM") < page.index("<strong>DRIFT</strong>")
    assert "sharpness: differs from the images that the model was built on" in page
    assert "early warning" in page and "1.9 % of windows" in page
    panels = pictures(report)
    assert panels[0].title == "sharpness" and "c-unet" in panels[0].svg
    assert len({panel.title for panel in panels}) == len(panels) > 20


def test_without_traffic_there_are_no_pictures_and_the_page_says_so(tmp_path: Path) -> None:
    report = look(tmp_path, description(), None, params=monitor_params(), today=MONDAY)
    page = page_html(report)
    assert "No traffic of this model" in page and "INSUFFICIENT" in page and "carries no reference" in page


def test_what_a_model_is_called_is_text(tmp_path: Path) -> None:
    hostile = description().model_copy(update={"name": "<b>\u202ex"})
    page = page_html(look(tmp_path, hostile, None, params=monitor_params(), today=MONDAY))
    assert "<b>" not in page and "\u202e" not in page
