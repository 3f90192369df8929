"""A comparison as a table for the terminal: colour and symbol, never colour alone."""

from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bim.model import Element
from bim.verdict import State, Verdict
from scan_to_bim.report.progress import Judged, Progress
from scan_to_bim.report.summary import Summary, millimetres, percent, summarise, sure
from scan_to_bim.report.words import LOOKS, NO_STOREY, Language, Phrase, class_word, printable
from scan_to_bim.result import Report

MAX_ROWS = 12
_STYLES = {
    State.BUILT: "bold cyan",
    State.PARTIAL: "bold yellow",
    State.DISPLACED: "bold magenta",
    State.ABSENT: "bold",
    State.UNSEEN: "dim",
}


def table(report: Report, language: Language = "en") -> RenderableType:
    """What a person wants to know at once; print it with `rich.console.Console`.

    Names come from the model and are shown as text: rich markup in them has no effect.
    """
    summary = summarise(report)
    parts: list[RenderableType] = [Text(summary.registration.to(language)), _states(summary, language)]
    for state, members in summary.attention.items():
        if members:
            parts.append(_grouped(members, language) if state is State.ABSENT else _members(state, members, language))
    parts += [*_next(report, summary, language), Text(summary.confidence.to(language))]
    if summary.assumptions:
        parts.append(Text(Phrase("Assumptions", "假设").to(language), style="bold"))
        parts += [Text(printable(f"  · {sentence}")) for sentence in summary.assumptions]
    return Group(*parts)


def state_text(state: State, language: Language) -> Text:
    """A state as symbol and word."""
    return Text(f"{LOOKS[state].symbol} {LOOKS[state].word.to(language)}", style=_STYLES[state])


def _states(summary: Summary, language: Language) -> Table:
    grid = Table(title=None, header_style="bold")
    grid.add_column(Phrase("Storey", "楼层").to(language))
    for state in State:
        grid.add_column(state_text(state, language), justify="right")
    grid.add_column(Phrase("Complete", "完成度").to(language), justify="right")
    for item in summary.by_storey:
        grid.add_row(Text(printable(item.name) or NO_STOREY.to(language)), *_cells(item))
    grid.add_section()
    grid.add_row(Text(Phrase("Total", "合计").to(language)), *_cells(summary.total), style="bold")
    return grid


def _cells(item: Progress) -> list[Text]:
    counts = [Text(str(item.counts[state]) if item.counts[state] else "·") for state in State]
    return [*counts, Text(percent(item.percent_low, item.percent_high))]


def _members(state: State, members: list[Judged], language: Language) -> Table:
    heading = state_text(state, language).append(f" ({len(members)})")
    grid = Table(title=heading, title_justify="left", header_style="bold")
    for words in (Phrase("Element", "构件"), Phrase("Storey", "楼层"), Phrase("Complete", "完成度"),
                  Phrase("Shift", "偏移"), Phrase("Sure", "可信度"), Phrase("Why", "依据")):  # fmt: skip
        grid.add_column(words.to(language), overflow="fold")
    for element, verdict in members[:MAX_ROWS]:
        grid.add_row(*_row(element, verdict, language))
    if len(members) > MAX_ROWS:
        more = Phrase("… and {n} more in the report", "……报告中还有 {n} 个").format(n=len(members) - MAX_ROWS)
        grid.add_row(Text(more.to(language), style="dim"))
    return grid


def _grouped(members: list[Judged], language: Language) -> Table:
    """What is absent, counted by class and storey: early on it is most of the building."""
    heading = state_text(State.ABSENT, language).append(f" ({len(members)})")
    grid = Table(title=heading, title_justify="left", header_style="bold")
    storeys = list(dict.fromkeys(element.storey for element, _ in members))
    grid.add_column(Phrase("Class", "类别").to(language))
    for storey in sorted(storeys):
        grid.add_column(Text(printable(storey) or NO_STOREY.to(language)), justify="right")
    counts = Counter((element.ifc_class, element.storey) for element, _ in members)
    for ifc_class in sorted({element.ifc_class for element, _ in members}):
        cells = [str(counts[ifc_class, storey] or "·") for storey in sorted(storeys)]
        grid.add_row(Text(class_word(ifc_class).to(language)), *map(Text, cells))
    return grid


def _row(element: Element, verdict: Verdict, language: Language) -> list[Text]:
    return [
        Text(printable(f"{class_word(element.ifc_class).to(language)} {element.name}")),
        Text(printable(element.storey)),
        Text(percent(100 * verdict.completion_low, 100 * verdict.completion_high)),
        Text(millimetres(verdict.deviation)),
        Text(sure(verdict.confidence)),
        Text(verdict.reason.en if language == "en" else verdict.reason.zh),
    ]


def _next(report: Report, summary: Summary, language: Language) -> list[Text]:
    unseen = Phrase("{n} elements could not be seen.", "有 {n} 个构件未能扫到。").format(
        n=summary.total.counts[State.UNSEEN]
    )
    where = Phrase(
        "  Scan next from x {x:.1f}, y {y:.1f}, z {z:.1f} m ({storey}): it would show {n} of them.",
        "  下次请在 x {x:.1f}、y {y:.1f}、z {z:.1f} 米（{storey}）处扫描：可看到其中 {n} 个。",
    )
    lines = [Text(unseen.to(language))]
    for point in report.next_viewpoints:
        x, y, z = point.position_m
        seen = where.format(x=x, y=y, z=z, storey=point.storey, n=len(point.global_ids))
        lines.append(Text(printable(seen.to(language))))
    return lines
