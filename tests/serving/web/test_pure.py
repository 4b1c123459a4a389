"""The page's small modules, each by itself: what they compute is what the library computes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from PIL import Image as PilImage
from PIL import ImageDraw
from playwright.sync_api import Page

from components.findings.measure import measure
from components.formats.regions import Region, Spacing, spacing_at
from components.masks import tight_box, to_rle
from components.types import BoxXyxy, Mask


def call(page: Page, module: str, code: str, given: Any = None) -> Any:
    """The value of an expression over a module `m` and what is `given`."""
    return page.evaluate(f"async (given) => {{ const m = await import('/web/{module}.js'); return {code}; }}", given)


def masks() -> list[Mask]:
    """Masks of many kinds: none, one pixel, all, noise, parts, holes, parts that touch at a corner."""
    rng = np.random.default_rng(1)
    kinds = [np.zeros((7, 9), bool), np.ones((5, 4), bool), rng.random((21, 17)) < 0.5, rng.random((30, 40)) < 0.9]
    single = np.zeros((6, 6), bool)
    single[2, 3] = True
    touching = np.zeros((12, 12), bool)
    touching[1:5, 1:5] = touching[5:11, 5:11] = True
    touching[7, 7] = False
    rows, columns = np.ogrid[:60, :90]
    ellipse = ((rows - 30) / 20) ** 2 + ((columns - 45 + (rows - 30) / 2) / 30) ** 2 < 1
    return [*kinds, single, touching, ellipse]


def test_masks_are_read_and_written_as_the_service_does(modules: Page) -> None:
    for mask in masks():
        rle = to_rle(mask)
        code = "[[...m.decode(given)], m.encode(m.decode(given), given.size[1], given.size[0])]"
        pixels, again = call(modules, "rle", code, rle)
        np.testing.assert_array_equal(np.reshape(pixels, mask.shape), mask)
        assert again == {"size": list(rle["size"]), "counts": rle["counts"]}


def test_rings_filled_by_the_even_odd_rule_are_the_mask(modules: Page) -> None:
    for mask in masks():
        given = {"pixels": mask.astype(int).ravel().tolist(), "width": mask.shape[1]}
        code = "[m.rings, m.tightBox].map((f) => f(Uint8Array.from(given.pixels), given.width))"
        rings, box = call(modules, "masks", code, given)
        assert (None if box is None else tuple(box)) == tight_box(mask)
        filled = np.zeros(mask.shape, bool)
        for ring in rings:
            # Pixel centres inside the ring: drawn four times as large, where lines can't touch them.
            sheet = PilImage.new("1", (4 * mask.shape[1] + 1, 4 * mask.shape[0] + 1))
            ImageDraw.Draw(sheet).polygon([4 * value for value in ring], fill=1)
            filled ^= np.asarray(sheet)[2::4, 2::4][: mask.shape[0], : mask.shape[1]]
        np.testing.assert_array_equal(filled, mask)


def test_diameters_are_the_services(modules: Page) -> None:
    spacing = Spacing(x_mm=0.11, y_mm=0.07, source="region 1")
    for mask in masks():
        for scale in (None, spacing):
            expected = measure(mask, scale)
            given = {
                "pixels": mask.astype(int).ravel().tolist(),
                "width": mask.shape[1],
                "spacing": None if scale is None else {"x_mm": scale.x_mm, "y_mm": scale.y_mm},
            }
            code = (
                "import('/web/masks.js').then((k) => "
                "m.diameters(k.rings(Uint8Array.from(given.pixels), given.width), given.spacing))"
            )
            found = call(modules, "diameters", f"await {code}", given)
            assert found["parts"] == expected.parts
            for axis, line in (("longest", expected.longest), ("perpendicular", expected.perpendicular)):
                assert (found[axis] is None) == (line is None)
                if line is not None:
                    unit = (1, 1) if scale is None else (scale.x_mm, scale.y_mm)
                    ours = np.subtract(found[axis]["to"], found[axis]["from"]) * unit
                    theirs = np.subtract(line.to_xy, line.from_xy) * unit
                    np.testing.assert_allclose(np.hypot(*ours), np.hypot(*theirs), rtol=1e-9)


def test_history_goes_back_and_forth(modules: Page) -> None:
    code = """(() => {
      let h = m.start("a");
      h = m.push(m.push(m.push(h, "b"), "c"), "c");
      const seen = [m.undo(h).present, m.undo(m.undo(m.undo(h))).present, m.redo(m.undo(h)).present];
      const other = m.push(m.undo(h), "d");
      for (let n = 0; n < 500; n++) h = m.push(h, String(n));
      const { past } = m.amend(other, "e");
      const all = m.everywhere(m.undo(other), (state) => state + "!");
      return [seen, m.redo(other).present, other.past, past, m.retract(other).present, h.past.length, all];
    })()"""
    everywhere = {"past": ["a!"], "present": "b!", "future": ["d!"]}
    expected = [["b", "a", "c"], "d", ["a", "b"], ["a", "b"], "b", 200, everywhere]
    assert call(modules, "history", code) == expected


def test_the_least_recently_used_goes_first(modules: Page) -> None:
    code = """(() => {
      const gone = [];
      const kept = new m.Lru(10, (value) => value, (value) => gone.push(value));
      kept.put("a", 4); kept.put("b", 5); kept.get("a"); kept.put("c", 3); kept.put("d", 50);
      return [[...kept.entries.keys()], gone, kept.held];
    })()"""
    assert call(modules, "lru", code) == [["d"], [5, 4, 3], 50]


def test_a_window_spreads_its_values(modules: Page) -> None:
    table = call(modules, "tone", "[...m.table({level: 128, width: 256, invert: false})]")
    assert table == list(range(256))
    narrow = call(modules, "tone", "[...m.table({level: 100, width: 51, invert: false})]")
    assert narrow[:75] == [0] * 75 and narrow[125:] == [255] * 131 and narrow[74:126] == sorted(narrow[74:126])
    inverted = call(modules, "tone", "[...m.table({level: 100, width: 51, invert: true})]")
    assert [255 - value for value in inverted] == narrow
    sensible = call(modules, "tone", "m.sensible({level: NaN, width: -4, invert: false})")
    assert sensible == {"level": 0, "width": 2, "invert": False}


def test_views_and_boxes(modules: Page) -> None:
    code = """(() => {
      const size = {width: 100, height: 50}, room = {width: 424, height: 424};
      const view = m.fit(size, room), near = m.zoom(view, 3, [50, 60], size, room);
      const back = m.toImage(near, m.toScreen(near, [7, 9]));
      const far = m.pan(view, 1e6, -1e6, size, room);
      return [view, m.toImage(view, [50, 60]), m.toImage(near, [50, 60]), back, far.x < room.width, far.y > -400,
        m.pullHandle([10, 10, 20, 20], "nw", [30, 5], size), m.pullHandle([10, 10, 20, 20], "e", [999, 0], size),
        m.moveBox([10, 10, 20, 20], 500, -500, size), m.fromEdge([0, 0, 10, 10], [5, 9])];
    })()"""
    view, before, after, back, *rest = call(modules, "geometry", code)
    assert view == {"scale": 4, "x": 12, "y": 112}
    np.testing.assert_allclose(before, after)
    np.testing.assert_allclose(back, [7, 9])
    assert rest == [True, True, [20, 5, 30, 20], [10, 10, 100, 20], [90, 0, 100, 10], 1]


def test_the_scale_of_a_box_is_the_services(modules: Page) -> None:
    regions = [
        Region((0, 0, 50, 50), 0.2, 0.1, "region 1"),
        Region((40, 0, 99, 50), 0.3, 0.3, "region 2"),
        Region((20, 20, 30, 30), 0.2, 0.1, "region 3"),
        Region((2, 40, 12, 48), None, None, "region 4", "its units aren't lengths"),
    ]
    boxes: list[BoxXyxy] = [
        (1, 1, 10, 10), (60, 1, 70, 9), (42, 2, 48, 9), (35, 2, 45, 9), (30, 30, 60, 40), (0, 60, 9, 70),
        (15, 15, 25, 25), (1, 30, 11, 41), (3, 41, 8, 44), (12, 30, 20, 48), (1, 40, 12, 40), (5, 5, 5, 39),
    ]  # fmt: skip
    given = {"regions": [dataclasses.asdict(region) for region in regions], "boxes": boxes}
    code = "given.boxes.map((box) => m.spacingOf(given.regions, box))"
    found = call(modules, "measure", code, given)
    expected = [spacing_at(regions, box) for box in boxes]
    assert {type(each) for each in expected} == {Spacing, str}
    for ours, theirs in zip(found, expected, strict=True):
        if isinstance(theirs, Spacing):
            assert ours == {"spacing": dataclasses.asdict(theirs), "why": None}
        else:
            assert ours["spacing"] is None and theirs.endswith(ours["why"].removeprefix("not "))
    assert call(modules, "measure", "m.spacingOf([], given.boxes[0])", given)["spacing"] is None
    code = "m.lengthOf({from: [0, 0], to: [30, 40]}, given)"
    scale = {"x_mm": 0.2, "y_mm": 0.1}
    assert call(modules, "measure", code, scale) == {"px": 50, "mm": pytest.approx(np.hypot(6, 4))}


def test_keys_do_what_the_help_says(modules: Page) -> None:
    code = """given.map(([key, target, held, single]) => m.actionOf(
      {key, ctrlKey: held.includes("c"), shiftKey: held.includes("s"), altKey: held.includes("a"), metaKey: false},
      {tag: target.split(":")[0], type: target.split(":")[1] ?? ""}, single ?? true))"""
    asked = [
        ["b", "CANVAS", ""], ["B", "BUTTON", "s"], ["z", "BODY", "c"], ["Z", "BODY", "cs"], ["z", "BODY", ""],
        ["b", "INPUT:text", ""], ["Escape", "INPUT:text", ""], ["ArrowLeft", "INPUT:range", ""],
        ["ArrowLeft", "CANVAS", "s"], ["?", "BODY", "s"], ["b", "BODY", "a"], ["b", "BODY", "", False],
        ["z", "BODY", "c", False], ["Escape", "BODY", "", False],
    ]  # fmt: skip
    assert call(modules, "keys", code, asked) == [
        "tool:brush", "tool:brush", "undo", "redo", None, None, "cancel", None,
        "left", "help", None, None, "undo", "cancel",
    ]  # fmt: skip
