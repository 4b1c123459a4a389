"""Great Expectations' Data Docs, to pages that read well offline, load nothing and are equal for equal data.

The site that Great Expectations builds loads scripts, fonts and a logo from other hosts (the logo's address carries
an identifier of the user), and holds the time and random identifiers of the run. Here remote parts are taken out,
times and identifiers are made constant, and a front page of our own lists verdict and faults. Where a page
would call all failed for one expectation, however mild, it says by severity what isn't met. Leaves out: judging.
"""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from components.intake.faults import SEVERITIES, counts, ordered
from components.types import Fault, Severity

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{8}T\d{6}\.\d{6}Z")
_CONSTANT_TIME = "20000101T000000.000000Z"
_NO_DATE = "not recorded, so that equal data give equal pages"
_CALLED = (
    (re.compile(r" / validate_data / 2000-01-01T00:00:00Z"), ""),
    (re.compile(r">\s*(?:2000-01-01T00:00:00Z|20000101T000000\.000000Z)\s*<"), f">{_NO_DATE}<"),
    (re.compile(r"<tr>(?:(?!</tr>).)*?Success Percent.*?</tr>", re.DOTALL), ""),
    (re.compile(r"Unsuccessful Expectations"), "Expectations not met"),
    (re.compile(r"Successful Expectations"), "Expectations met"),
    # The font of these signs would come from another host.
    (re.compile(r"<i class=\"[^\"]*\bfa-check-circle\b[^\"]*\"[^>]*>\s*</i>"), '<span class="held">met</span>'),
    (re.compile(r"<i class=\"[^\"]*\bfa-times\b[^\"]*\"[^>]*>\s*</i>"), '<span class="failed">not met</span>'),
)
_STATUS = re.compile(r"Data asset: None<br>(.*?Status:</span>).*?</span>", re.DOTALL)
_REMOTE = (
    re.compile(r"<script[^>]*\bsrc=\"https?:[^>]*>\s*</script>", re.DOTALL),
    re.compile(r"<(?:link|img|iframe)\b[^>]*\b(?:href|src)=\"https?:[^>]*>", re.DOTALL),
    re.compile(r"<footer\b.*?</footer>", re.DOTALL),
)
_STYLE = """<style>
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem .6rem; border-bottom: 1px solid #bbb; }
img { max-width: 100%; }
.error, .failed { color: #a00000; } .warning { color: #7a4a00; } .info, .held { color: #1b5e20; }
</style>"""


def publish(
    site: Path,
    docs: Path,
    *,
    title: str,
    faults: Sequence[Fault],
    verdicts: Mapping[str, bool],
    unmet: Mapping[str, Sequence[Severity]],
    pictures: Mapping[str, str],
) -> None:
    """Copy the pages of a built site to the new folder `docs`, cleaned, with a front page `index.html`.

    `unmet` are, by the name of a suite, the severities of its expectations that aren't met.
    `pictures` are addresses, relative to `docs`, of what shows a code's images.
    """
    numbers: dict[str, str] = {}
    pages: list[Path] = []
    for page in sorted(site.rglob("*.html")):
        if page.parent == site:
            continue  # the front page is our own
        target = docs / page.relative_to(site)
        target.parent.mkdir(parents=True, exist_ok=True)
        text = _cleaned(page.read_text(encoding="utf-8"), numbers)
        place = target.relative_to(docs)
        if place.parts[0] == "validations":
            text = _told(text, unmet[place.parts[1]])
        target.write_text(text, encoding="utf-8")
        pages.append(place)
    shutil.copytree(site / "static" / "styles", docs / "static" / "styles")
    index = _front_page(title, faults, verdicts, pages, pictures)
    (docs / "index.html").write_text(index, encoding="utf-8")


def _cleaned(page: str, numbers: dict[str, str]) -> str:
    """A page without remote parts, times and random identifiers; `numbers` remembers identifiers across pages."""
    for pattern in _REMOTE:
        page = pattern.sub("", page)
    page = _TIME.sub(_CONSTANT_TIME, page)
    page = _UUID.sub(lambda match: numbers.setdefault(match[0], f"00000000-0000-0000-0000-{len(numbers):012d}"), page)
    return page.replace("</head>", _STYLE + "</head>", 1)


def _told(page: str, unmet: Sequence[Severity]) -> str:
    """The page of one suite's results, with a status by severity in place of "failed", and words for its signs."""
    sound = "not sound" if "error" in unmet else "sound"
    number = [f"{unmet.count(severity)} of severity {severity}" for severity in SEVERITIES if severity in unmet]
    status = f"{sound}; expectations not met: {', '.join(number) or 'none'}"
    page = _STATUS.sub(lambda match: f"{match[1]} {status}</span>", page, count=1)
    for pattern, text in _CALLED:
        page = pattern.sub(text, page)
    return page


def _front_page(
    title: str,
    faults: Sequence[Fault],
    verdicts: Mapping[str, bool],
    pages: Sequence[Path],
    pictures: Mapping[str, str],
) -> str:
    number = counts(faults)
    summary = ", ".join(f"{number[severity]} {severity}" for severity in SEVERITIES)
    rules = "".join(
        f'<tr><td>{html.escape(name)}</td><td class="{_word(held)}">{_word(held)}</td></tr>'
        for name, held in sorted(verdicts.items())
    )
    rows = "".join(
        f'<tr><td class="{one.severity}">{one.severity}</td>'
        + "".join(f"<td>{html.escape(text)}</td>" for text in (one.code, one.file, one.found, one.expected, one.remedy))
        + "</tr>"
        for one in ordered(faults)
    )
    links = "".join(f'<li><a href="{quote(page.as_posix())}">{html.escape(_called(page))}</a></li>' for page in pages)
    shown = "".join(
        f'<h3>{html.escape(code)}</h3><a href="{quote(place)}"><img src="{quote(place)}" alt="{html.escape(code)}"></a>'
        for code, place in pictures.items()
    )
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>{_STYLE}</head><body>
<h1>{html.escape(title)}</h1>
<p>{"Not sound" if number["error"] else "Sound"}: {summary}.</p>
<h2>Faults</h2>
<table><tr><th>severity</th><th>code</th><th>file</th><th>found</th><th>expected</th><th>to do</th></tr>{rows}</table>
<h2>Rules</h2>
<table><tr><th>rule</th><th>verdict</th></tr>{rules}</table>
<h2>Pictures of what was flagged</h2>
{shown or "<p>None.</p>"}
<h2>Great Expectations' pages</h2>
<ul>{links}</ul>
</body></html>
"""


def _called(page: Path) -> str:
    """What a link to a page of Great Expectations says."""
    return f"{page.parts[1]}: results" if page.parts[0] == "validations" else f"{page.stem}: {page.parts[0]}"


def _word(held: bool) -> str:
    return "held" if held else "failed"
