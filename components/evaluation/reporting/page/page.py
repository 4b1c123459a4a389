"""A run's results to one HTML file that stands alone: no address outside, no script, figures and style within.

It begins with what it is worth, says the verdict in a sentence and what was tested on whom, then shows tables,
pictures, failures and limits, and ends with where every number comes from. It is a function of its files: equal files
give an equal page. Leaves out: reading them (results.py), how it looks (page.html.j2, page.css).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from components.evaluation.baselines import ELLIPSE
from components.evaluation.reporting.page import charts, release_tables, tables, trust_tables
from components.evaluation.reporting.page.gallery import failures
from components.evaluation.reporting.page.results import Results, main_prompt
from components.evaluation.reporting.page.verdict import (
    against_lines,
    nothing_sentence,
    open_checks,
    simpler_lines,
    verdict_sentence,
    worst_subgroups,
)
from components.evaluation.reporting.page.ways import ways
from components.evaluation.reporting.words import (
    ELLIPSE_IS,
    MAXIM,
    PHANTOM_MEANS,
    PROMPT_MEANS,
    RESEARCH,
    SIMPLER,
    exposure_words,
    kept_warnings,
    limits,
    origin_words,
    phantom_words,
    prompt_words,
)
from components.marking import visible

HERE = Path(__file__).parent
TEMPLATE, STYLE = "page.html.j2", "page.css"


def page_html(results: Results, *, prompt: str, figure_cases: int) -> str:
    """The page; `prompt` is the kind of prompt that it is told by, `figure_cases` how many failures of each dataset."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_all_seen,
    )
    style = Markup((HERE / STYLE).read_text(encoding="utf-8"))
    return environment.get_template(TEMPLATE).render(
        style=style,
        results=results,
        prompt=prompt_words(prompt),
        research=RESEARCH,
        maxim=MAXIM,
        ellipse_is=ELLIPSE_IS,
        **_said(results, prompt),
        **_shown(results, prompt, figure_cases),
    )


def _all_seen(value: Any) -> Any:
    """What a template shows, with no character in it that can't be seen; markup of our own is left as it is."""
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _said(results: Results, prompt: str) -> dict[str, Any]:
    """Sentences and lists of them."""
    asked = dict.fromkeys(kind for one in results.tested for kind in one.found["prompts"])
    if any(one.found.get("false_regions") for one in results.tested):
        asked["box_nothing"] = None
    lacking = [one.name for one in results.tested if main_prompt(one, prompt) != prompt]
    internal = results.metrics["internal"]
    return {
        "phantom_words": _phantoms(results),
        "exposure": exposure_words(results.metrics["external"]),
        "sentence": verdict_sentence(results),
        "declared": any(check["id"] == "declared" and check["verdict"] == "PASS" for check in results.gate["checks"]),
        "reasons": [check["reason"] for check in open_checks(results)],
        "ellipse": against_lines(results, prompt, ELLIPSE),
        "simpler": simpler_lines(results, prompt),
        "rivals": [line for who in SIMPLER for line in against_lines(results, prompt, who)],
        "prompts": [(prompt_words(kind), PROMPT_MEANS[kind]) for kind in asked],
        "lacking": lacking,
        "invented": nothing_sentence(results),
        "worst": worst_subgroups(results, prompt),
        "origins": origin_words({one.name: one.found for one in results.tested}),
        "nsd_tolerance": internal["nsd_tolerance"],
        "min_groups": internal["min_groups"],
        "limits": _limits(results),
    }


def _phantoms(results: Results) -> Sequence[str]:
    """What of each validation is a phantom's, said once where it is the same of both."""
    marked = [metrics for metrics in results.metrics.values() if metrics["phantom"]]
    return list(dict.fromkeys(f"{phantom_words(metrics)} {PHANTOM_MEANS}" for metrics in marked))


def _limits(results: Results) -> Sequence[str]:
    """What neither validation shows, each sentence once."""
    said = [line for role, metrics in results.metrics.items() for line in limits(metrics, role=role)]
    return list(dict.fromkeys(said))


def _shown(results: Results, prompt: str, figure_cases: int) -> dict[str, Any]:
    """Tables and pictures; what wasn't asked for or measured is None or empty, and the page says so."""
    kinds = dict.fromkeys(kind for one in results.tested for kind in one.found["prompts"])
    areas = [found for unit in tables.AREA_UNITS if (found := tables.agreements(results, prompt, unit))]
    return {
        "tested": tables.tested_table(results),
        "main": tables.results_table(results, prompt),
        "by_kind": [tables.results_table(results, kind) for kind in kinds if kind != prompt],
        "intervals": charts.interval_chart(results, prompt),
        "every_prompt": charts.every_prompt_chart(results) if len(kinds) > 1 else None,
        "jitter": charts.jitter_chart(results),
        "false_regions": tables.false_region_table(results),
        "areas": [(charts.area_chart(found), tables.agreement_table(found)) for found in areas],
        "ways": ways(results, prompt),
        "failures": failures(results, prompt, count=figure_cases),
        "reliability": charts.reliability_chart(results, prompt),
        "risk": charts.risk_chart(results, prompt),
        "confidence": trust_tables.confidence_table(results, prompt),
        "confidence_by_kind": [
            told
            for kind in kinds
            if kind != prompt and not (told := trust_tables.confidence_table(results, kind, strictly=True)).empty
        ],
        "misleading": [line for metrics in results.metrics.values() for line in kept_warnings(metrics)],
        "guard": trust_tables.guard_table(results),
        "subgroups": trust_tables.subgroup_table(results, prompt),
        "seeds": trust_tables.seed_table(results, prompt),
        "gate": release_tables.gate_table(results),
        "package": release_tables.package_table(results.package),
        "documents": release_tables.document_table(results.documents),
        "published": release_tables.published_table(results),
        "hurdles": release_tables.hurdle_table(),
        "sources": release_tables.source_table(results),
    }
