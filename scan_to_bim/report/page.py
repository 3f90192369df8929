"""The comparison as one HTML file that needs neither a server nor a network."""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bim.model import Element
from bim.schedule.summary import Summary as PlanSummary
from bim.schedule.summary import percent as share
from bim.verdict import Reason, State, Verdict
from scan_to_bim.report.deviation_maps import deviation_maps
from scan_to_bim.report.plans import plans
from scan_to_bim.report.summary import millimetres, percent, summarise, sure
from scan_to_bim.report.surfaces import f_number, floors, pictures, rows
from scan_to_bim.report.surfaces import sentence as assessed_sentence
from scan_to_bim.report.views import views
from scan_to_bim.report.words import LOOKS, NO_STOREY, UNEXPLAINED, Phrase, class_word
from scan_to_bim.result import Report
from scan_to_bim.surface_quality import SurfaceQuality

MAX_ATTENTION = 100
"""Rows of the lists at the top; the table of all elements has the rest."""


def to_html(
    report: Report, date: datetime, plan: PlanSummary | None = None, surfaces: Sequence[SurfaceQuality] = ()
) -> bytes:
    """The page, in English and in Chinese, with every picture inside. The same report gives the same bytes.

    Whatever comes from the model or the scan is text: it is escaped, and a content security policy that names the
    page's own script and style by their hashes forbids any other.
    """
    style, script = _asset("report.css"), _asset("report.js")
    text: str = _environment().get_template("report.html.j2").render(
        report=report,
        date=date,
        summary=summarise(report),
        plan=plan,
        plans=plans(report),
        views=views(report),
        maps=deviation_maps(report),
        assessed=rows(report, surfaces),
        unflat=pictures(report, surfaces),
        floors=floors(report, surfaces),
        order={element.global_id: i for i, element in enumerate(report.building.elements)},
        data={"states": _states(), "rows": list(_rows(report))},
        looks=LOOKS,
        states=list(State),
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own file
        style_hash=_hash(style),
        script_hash=_hash(script),
    )  # fmt: skip
    return text.encode("utf-8", "replace")


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("scan_to_bim.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"ensure_ascii": False, "separators": (",", ":"), "allow_nan": False}
    environment.filters |= {
        "both": both,
        "base64": lambda data: b64encode(data).decode(),
        "mm": millimetres,
        "f_number": f_number,
        "counted": assessed_sentence,
        "sure": sure,
        "class_word": class_word,
        "unexplained": lambda kind: UNEXPLAINED.get(kind, Phrase(kind, kind)),
    }
    environment.globals |= {"say": lambda en, zh: both(Phrase(en, zh)), "percent": percent, "share": share,
                            "NO_STOREY": NO_STOREY, "MAX_ATTENTION": MAX_ATTENTION, "State": State}  # fmt: skip
    return environment


def both(phrase: Phrase | Reason) -> Markup:
    """A phrase in both languages, escaped; the page shows one."""
    return Markup('<span class="en" lang="en">{}</span><span class="zh" lang="zh-CN">{}</span>').format(
        phrase.en, phrase.zh
    )


def _asset(name: str) -> str:
    return files("scan_to_bim.report").joinpath("templates", name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _states() -> list[dict[str, Any]]:
    return [{"key": state.value, "symbol": LOOKS[state].symbol, "word": [*LOOKS[state].word]} for state in State]


def _rows(report: Report) -> Iterator[dict[str, Any]]:
    """One element a row, for the table and for what a plan shows under the finger."""
    for element, verdict in zip(report.building.elements, report.verdicts, strict=True):
        yield _row(element, verdict)


def _row(element: Element, verdict: Verdict) -> dict[str, Any]:
    deviation = verdict.deviation
    return {
        "guid": element.global_id,
        "kind": [*class_word(element.ifc_class)],
        "name": element.name,
        "storey": element.storey,
        "state": list(State).index(verdict.state),
        "low": round(verdict.completion_low, 3),
        "high": round(verdict.completion_high, 3),
        "done": percent(100 * verdict.completion_low, 100 * verdict.completion_high),
        "seen": round(verdict.observable, 3),
        "sure": round(verdict.confidence, 4),
        "surely": sure(verdict.confidence),
        "shift": None if deviation is None else round(1000 * sum(v * v for v in deviation.translation_m) ** 0.5, 1),
        "shifted": millimetres(deviation),
        "evidence": list(asdict(verdict.evidence).values()),
        "reason": [verdict.reason.en, verdict.reason.zh],
    }
