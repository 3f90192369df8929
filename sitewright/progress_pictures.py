"""Progress as SVG: a Gantt chart with baseline and actuals, an S-curve with its range, and a storey x trade matrix.

Made to be read on a tablet in sunlight: dark ink on white, large text, and a pattern or a symbol with every colour.
The pictures hold no words of a language, only names from the plan, dates and numbers; the page explains them.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from xml.sax.saxutils import escape

from bim.schedule.advance import Progress, Status, TaskProgress
from bim.schedule.observations import WHOLE
from bim.schedule.plan import is_work
from bim.schedule.summary import percent
from bim.verdict import State
from scan_to_bim.report.words import Language, class_word, printable

INK, GRID, SOFT, TEAL, MAGENTA, VIOLET = "#15181c", "#b9c0c9", "#eef1f4", "#2bb3a8", "#d4107a", "#5b2a9d"
SYMBOLS = MappingProxyType({
    Status.DONE: "✓", Status.LATE: "!", Status.ON_TRACK: "▶", Status.AHEAD: "»", Status.NOT_DUE: "○",
    Status.UNKNOWN: "?",
})  # fmt: skip
FONT = 'font-family="system-ui,Noto Sans,Noto Sans CJK SC,Microsoft YaHei,sans-serif"'
MAX_ROWS = 250
NAME_WIDTH, CHART_WIDTH, ROW, TOP = 340, 900, 30, 34


def gantt(progress: Progress) -> str:
    """One row a task: planned bar, filled as far as is proven, hatched as far as is possible; baseline and forecast."""
    rows = [each for each in progress.tasks if is_work(each.task) or each.task.milestone][:MAX_ROWS]
    if not rows:
        return ""
    axis = _axis(rows, progress.date)
    height = TOP + ROW * len(rows) + 8
    parts = [
        *_months(axis, height),
        *(part for n, each in enumerate(rows) for part in _row(each, axis, TOP + n * ROW)),
        *_today(axis.x(progress.date), height),
    ]
    return _svg("g", NAME_WIDTH + CHART_WIDTH + 20, height, parts)


@dataclass(frozen=True)
class _Axis:
    """Time to the right of the names."""

    begin: datetime
    end: datetime

    def x(self, at: datetime) -> float:
        share = (at - self.begin) / (self.end - self.begin)
        return NAME_WIDTH + CHART_WIDTH * min(max(share, 0.0), 1.0)


def _axis(rows: Sequence[TaskProgress], date: datetime) -> _Axis:
    begins = [each.task.start or each.early_start for each in rows]
    ends = [end for each in rows for end in (each.task.finish, each.forecast_finish_high) if end]
    begin, end = min([*begins, date]), max([*ends, date])
    margin = max((end - begin) / 60, timedelta(days=1))
    return _Axis(begin - margin, end + margin)


def _row(each: TaskProgress, axis: _Axis, y: float) -> Iterator[str]:
    task, middle = each.task, y + ROW / 2
    start, finish = task.start or each.early_start, task.finish or each.late_finish
    x, width = axis.x(start), max(axis.x(finish) - axis.x(start), 3.0)
    yield _text(8, middle, SYMBOLS[each.status], 17, weight=800)
    yield _text(32, middle, _short(f"{task.id}  {task.name.strip()}", 38), 14, weight=750 if each.critical else 500)
    if task.milestone or not is_work(task):
        yield f'<path d="M{x:.1f} {y + 6}l9 9l-9 9l-9 -9z" fill="{INK}"/>'
        return
    if task.baseline_start and task.baseline_finish:
        left, right = axis.x(task.baseline_start), axis.x(task.baseline_finish)
        yield _bar(left, y + 24, max(right - left, 2.0), "#79828d", height=4)
    yield _bar(x, y + 5, width, SOFT)
    yield _bar(x, y + 5, width * each.low, TEAL)
    yield _bar(x + width * each.low, y + 5, width * (each.high - each.low), "url(#g-hatch)")
    yield _bar(x, y + 5, width, "none", f' stroke="{INK}" stroke-width="{3 if each.critical else 1}"')
    yield from _forecast(each, axis, finish, y + 14)


def _bar(x: float, y: float, width: float, fill: str, more: str = "", height: float = 18) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height}" fill="{fill}"{more}/>'


def _forecast(each: TaskProgress, axis: _Axis, finish: datetime, y: float) -> Iterator[str]:
    """From the planned finish to where the work may end, when that is later."""
    if each.status is Status.DONE or each.forecast_finish_high - finish < timedelta(days=1):
        return
    near, far = axis.x(max(finish, each.forecast_finish_low)), axis.x(each.forecast_finish_high)
    yield f'<path d="M{axis.x(finish):.1f} {y}H{far:.1f}" stroke="{MAGENTA}" stroke-width="3" stroke-dasharray="6 4"/>'
    yield f'<path d="M{near:.1f} {y - 7}v14M{far:.1f} {y - 7}v14" stroke="{MAGENTA}" stroke-width="3"/>'


def _months(axis: _Axis, height: float) -> Iterator[str]:
    """Lines at the first of months, or of weeks or years when the plan is short or long."""
    for at, label in _ticks(axis.begin, axis.end):
        x = axis.x(at)
        yield f'<path d="M{x:.1f} {TOP - 6}V{height}" stroke="{GRID}"/>'
        yield _text(x + 3, 16, label, 13)


def _ticks(begin: datetime, end: datetime) -> Iterator[tuple[datetime, str]]:
    days = (end - begin).days
    if days < 70:
        monday = (begin + timedelta(days=-begin.weekday() % 7)).replace(hour=0, minute=0, second=0)
        for k in range(days // 7 + 1):
            at = monday + timedelta(days=7 * k)
            if begin < at < end:
                yield at, f"{at:%m-%d}"
        return
    step = 1 if days < 500 else 3 if days < 1500 else 12
    for number in range(begin.year * 12, end.year * 12 + 12, step):
        at = datetime(number // 12, number % 12 + 1, 1)
        if begin < at < end:
            yield at, f"{at:%Y-%m}"


def _today(x: float, height: float) -> Iterator[str]:
    yield f'<path d="M{x:.1f} {TOP - 10}V{height}" stroke="{VIOLET}" stroke-width="3"/>'
    yield f'<path d="M{x - 8:.1f} {TOP - 12}h16l-8 10z" fill="{VIOLET}"/>'


# --- S-curve ----------------------------------------------------------------------------------------------------------

WIDTH, HEIGHT, LEFT, BOTTOM = 1100, 460, 84, 44


def s_curve(progress: Progress) -> str:
    """Planned value as a line; earned value as a hatched band from proven to possible, a mark at every scan."""
    curve, bac = progress.curve, progress.earned_value.bac
    if bac <= 0.0 or len(curve.moments) < 2:
        return ""
    begin, end = curve.moments[0], max(curve.moments[-1], progress.date)

    def x(at: datetime) -> float:
        return LEFT + (WIDTH - LEFT - 20) * min(max((at - begin) / (end - begin), 0.0), 1.0)

    def y(value: float) -> float:
        return 20 + (HEIGHT - BOTTOM - 20) * (1.0 - value / bac)

    planned = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in zip(curve.moments, curve.planned, strict=True))
    earned = [(begin, 0.0, 0.0), *curve.earned]
    above = [f"{x(at):.1f},{y(high):.1f}" for at, _, high in earned]
    below = [f"{x(at):.1f},{y(low):.1f}" for at, low, _ in reversed(earned)]
    low_line = " ".join(reversed(below))
    return _svg("s", WIDTH, HEIGHT, [
        *_grid(x, y, begin, end, bac, progress.unit),
        f'<polygon points="{" ".join(above + below)}" fill="url(#s-hatch)" stroke="{VIOLET}" stroke-width="1.5"/>',
        f'<polyline points="{low_line}" fill="none" stroke="#00756d" stroke-width="5"/>',
        f'<polyline points="{planned}" fill="none" stroke="{INK}" stroke-width="4" stroke-dasharray="12 6"/>',
        *(part for at, low, high in curve.earned for part in _mark(x(at), y(low), y(high))),
        f'<path d="M{x(progress.date):.1f} 12V{HEIGHT - BOTTOM}" stroke="{VIOLET}" stroke-width="3"/>',
    ])  # fmt: skip


def _grid(
    x: Callable[[datetime], float], y: Callable[[float], float], begin: datetime, end: datetime, bac: float, unit: str
) -> Iterator[str]:
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        level = y(share * bac)
        yield f'<path d="M{LEFT} {level:.1f}H{WIDTH - 20}" stroke="{GRID}"/>'
        yield _text(LEFT - 8, level, f"{100 * share:.0f} %", 15, anchor="end")
    yield _text(LEFT + 6, y(bac) + 12, f"{bac:,.0f} {'h' if unit == 'h' else ''}".strip(), 14)
    for at, label in _ticks(begin, end):
        yield f'<path d="M{x(at):.1f} {HEIGHT - BOTTOM}v8" stroke="{INK}" stroke-width="2"/>'
        yield _text(x(at), HEIGHT - BOTTOM + 24, label, 14, anchor="middle")


def _mark(x: float, low: float, high: float) -> Iterator[str]:
    yield f'<path d="M{x:.1f} {low:.1f}V{high:.1f}" stroke="{VIOLET}" stroke-width="4"/>'
    yield f'<path d="M{x:.1f} {low - 8:.1f}l8 8l-8 8l-8 -8z" fill="#00756d"/>'
    yield f'<circle cx="{x:.1f}" cy="{high:.1f}" r="6" fill="#fff" stroke="{VIOLET}" stroke-width="3"/>'


# --- Storey x trade ---------------------------------------------------------------------------------------------------

CELL_WIDTH, CELL_HEIGHT, STOREY_WIDTH, HEAD = 122, 62, 200, 36


@dataclass(frozen=True)
class Cell:
    """The elements of one class on one storey: how many, what share stands, what share should."""

    elements: int
    low: float
    high: float
    due: float
    status: Status


def cells(progress: Progress) -> dict[tuple[str, str], Cell]:
    """By storey and IFC class; an element is due when the last task that brings it about should be finished."""
    links, due = progress.links, dict[int, bool]()
    for each in progress.tasks:
        finish = each.task.baseline_finish or each.task.finish
        for n in each.link.elements:
            due[n] = due.get(n, True) and bool(finish and finish <= progress.date)
    groups: dict[tuple[str, str], list[int]] = defaultdict(list)
    for n, element in enumerate(links.elements):
        groups[element.storey, element.ifc_class.removesuffix("StandardCase")].append(n)
    return {key: _cell(progress, members, due) for key, members in groups.items()}


def _cell(progress: Progress, members: Sequence[int], due: dict[int, bool]) -> Cell:
    known = [progress.known.get(progress.links.elements[n].global_id) for n in members]
    count = len(members)
    low, high = sum(k.low if k else 0.0 for k in known) / count, sum(k.high if k else 1.0 for k in known) / count
    seen = any(k and k.state is not State.UNSEEN for k in known)
    should = sum(due.get(n, False) for n in members) / count
    standing = all(k and k.stood for k in known)
    return Cell(count, low, high, should, _cell_status(standing, seen, low, high, should))


def _cell_status(standing: bool, seen: bool, low: float, high: float, due: float) -> Status:
    if standing or low >= WHOLE:
        return Status.DONE
    if not seen:
        return Status.UNKNOWN
    if high < due - 0.02:
        return Status.LATE
    return Status.NOT_DUE if low == 0.0 else Status.ON_TRACK


def matrix(progress: Progress, language: Language) -> str:
    """Storeys from the top down, trades across; every cell says its percent and carries the symbol of its status."""
    found = cells(progress)
    if not found:
        return ""
    storeys = sorted({storey for storey, _ in found}, reverse=True)
    trades = sorted({trade for _, trade in found}, key=lambda trade: (-sum(trade == t for _, t in found), trade))
    parts = [
        _text(STOREY_WIDTH + n * CELL_WIDTH + 8, HEAD - 14, _short(class_word(trade).to(language), 16), 14, weight=700)
        for n, trade in enumerate(trades)
    ]
    for row, storey in enumerate(storeys):
        y = HEAD + row * CELL_HEIGHT
        parts.append(_text(8, y + CELL_HEIGHT / 2, _short(storey or "–", 24), 15, weight=700))
        for column, trade in enumerate(trades):
            if (storey, trade) in found:
                parts += _cell_parts(found[storey, trade], STOREY_WIDTH + column * CELL_WIDTH, y)
    return _svg("m", STOREY_WIDTH + CELL_WIDTH * len(trades) + 8, HEAD + CELL_HEIGHT * len(storeys) + 8, parts)


def _cell_parts(cell: Cell, x: float, y: float) -> Iterator[str]:
    width, height = CELL_WIDTH - 6, CELL_HEIGHT - 6
    light = {Status.LATE: "#fbe0ee", Status.DONE: "#cdeeea", Status.ON_TRACK: "#fdeccb"}.get(cell.status, "#f3f5f7")
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{light}" stroke="{INK}"/>'
    yield f'<rect x="{x}" y="{y + height - 12}" width="{width * cell.low:.1f}" height="12" fill="#00756d"/>'
    unsure = width * (cell.high - cell.low)
    yield (
        f'<rect x="{x + width * cell.low:.1f}" y="{y + height - 12}" width="{unsure:.1f}" height="12"'
        ' fill="url(#m-hatch)"/>'
    )
    yield _text(x + 8, y + 17, SYMBOLS[cell.status], 18, weight=800)
    yield _text(x + width - 6, y + 17, f"n {cell.elements}", 12, anchor="end")
    yield _text(x + width - 6, y + 34, percent(cell.low, cell.high), 15, anchor="end", weight=700)


# --- SVG --------------------------------------------------------------------------------------------------------------


def _svg(name: str, width: float, height: float, parts: Sequence[str]) -> str:
    hatch = (
        f'<pattern id="{name}-hatch" width="7" height="7" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        f'<rect width="7" height="7" fill="#fff"/><rect width="3" height="7" fill="{VIOLET}"/></pattern>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" {FONT} role="img">'
        f'<defs>{hatch}</defs><rect width="100%" height="100%" fill="#fff"/>{"".join(parts)}</svg>'
    )


def _text(x: float, y: float, words: str, size: int, *, anchor: str = "start", weight: int = 500) -> str:
    return (
        f'<text x="{x:.1f}" y="{y + size * 0.35:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}"'
        f' fill="{INK}">{escape(printable(words))}</text>'
    )


def _short(words: str, length: int) -> str:
    """At most so many columns, a Chinese character counting as two."""
    width, kept = 0, ""
    for character in words:
        width += 2 if ord(character) > 0x2E7F else 1
        if width > length:
            return kept.rstrip() + "…"
        kept += character
    return kept
