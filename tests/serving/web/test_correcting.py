"""Masks corrected by hand, calipers, window and level, zoom and pan."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from components.findings.measure import measure
from components.masks import from_rle
from components.types import Mask
from tests.serving.web.acting import Bedside


def mask(opened: Bedside) -> Mask:
    """The first object's mask as it would be exported."""
    return np.asarray(from_rle(opened.session()["objects"][0]["mask"]))


def test_brush_and_eraser_change_the_mask_under_them(opened: Bedside) -> None:
    page = opened.page
    opened.box(30, 15, 60, 45)
    before = mask(opened)
    opened.press("b")
    page.fill("#brush", "4")
    opened.drag((5, 5), (25, 5))
    added = mask(opened)
    rows, columns = np.ogrid[:60, :90]
    near = np.hypot((columns + 0.5 - 5 - np.clip(columns + 0.5 - 5, 0, 20)), rows + 0.5 - 5) <= 3.5
    assert added[near].all()
    np.testing.assert_array_equal(added[12:], before[12:])
    expect(page.locator("#objects small")).to_have_text("corrected by hand")
    opened.press("e")
    opened.drag((5, 5), (25, 5))
    np.testing.assert_array_equal(mask(opened), added & mask(opened))
    assert not mask(opened)[near].any()
    opened.press("Control+z")
    opened.press("Control+z")
    np.testing.assert_array_equal(mask(opened), before)


def test_a_mask_grows_and_shrinks_by_keys(opened: Bedside) -> None:
    opened.box(30, 15, 60, 45)
    opened.press("b")
    before = mask(opened)
    opened.page.get_by_role("button", name="Grow").press("Enter")
    grown = mask(opened)
    np.testing.assert_array_equal(grown, _grown(before))
    opened.page.get_by_role("button", name="Shrink").press("Enter")
    np.testing.assert_array_equal(mask(opened), ~_grown(~grown))
    session = opened.session()["objects"][0]
    assert session["corrected"] and session["measurements"]["area_px"] == int(mask(opened).sum())


def _grown(mask: Mask) -> Mask:
    """One pixel more all around; what lies outside the image adds nothing."""
    padded = np.pad(mask, 1)
    return padded[1:-1, 1:-1] | padded[:-2, 1:-1] | padded[2:, 1:-1] | padded[1:-1, :-2] | padded[1:-1, 2:]


def test_the_brush_asks_for_an_object(opened: Bedside) -> None:
    opened.press("b")
    opened.drag((10, 10), (20, 20))
    expect(opened.status).to_contain_text("Choose an outlined object first")
    expect(opened.rows).to_have_count(0)


def test_a_diameter_is_moved_by_hand_and_given_back(opened: Bedside) -> None:
    page = opened.page
    opened.box(30, 15, 60, 45)
    opened.press("b")
    opened.drag((40, 30), (50, 30))  # whatever the model drew: one part that is large enough
    opened.press("m")
    found = opened.session()["objects"][0]
    expected = measure(np.asarray(from_rle(found["mask"])))
    assert expected.longest is not None
    values = page.locator("#objects .measures b")
    assert opened.number(values.nth(1).inner_text()) == pytest.approx(expected.longest.length_px, abs=0.06)
    line = found["measurements"]["longest"]
    opened.drag(tuple(line["to"]), (line["to"][0], line["to"][1] - 5))
    expect(page.locator("#objects .measures em")).to_have_text("moved by hand")
    moved = opened.session()["objects"][0]["moved"]["longest"]
    assert opened.number(values.nth(1).inner_text()) == pytest.approx(
        float(np.hypot(*np.subtract(moved["to"], moved["from"]))), abs=0.06
    )
    page.get_by_role("button", name="Back to the measured longest diameter").click()
    expect(page.locator("#objects .measures em")).to_have_count(0)


def test_several_parts_are_told_and_what_confidence_means(opened: Bedside) -> None:
    page = opened.page
    opened.box(30, 15, 60, 45)
    expect(page.locator("#help-dialog")).to_contain_text("expected overlap (IoU) with a reader's outline")
    opened.press("e")
    page.fill("#brush", "60")
    opened.drag((5, 30), (85, 30))
    opened.press("b")
    page.fill("#brush", "4")
    opened.drag((20, 15), (40, 15))
    expect(page.locator("#objects .parts")).to_have_count(0)
    opened.drag((20, 45), (40, 45))
    expect(page.locator("#objects .parts")).to_have_text("2 parts: area counts all, diameters are of the largest")


def test_a_free_caliper_measures_and_moves(opened: Bedside) -> None:
    opened.press("m")
    opened.drag((10, 10), (40, 50))
    length = opened.page.locator("#calipers b")
    assert opened.number(length.inner_text()) == pytest.approx(50, abs=0.5)
    expect(opened.page.locator("#spacing")).to_have_text("no scale in the file: pixels")
    opened.drag((40, 50), (40, 10))
    assert opened.number(length.inner_text()) == pytest.approx(30, abs=0.5)
    opened.press("Control+z")
    assert opened.number(length.inner_text()) == pytest.approx(50, abs=0.5)
    opened.page.get_by_role("button", name="Delete caliper 1").click()
    expect(length).to_have_count(0)


def test_window_and_level_change_the_pixels_shown_and_not_the_answer(opened: Bedside) -> None:
    page = opened.page
    opened.box(30, 15, 60, 45)
    before, answer = opened.pixels(), mask(opened)
    opened.press("w")
    page.fill("#width", "40")
    page.press("#width", "Enter")
    expect(page.locator("#toned")).to_have_text("Level 128, width 40")
    narrow = opened.pixels()
    assert narrow.std() > before.std() * 1.2
    opened.drag((40, 30), (50, 40))
    expect(page.locator("#toned")).not_to_have_text("Level 128, width 40")
    page.click("#plain")
    expect(page.locator("#toned")).to_be_hidden()
    opened.press("i")
    expect(page.locator("#toned")).to_have_text("Level 128, width 256, inverted")
    page.click("#plain")
    page.mouse.move(2, 2)
    opened.press("p")
    np.testing.assert_array_equal(mask(opened), answer)
    assert np.abs(opened.pixels().astype(int) - before).mean() < 1


def test_zoom_and_pan_keep_coordinates(opened: Bedside) -> None:
    page = opened.page
    x, y = opened.at(30, 20)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -500)
    zoom = page.locator("#zoom")
    expect(page.locator("#fit")).to_have_attribute("aria-pressed", "false")
    page.mouse.click(x, y)
    opened.settled()
    (point,) = opened.prompt()["points"]
    assert (point["x"], point["y"]) == pytest.approx((30, 20), abs=0.2), "the place under the pointer stays"
    page.locator("#canvas").focus()
    page.keyboard.down(" ")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 80, y + 40)
    page.mouse.up()
    page.keyboard.up(" ")
    page.mouse.click(x + 80, y + 40)
    opened.settled()
    assert len(opened.prompt()["points"]) == 1, "the click's own place is held, so the image moved with the pointer"
    opened.press("1")
    expect(zoom).to_have_text("100 %")
    opened.press("0")
    expect(page.locator("#fit")).to_have_attribute("aria-pressed", "true")
    page.click("#in")
    expect(page.locator("#fit")).to_have_attribute("aria-pressed", "false")
