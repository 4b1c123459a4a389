"""What passes between the page and its service: tokens, a busy service, images let go, files to take away.

Answers that the test's service doesn't give by itself (401, 429, 410, another model) are put in its place once, as it
would give them; what follows is asked of the service.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage
from playwright.sync_api import Browser, Dialog, Route, expect

from components.masks import from_rle
from tests.serving.web.acting import Bedside
from tests.serving.web.conftest import watched

Answer = Callable[[Route], None]


def refusal(status: int, code: str, **headers: str) -> Answer:
    """An error as the service words it."""
    body = json.dumps({"error": {"code": code, "message": f"this is {code}", "hint": "do something"}})
    return lambda route: route.fulfill(status=status, body=body, content_type="application/json", headers=headers)


def test_a_token_is_asked_for_kept_in_the_tab_and_sent(unopened: Bedside, address: str) -> None:
    page = unopened.page
    seen: list[str | None] = []

    def gate(route: Route) -> None:
        token = route.request.headers.get("authorization")
        seen.append(token)
        if token == "Bearer right":
            route.continue_()
        else:
            refusal(401, "token_unknown" if token else "token_missing")(route)

    page.route("**/v1/model", gate)
    page.goto(address)
    dialog = page.locator("#token-dialog")
    expect(dialog).to_be_visible()
    expect(page.locator("#token")).to_be_focused()
    page.fill("#token", "wrong")
    page.keyboard.press("Enter")
    expect(page.locator("#token-told")).to_contain_text("doesn't know that token")
    page.fill("#token", "right")
    page.keyboard.press("Enter")
    expect(page.locator("#model")).to_contain_text("hiera_mini")
    expect(dialog).to_be_hidden()
    assert seen == [None, "Bearer wrong", "Bearer right"]
    assert page.evaluate("() => [Object.values(sessionStorage), localStorage.length, document.cookie]") == [
        ["right"],
        0,
        "",
    ]


def test_without_a_token_the_page_says_so(unopened: Bedside, address: str) -> None:
    unopened.page.route("**/v1/model", refusal(401, "token_missing"))
    unopened.page.goto(address)
    unopened.page.click("#token-cancel")
    expect(unopened.page.locator("#error")).to_contain_text("This is token_missing. What to do: do something.")
    expect(unopened.page.locator("#model")).to_have_text("no access")


@pytest.mark.parametrize(("status", "code"), [(429, "busy"), (503, "overloaded")])
def test_a_busy_service_is_asked_again(opened: Bedside, status: int, code: str) -> None:
    opened.page.route("**/v1/segment", refusal(status, code, **{"Retry-After": "1"}), times=1)
    opened.drag((20, 10), (60, 40))
    expect(opened.status).to_contain_text("The service is busy. Trying again in 1 s (1 of 3)")
    expect(opened.status).to_contain_text("outlined")
    expect(opened.rows).to_have_count(1)


def test_asking_again_has_an_end(browser: Browser, address: str, png: bytes) -> None:
    asked: list[str] = []
    with watched(browser, address) as (_, opened):
        opened.page.goto(address)
        opened.open(png)
        opened.page.on("request", lambda request: asked.append(request.url) if "segment" in request.url else None)
        opened.page.clock.install()  # this tab's own: its time doesn't go on by itself any more
        opened.page.route("**/v1/segment", refusal(429, "busy", **{"Retry-After": "999"}))
        opened.page.mouse.click(*opened.at(40, 30))
        for again in (1, 2, 3):
            expect(opened.status).to_contain_text(f"Trying again in 15 s ({again} of 3)")
            opened.page.clock.fast_forward(15_000)
        expect(opened.page.locator("#error")).to_contain_text("This is busy")
        opened.page.clock.run_for(100)
        assert len(asked) == 4
        expect(opened.rows).to_have_count(0)
        expect(opened.page.locator("#undo")).to_be_disabled()


def test_an_image_that_was_let_go_is_sent_again(opened: Bedside) -> None:
    sent: list[str] = []
    opened.page.on("request", lambda request: sent.append(request.url.rsplit("/", 1)[-1]))
    opened.page.route("**/v1/segment", refusal(410, "image_gone"), times=1)
    opened.box(20, 10, 60, 40)
    assert sent == ["segment", "images", "segment"]


def test_out_of_reach_and_offline_are_told_apart(opened: Bedside) -> None:
    page = opened.page
    opened.box(20, 10, 60, 40)
    page.route("**/v1/segment", lambda route: route.abort("connectionrefused"))
    page.mouse.click(*opened.at(40, 30))
    expect(page.locator("#error")).to_contain_text("The service can't be reached")
    assert opened.prompt()["points"] == [], "what wasn't answered isn't kept"
    page.context.set_offline(True)
    expect(opened.status).to_contain_text("offline")
    page.mouse.click(*opened.at(40, 30))
    expect(page.locator("#error")).to_contain_text("This device is offline")
    page.context.set_offline(False)
    page.unroute("**/v1/segment")
    page.mouse.click(*opened.at(40, 30))
    opened.settled()
    expect(page.locator("#error")).to_be_hidden()
    assert len(opened.prompt()["points"]) == 1


def test_each_frame_names_the_model_that_drew_it(opened: Bedside, png: bytes) -> None:
    page = opened.page
    serving = page.locator("#model code").inner_text()
    newer = {"name": "newer", "version": "7", "digest": "e" * 64}

    def other(route: Route) -> None:
        answer = route.fetch().json()
        route.fulfill(json={**answer, "model": newer})

    # A former model answers: it is named, and nothing is said of a change that wasn't.
    page.route("**/v1/segment", other, times=1)
    with page.expect_response("**/v1/model"):
        opened.box(5, 5, 40, 50)
    expect(page.locator("#model")).to_contain_text("newer version 7")
    opened.box(45, 5, 85, 50)
    expect(page.locator("#model code")).to_have_text(["e" * 12, serving])
    expect(page.locator("#objects small")).to_contain_text(["newer version 7", "mini"])
    expect(page.locator("#changed")).to_be_hidden()
    assert [each["model"]["digest"][:12] for each in opened.session()["objects"]] == ["e" * 12, serving]
    # Another one serves: it is told, and what is drawn keeps its own.
    page.route("**/v1/model", other)
    page.route("**/v1/images", other, times=1)
    opened.press("Control+z")
    opened.press("Control+z")
    expect(page.locator("#model code")).to_have_text([serving])
    opened.open(png)
    expect(page.locator("#changed")).to_contain_text("newer version 7")
    expect(page.locator("#model")).to_contain_text("newer version 7")
    opened.box(5, 5, 40, 50)
    expect(page.locator("#model code")).to_have_text([serving])


def test_a_files_name_stays_on_the_device(bedside: Bedside, png: bytes) -> None:
    sent: list[bytes] = []
    bedside.page.on("request", lambda request: sent.append(request.post_data_buffer or b""))
    bedside.open(png, "Doe^Jane_1950.png")
    bedside.box(20, 10, 60, 40)
    assert len(sent) >= 3 and not any(b"Doe" in body for body in sent)


def choose(opened: Bedside, png: bytes, name: str) -> None:
    """Choose a file, and wait for nothing."""
    opened.page.set_input_files("#file", {"name": name, "mimeType": "image/png", "buffer": png})


DROP = """(text) => {
  const data = new DataTransfer();
  data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], "drop.png"));
  document.dispatchEvent(new DragEvent("drop", {dataTransfer: data, cancelable: true}));
}"""


def test_another_file_asks_before_it_replaces_work(opened: Bedside, png: bytes) -> None:
    page = opened.page
    dialog = page.locator("#leave-dialog")
    opened.box(5, 5, 40, 50)
    opened.press("m")
    opened.drag((50, 10), (80, 50))
    opened.press("p")
    choose(opened, png, "next.png")
    expect(page.locator("#leave-title")).to_have_text("Open next.png and leave 1 object and 1 caliper?")
    page.click("#leave-cancel")
    expect(opened.rows).to_have_count(1)
    page.evaluate(DROP, base64.b64encode(png).decode())
    expect(page.locator("#leave-title")).to_contain_text("Open drop.png and leave")
    page.click("#leave-export")
    expect(page.locator("#export-dialog")).to_be_visible()
    with page.expect_download():
        page.click("#formats [data-format=json]")
    opened.page.locator("#objects .pick").press("F2")
    page.keyboard.type("Lobe")
    page.keyboard.press("Enter")
    choose(opened, png, "next.png")
    expect(page.locator("#leave-told")).to_contain_text("since the last change: Lobe.")
    page.click("#leave-open")
    expect(opened.rows).to_have_count(0)
    expect(opened.status).to_contain_text("ready")
    opened.open(png)
    expect(dialog).to_be_hidden()


def test_a_question_is_answered_as_itself_where_the_one_before_was_just_closed(opened: Bedside, png: bytes) -> None:
    page = opened.page
    opened.box(5, 5, 40, 50)
    choose(opened, png, "next.png")
    expect(page.locator("#leave-title")).to_contain_text("Open next.png")
    close_and_drop = f"(png) => {{ document.getElementById('leave-cancel').click(); ({DROP})(png); }}"
    page.evaluate(close_and_drop, base64.b64encode(png).decode())
    expect(page.locator("#leave-title")).to_contain_text("Open drop.png")
    page.click("#leave-export")
    expect(page.locator("#export-dialog")).to_be_visible()


def test_leaving_the_page_asks_while_work_is_in_no_file(opened: Bedside) -> None:
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    leaves = "() => { const e = new Event('beforeunload', {cancelable: true}); return dispatchEvent(e); }"
    assert opened.page.evaluate(leaves)
    opened.box(5, 5, 40, 50)
    assert not opened.page.evaluate(leaves)
    opened.export("mask")
    expect(opened.status).to_contain_text("Saved")
    assert opened.page.evaluate(leaves)
    opened.click(20, 20)
    opened.page.once("dialog", leave)
    opened.page.reload()
    assert asked == ["beforeunload"]


def test_a_file_that_is_no_image_is_refused_in_words(bedside: Bedside) -> None:
    bedside.page.set_input_files("#file", {"name": "a.png", "mimeType": "image/png", "buffer": b"hello"})
    expect(bedside.page.locator("#error")).to_contain_text("What to do:")
    expect(bedside.page.locator("#empty")).to_be_visible()


def test_all_that_are_accepted_were_seen(opened: Bedside) -> None:
    page = opened.page
    for n in range(4):
        opened.box(5 + 20 * n, 5, 22 + 20 * n, 50)
    page.get_by_role("button", name="Hide Object 3").click()
    told: list[dict[str, Any]] = []
    page.on("request", lambda request: told.append(request.post_data_json) if "feedback" in request.url else None)
    held: list[Route] = []
    page.route("**/v1/feedback", lambda route: held.append(route), times=1)
    with page.expect_request("**/v1/feedback"):
        page.click("#accept-all")
    page.locator("#objects .pick").nth(1).click()
    opened.press("b")
    page.get_by_role("button", name="Grow").click()  # what was seen of the second isn't there any more
    held[0].continue_()
    expect(opened.status).to_contain_text("2 outlines accepted")
    expect(page.locator("#error")).to_contain_text("Object 2 was changed meanwhile")
    expect(page.locator("#objects small")).to_contain_text(["accepted", "corrected by hand", "", "accepted"])
    assert [each["objects"][0]["verdict"] for each in told] == ["accepted", "accepted"]
    predictions = {each["name"]: each["prediction"] for each in opened.session()["objects"]}
    assert list(predictions) == ["Object 1", "Object 2", "Object 4"], "hidden ones aren't exported"
    assert [each["prediction"] for each in told] == [predictions["Object 1"], predictions["Object 4"]]


def test_a_hidden_outline_is_left_out_and_said_so(opened: Bedside) -> None:
    page = opened.page
    opened.box(5, 5, 40, 50)
    opened.box(45, 5, 85, 50)
    page.get_by_role("button", name="Hide Object 1").click()
    expect(page.locator("#accept-all")).to_be_hidden()
    page.click("#export")
    expect(page.locator("#export-told")).to_have_text("Object 2. Left out: 1 hidden outline.")
    page.click("#export-close")
    coco = json.loads(opened.export("coco"))
    assert [each["name"] for each in coco["categories"]] == ["Object 2"]
    page.get_by_role("button", name="Hide Object 2").click()
    page.click("#export")
    expect(opened.status).to_contain_text("Each outline of this frame is hidden")


def test_masks_are_exported_in_the_images_own_pixels(opened: Bedside) -> None:
    opened.box(5, 5, 40, 50)
    session = opened.session()
    single = np.asarray(from_rle(session["objects"][0]["mask"]))
    png = np.asarray(PilImage.open(io.BytesIO(opened.export("mask"))).convert("L"))
    np.testing.assert_array_equal(png, np.where(single, 255, 0))
    opened.box(45, 5, 85, 50)
    both = np.asarray(PilImage.open(io.BytesIO(opened.export("mask"))).convert("L"))
    second = np.asarray(from_rle(opened.session()["objects"][1]["mask"]))
    np.testing.assert_array_equal(both, np.where(second, 2, single))
    opened.page.click("#export")
    expect(opened.page.locator("[data-format=seg]")).to_be_disabled()
    expect(opened.page.locator("#why-seg")).to_have_text("needs a DICOM image; this one isn't")
