"""How the page looks and is reached: names, focus, contrast, screens from a phone to a desktop, touch."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.serving.web.acting import Bedside
from tests.serving.web.conftest import watched

# Every piece of text that is seen, with its colour and what lies behind it.
TEXTS = """() => {
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return [n[0], n[1], n[2], n[3] ?? 1]; };
  const behind = (element) => {
    let colour = [0, 0, 0];
    const above = [];
    for (let e = element; e; e = e.parentElement) above.push(parse(getComputedStyle(e).backgroundColor));
    for (const [r, g, b, a] of above.reverse()) colour = colour.map((value, n) => value * (1 - a) + [r, g, b][n] * a);
    return colour;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || !element.checkVisibility() || element.closest(".unseen, :disabled")) continue;
    found.push([node.textContent.trim(), parse(getComputedStyle(element).color).slice(0, 3), behind(element)]);
  }
  return found;
}"""
UNNAMED = """() => [...document.querySelectorAll("button, input, select, canvas, dialog, summary, [tabindex]")]
  .filter((element) => {
    const named = element.getAttribute("aria-label") || element.closest("label")?.textContent
      || document.getElementById(element.getAttribute("aria-labelledby"))?.textContent;
    return !(named || element.textContent || "").trim();
  }).map((element) => element.outerHTML.slice(0, 80))"""


def _luminance(rgb: list[float]) -> float:
    """Relative luminance (WCAG 2.2)."""
    linear = [(v / 255) / 12.92 if v / 255 <= 0.04045 else ((v / 255 + 0.055) / 1.055) ** 2.4 for v in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrasts(page: Page) -> dict[str, float]:
    """The contrast of each text that is seen (WCAG 2.2, 1.4.3)."""
    out = {}
    for text, colour, behind in page.evaluate(TEXTS):
        high, low = sorted((_luminance(colour), _luminance(behind)), reverse=True)
        out[text] = (high + 0.05) / (low + 0.05)
    return out


def busy(opened: Bedside) -> None:
    """Two objects, one of them corrected, a caliper, and an error."""
    opened.box(5, 5, 40, 50)
    opened.box(45, 5, 85, 50)
    opened.press("m")
    opened.drag((10, 55), (80, 56))
    opened.page.evaluate(
        "() => { for (const id of ['error', 'warnings']) document.getElementById(id).hidden = false; }"
    )


@pytest.mark.parametrize("night", [False, True])
def test_every_text_stands_out(opened: Bedside, night: bool) -> None:
    busy(opened)
    if night:
        opened.page.click("#night")
        expect(opened.page.locator("#night")).to_have_attribute("aria-pressed", "true")
    opened.page.mouse.move(2, 2)
    opened.page.wait_for_timeout(200)  # colours that change slowly
    found = contrasts(opened.page)
    assert len(found) > 30
    assert {text: ratio for text, ratio in found.items() if ratio < 4.5} == {}
    for opener, closer in (("#help", "#help-close"), ("#export", "#export-close")):
        opened.page.click(opener)
        assert {text: ratio for text, ratio in contrasts(opened.page).items() if ratio < 4.5} == {}
        opened.page.click(closer)


def test_every_control_has_a_name(opened: Bedside) -> None:
    busy(opened)
    opened.press("F2")
    assert opened.page.evaluate(UNNAMED) == []
    ids = opened.page.evaluate("() => [...document.querySelectorAll('[id]')].map((element) => element.id)")
    assert len(ids) == len(set(ids))
    expect(opened.page.get_by_role("status")).to_have_id("status")


def test_the_focus_is_seen_and_goes_through_the_page_in_order(opened: Bedside) -> None:
    page = opened.page
    opened.box(5, 5, 40, 50)
    page.locator("#night").focus()
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        told: dict[str, Any] | None = page.evaluate(
            """() => {
              const element = document.activeElement;
              if (!element || element === document.body) return null;
              const shown = element.name === "sign" ? element.nextElementSibling : element;
              const { outlineStyle, outlineWidth } = getComputedStyle(shown);
              const { do: action, tool } = element.dataset;
              return { name: element.id || action || tool || element.name || element.tagName,
                outline: outlineStyle === "none" ? 0 : parseFloat(outlineWidth) };
            }"""
        )
        if told is None or told["name"] == "night":
            break
        assert told["outline"] >= 2, told
        seen.append(told["name"])
    wanted = ["help", "open", "outline", "undo", "fit", "sign", "canvas", "pick", "accept", "opacity", "export"]
    places = [seen.index(name) for name in wanted]
    assert places == sorted(places), seen


@pytest.mark.parametrize(
    ("width", "height", "touch"),
    [(360, 640, True), (768, 1024, True), (1024, 768, True), (640, 360, True)],
)
def test_it_fits_screens_and_fingers(
    browser: Browser, address: str, png: bytes, width: int, height: int, touch: bool
) -> None:
    with watched(browser, address, viewport={"width": width, "height": height}, has_touch=touch) as (_, opened):
        page = opened.page
        page.goto(address)
        opened.open(png)
        if touch:
            page.touchscreen.tap(*opened.at(45, 30))
        else:
            page.mouse.click(*opened.at(45, 30))
        expect(opened.rows).to_have_count(1)
        opened.settled()
        size = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        assert size[0] <= width and size[1] <= height, "nothing lies outside, so that the header never scrolls away"
        for always in ("#model", "#phantom", "#status", "#spacing"):
            expect(page.locator(always)).to_be_in_viewport(ratio=1)
        expect(page.locator("#model")).to_contain_text(
            "hiera_mini version 1" if "version 1" in page.inner_text("#model") else "hiera_mini"
        )
        stage = page.locator("#canvas").bounding_box()
        assert stage is not None and stage["height"] >= 0.28 * height
        if touch:
            small = page.evaluate(
                """() => ["header button", ".tools button", ".options button", ".acts button", ".eye, .pick, .small"]
                  .flatMap((kind) => [...document.querySelectorAll(kind)])
                  .filter((e) => e.checkVisibility()).map((e) => [e.id || e.className, e.getBoundingClientRect()])
                  .filter(([, r]) => r.width < 43.5 || r.height < 43.5).map(([name]) => name)"""
            )
            assert small == []


def test_two_fingers_zoom_and_draw_nothing(browser: Browser, address: str, png: bytes) -> None:
    with watched(browser, address, viewport={"width": 768, "height": 1024}, has_touch=True) as (context, opened):
        opened.page.goto(address)
        opened.open(png)
        before = opened.number(opened.page.inner_text("#zoom"))
        fingers = context.new_cdp_session(opened.page)
        x, y = opened.at(45, 30)
        for kind, apart in (("touchStart", 30), ("touchMove", 60), ("touchMove", 90), ("touchEnd", 0)):
            points = [{"x": x + side * apart, "y": y, "id": n} for n, side in enumerate((-1, 1))] if apart else []
            fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        expect(opened.page.locator("#fit")).to_have_attribute("aria-pressed", "false")
        assert opened.number(opened.page.inner_text("#zoom")) == pytest.approx(3 * before, rel=0.1)
        expect(opened.rows).to_have_count(0)


def test_nothing_runs_but_the_pages_own_files(unopened: Bedside, address: str) -> None:
    answer = unopened.page.goto(address)
    assert answer is not None and "default-src 'none'" in answer.headers["content-security-policy"]
    for inside in ("onclick=", "style=", "<style", "javascript:"):
        assert inside not in answer.text()
    unopened.page.evaluate(
        """() => {
          const script = document.createElement("script");
          script.textContent = "window.ran = 1";
          document.head.append(script);
        }"""
    )
    assert unopened.page.evaluate("() => window.ran") is None
    assert any("Content Security Policy" in fault for fault in unopened.faults)
    unopened.faults = []
