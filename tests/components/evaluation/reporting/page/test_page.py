"""The page stands alone, and its numbers are those of `metrics.json` and of the tracking run."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from components.evaluation.comparing.flat import flat_means
from components.evaluation.reporting.page.page import page_html
from components.evaluation.reporting.page.tables import area_means

VOID = {"meta", "image", "br", "link"}


class Page(HTMLParser):
    """The page read back: named numbers with the text that shows them, attributes by tag, open tags, headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.numbers: dict[str, tuple[float, str]] = {}
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.headings: list[int] = []
        self.words: list[str] = []
        self._name: tuple[str, float] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.attributes += [(tag, name, value) for name, value in found.items()]
        if tag == "data" and "data-name" in found:
            self._name = (found["data-name"], float(found["value"]))
        if re.fullmatch(r"h\d", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._name is not None:
            name, value = self._name
            assert self.numbers.get(name, (value, data)) == (value, data), f"{name} stands there twice, differently"
            self.numbers[name] = (value, data)
            self._name = None


@pytest.fixture(scope="module")
def text(results) -> str:
    return page_html(results, prompt="box_jitter", figure_cases=2)


def test_every_number_is_that_of_the_validations_and_of_the_tracking_run(text, results) -> None:
    shown = Page(text).numbers
    logged = area_means(results, "box_jitter")
    for metrics in results.metrics.values():
        logged |= flat_means(metrics)
    # What MLflow holds besides: differences of NSD and HD95, and millimetres, which report.md tells; the curve under
    # names of its own; confidence at prompts other than the page's.
    besides = r"_mm$|fallback_rate$|/jitter_\d+/|student-\w+/(nsd|hd95)$|/(box|box_jitter_20|click)/\w+/(aurc|ece\w*)$"
    for name, value in logged.items():
        if not re.search(besides, name):
            assert shown[name][0] == value, name
    for name in ("busi/box_jitter/student/dice", "fugc/click/teacher/nsd", "ddti/box_jitter/student-ellipse/dice"):
        value, words = shown[name]
        assert words == (f"{value:+.3f}" if "-ellipse" in name else f"{value:.3f}")
    found = results.metrics["internal"]["datasets"]["busi"]["prompts"]["box_jitter"]["student"]
    assert shown["busi/box_jitter/student/dice"][0] == found["dice"]["mean"]
    low, high = found["dice"]["ci95"]
    assert f"[{low:.3f}, {high:.3f}]" in text
    assert shown["busi/box_jitter/student/miss_rate"][1] == f"{found['miss_rate']['count']} of 6"
    assert any(name.startswith("ddti/area_mm2/") for name in shown) and not any("busi/area_mm2" in n for n in shown)


def test_it_stands_alone_is_whole_and_names_what_it_is(text, results) -> None:
    page = Page(text)
    assert page.open == [], "every tag is closed"
    for tag, name, value in page.attributes:
        assert tag not in {"script", "link", "iframe"} and not name.startswith("on")
        if name in {"href", "src"}:
            assert value.startswith(("#", "data:image/png;base64,")), value
    assert "http" not in re.sub(r'"data:[^"]*"', "", text) and "url(" not in text
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert all(value for tag, name, value in page.attributes if name == "aria-label")
    assert text.count("<table>") == text.count("<caption>")
    assert text.count('role="img"') == len(re.findall(r'<svg (?!class="(swatch|once))', text)) > 10
    order = ["<header>", "Research software", "PHANTOM", "<strong>FAIL</strong>", "<h2>What was tested", "<h2>Results"]
    order += [
        "<h2>Careless boxes",
        "<h2>Does the area",
        "<h2>Where it fails",
        "<h2>Does the model know",
        "<h2>For whom",
    ]
    order += ["<h2>The gate", "<h2>The package", "<h2>What this doesn", "<h2>What others published", "<h2>Where every"]
    places = [text.index(words, text.index("<header>")) for words in order]
    assert places == sorted(places)
    assert results.files["reports/gate.json"] in text and results.description.digest in text
    assert text == page_html(results, prompt="box_jitter", figure_cases=2), "equal files give an equal page"


def test_what_others_wrote_is_text_and_no_markup(text) -> None:
    assert "Dice &lt;too low&gt; &amp; far" in text and "<too low>" not in text
    assert re.search(r"outlined something in \S.* of \d+ boxes where there is nothing \(busi \d of \d", text)
    assert "ethics approval" in text and "30 of 44" in text and "61 ms (median)" in text


def test_one_kind_of_prompt_and_nothing_external_is_no_error(results) -> None:
    bare = {"datasets": {}, "models": {}, "phantom": False, "model": results.metrics["internal"]["model"]}
    external = {**results.metrics["external"], **bare}
    one = results.tested[0]
    found = {
        **{key: value for key, value in one.found.items() if key not in {"jitter_curve", "false_regions"}},
        "prompts": {"click": one.found["prompts"]["click"]},
    }
    alone = replace(results, metrics={**results.metrics, "external": external}, tested=(replace(one, found=found),))
    page = Page(page_html(alone, prompt="box_jitter", figure_cases=1))
    words = " ".join(" ".join(page.words).split())
    assert "there is no ellipse to beat" in words and "weren't asked for in this run" in words
    assert "It wasn't asked for on busi" in words and "nothing can be said in mm²" in words
