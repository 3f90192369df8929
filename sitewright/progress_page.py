"""Progress as one HTML page that needs neither a server, a network nor a script."""

import hashlib
from base64 import b64encode
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bim.schedule.advance import Progress
from bim.schedule.lookahead import look_ahead, percent_plan_complete
from bim.schedule.plan import is_work
from bim.schedule.summary import percent, summarise
from scan_to_bim.report.page import both
from scan_to_bim.report.words import Language, Phrase
from sitewright.progress_pictures import SYMBOLS, gantt, matrix, s_curve
from sitewright.progress_table import HEADER, WORDS, figures, notes, row

MAX_ROWS, MAX_ABSENT = 2000, 200
NUMERIC = (1, 2, 3, 5, 6, 7)
"""Columns of the table that hold numbers and dates."""


def html_bytes(progress: Progress, language: Language = "en") -> bytes:
    """The page in both languages, `language` shown first. Names from the plan and the model are text: escaped."""
    style = files("sitewright").joinpath("templates", "progress.css").read_text(encoding="utf-8")
    summary, kept = summarise(progress), percent_plan_complete(progress)
    words = Phrase(
        "Percent plan complete in the last week: {p} of {n} tasks.", "上周计划完成率（PPC）：{n} 个任务的 {p}。"
    )
    text: str = _environment().get_template("progress.html.j2").render(
        progress=progress,
        language=language,
        summary=summary,
        figures=list(zip(figures(progress, "en"), figures(progress, "zh"), strict=True)),
        s_curve=_ours(s_curve(progress)),
        gantt=_ours(gantt(progress)),
        matrix_en=_ours(matrix(progress, "en")),
        matrix_zh=_ours(matrix(progress, "zh").replace("m-hatch", "n-hatch")),
        symbols=SYMBOLS,
        words=WORDS,
        header=HEADER,
        numeric=NUMERIC,
        rows=[(t.status.value, row(t, "en"), row(t, "zh")) for t in progress.tasks if is_work(t.task)][:MAX_ROWS],
        ahead=look_ahead(progress)[:MAX_ROWS],
        kept=words.format(p=percent(kept.share.low, kept.share.high), n=kept.promised),
        kept_reasons=kept.reasons,
        absent=summary.absent_due[:MAX_ABSENT],
        notes=notes(progress),
        style=_ours(style),
        style_hash="sha256-" + b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )  # fmt: skip
    return text.encode("utf-8", "replace")


def _ours(text: str) -> Markup:
    """Markup that this program wrote; the pictures escape the names in it."""
    return Markup(text)  # noqa: S704


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sitewright"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["both"] = both
    environment.globals["say"] = lambda en, zh: both(Phrase(en, zh))
    return environment
