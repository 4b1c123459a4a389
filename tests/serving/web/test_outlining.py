"""Boxes, clicks, objects and their history, by pointer, by keys and by numbers."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

from components.artefacts import ModelDescription
from components.masks import from_rle
from components.promptable.predict import segment
from components.promptable.runtimes.pytorch import PyTorch
from components.types import Image, Point, Prompt
from tests.serving.web.acting import Bedside


def test_a_box_is_outlined_as_the_library_does(
    opened: Bedside, loaded: tuple[PyTorch, ModelDescription], image: Image
) -> None:
    opened.box(30, 15, 60, 45)
    expect(opened.status).to_contain_text("Object 1 outlined in")
    (found,) = opened.session()["objects"]
    np.testing.assert_allclose(found["prompt"]["box"], [30, 15, 60, 45], atol=0.2)
    expected = segment(loaded[0], image, [Prompt(tuple(found["prompt"]["box"]))])[0]
    np.testing.assert_array_equal(from_rle(found["mask"]), expected.mask)
    opened.page.uncheck("#refine")
    opened.click(45, 30)
    opened.page.check("#refine")
    last = np.asarray(from_rle(opened.session()["objects"][0]["mask"]))
    opened.click(33, 18, beside=True)
    (found,) = opened.session()["objects"]
    asked = found["prompt"]
    points = tuple(Point(**point) for point in asked["points"])
    assert [point.positive for point in points] == [True, False]
    np.testing.assert_array_equal(from_rle(asked["mask"]), last)
    corrected = segment(loaded[0], image, [Prompt(tuple(asked["box"]), points, mask=last)])[0]
    np.testing.assert_array_equal(from_rle(found["mask"]), corrected.mask)
    assert [each["digest"] for each in opened.session()["models"]] == [loaded[1].digest]


def test_a_slip_of_the_pointer_is_a_click(opened: Bedside) -> None:
    mouse = opened.page.mouse
    opened.drag((20, 20), (22.5, 22.5))  # 25 screen pixels, and less than 3 of the image
    opened.settled()
    assert opened.prompt()["box"] is None
    x, y = opened.at(40, 30)
    mouse.move(x, y)
    mouse.down()
    mouse.move(x + 2, y + 2)
    mouse.up()
    opened.settled()
    expect(opened.rows).to_have_count(1)
    assert len(opened.prompt()["points"]) == 2
    opened.box(60, 20, 64, 24)


def test_steps_are_undone_and_done_again(opened: Bedside) -> None:
    opened.box(10, 10, 40, 40)
    first = opened.session()["objects"][0]["mask"]
    opened.click(20, 20)
    opened.box(50, 10, 80, 50)
    expect(opened.rows).to_have_count(2)
    opened.press("Control+z")
    expect(opened.rows).to_have_count(1)
    expect(opened.status).to_have_text("Undone: outline of Object 2.")
    opened.press("Control+z")
    expect(opened.status).to_have_text("Undone: click on Object 1.")
    assert opened.prompt()["points"] == []
    assert opened.session()["objects"][0]["mask"] == first, "the answer is remembered, not asked for again"
    opened.press("Control+Shift+z")
    opened.page.click("#redo")
    expect(opened.rows).to_have_count(2)
    expect(opened.page.locator("#redo")).to_be_disabled()
    for _ in range(3):
        opened.page.click("#undo")
    expect(opened.rows).to_have_count(0)
    expect(opened.page.locator("#undo")).to_be_disabled()


def test_a_box_is_adjusted_by_its_handles_and_moved(opened: Bedside) -> None:
    opened.box(20, 15, 50, 40)
    opened.drag((50, 40), (60, 45))  # bottom right corner
    opened.settled()
    np.testing.assert_allclose(opened.prompt()["box"], [20, 15, 60, 45], atol=0.3)
    opened.drag((40, 15), (44, 10))  # top side: across it nothing moves
    opened.settled()
    np.testing.assert_allclose(opened.prompt()["box"], [20, 10, 60, 45], atol=0.3)
    opened.drag((60, 36), (70, 30))  # its line between two handles: the whole box
    opened.settled()
    np.testing.assert_allclose(opened.prompt()["box"], [30, 4, 70, 39], atol=0.3)
    expect(opened.rows).to_have_count(1)


def test_a_click_is_dragged_and_taken_away(opened: Bedside) -> None:
    opened.box(20, 15, 60, 45)
    opened.click(40, 30)
    opened.click(30, 24, beside=True)
    opened.drag((40, 30), (46, 35))
    opened.settled()
    points = opened.prompt()["points"]
    np.testing.assert_allclose([points[0]["x"], points[0]["y"]], [46, 35], atol=0.3)
    opened.page.mouse.click(*opened.at(30, 24))
    opened.page.get_by_role("button", name="Remove click").click()
    opened.settled()
    assert [point["positive"] for point in opened.prompt()["points"]] == [True]


def test_objects_have_names_and_can_be_hidden_chosen_and_deleted(opened: Bedside) -> None:
    page = opened.page
    opened.box(5, 5, 40, 50)
    opened.box(45, 5, 85, 50)
    page.locator("#objects .pick").first.click()
    opened.press("F2")
    page.keyboard.type("Left lobe")
    page.keyboard.press("Enter")
    expect(page.locator("#objects .name").first).to_have_text("Left lobe")
    assert [each["name"] for each in opened.session()["objects"]] == ["Left lobe", "Object 2"]
    shown = opened.pixels()
    page.get_by_role("button", name="Hide Left lobe").click()
    expect(page.get_by_role("button", name="Hide Left lobe")).to_have_attribute("aria-pressed", "true")
    assert (opened.pixels() != shown).any()
    opened.press("j")
    expect(page.locator("#objects .chosen .name")).to_have_text("Object 2")
    opened.press("Delete")
    expect(page.locator("#objects .name")).to_have_text(["Left lobe"])
    opened.press("Control+z")
    expect(page.locator("#objects .name")).to_have_text(["Left lobe", "Object 2"])


def test_everything_is_done_by_keys_alone(opened: Bedside) -> None:
    page = opened.page
    page.locator("summary").press("Enter")
    for name, value in zip(("x0", "y0", "x1", "y1"), ("20", "10", "60", "40"), strict=True):
        page.locator(f"#box-form [name={name}]").fill(value)
    page.locator("#box-form button").press("Enter")
    expect(opened.rows).to_have_count(1)
    for name, value in (("x", "30"), ("y", "20")):
        page.locator(f"#point-form [name={name}]").fill(value)
    page.locator("#point-form button").press("Enter")
    opened.settled()
    assert opened.prompt()["box"] == [20, 10, 60, 40]
    assert opened.prompt()["points"] == [{"x": 30, "y": 20, "positive": True}]
    opened.press(".")
    expect(opened.status).to_contain_text("Holding the box of Object 1")
    opened.press(".")
    expect(opened.status).to_contain_text("top left corner")
    opened.press("ArrowLeft")
    opened.press("Shift+ArrowDown")
    expect(page.locator("#undo")).to_be_enabled()
    expect(opened.status).to_contain_text("outlined")
    opened.settled()
    assert opened.prompt()["box"] == [19, 20, 60, 40]
    opened.press("?")
    expect(page.locator("#help-dialog")).to_be_visible()
    page.uncheck("#single")
    page.keyboard.press("Escape")
    expect(page.locator("#help-dialog")).to_be_hidden()
    opened.press("m")
    expect(page.locator("[data-tool=caliper]")).to_have_attribute("aria-pressed", "false")


def test_a_newer_prompt_cancels_the_one_on_its_way(opened: Bedside) -> None:
    opened.box(20, 10, 60, 40)
    asked: list[str] = []
    opened.page.on("requestfailed", lambda request: asked.append(request.failure or ""))
    opened.page.route("**/v1/segment", lambda route: asked.append("held") if len(asked) == 0 else route.continue_())
    opened.page.mouse.click(*opened.at(40, 30))
    expect(opened.page.locator("#objects")).to_contain_text("asking")
    opened.page.mouse.click(*opened.at(50, 35))
    opened.settled()
    assert len(opened.prompt()["points"]) == 2
    assert asked == ["held", "net::ERR_ABORTED"]


@pytest.mark.parametrize("key", ["Escape", "Control+z"])
def test_what_is_on_its_way_can_be_cancelled(opened: Bedside, key: str) -> None:
    opened.box(20, 10, 60, 40)
    before = opened.session()["objects"]
    opened.page.route("**/v1/segment", lambda route: None)
    opened.page.mouse.click(*opened.at(40, 30))
    expect(opened.page.locator("#objects")).to_contain_text("asking")
    opened.press(key)
    expect(opened.page.locator("#objects")).not_to_contain_text("asking")
    assert opened.session()["objects"] == before
