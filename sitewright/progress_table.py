"""Progress as a table for the terminal: symbol and word, never colour alone."""

from collections.abc import Iterator, Sequence
from types import MappingProxyType

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bim.schedule.advance import Progress, Status, TaskProgress
from bim.schedule.linking import Way
from bim.schedule.lookahead import look_ahead, percent_plan_complete
from bim.schedule.plan import is_work
from bim.schedule.summary import figure, percent, summarise
from bim.verdict import Reason
from scan_to_bim.report.words import Language, Phrase, printable
from sitewright.progress_pictures import SYMBOLS

MAX_ROWS = 20
BRIEF = tuple(Phrase(*both) for both in (
    ("Task", "任务"), ("Finish", "计划完成"), ("Done", "完成"), ("Due", "应完成"), ("Status", "状态"),
    ("May slip", "可能延误"), ("Float", "时差"), ("n", "构件"),
))  # fmt: skip
WORDS = MappingProxyType({
    Status.DONE: Phrase("done", "已完成"), Status.LATE: Phrase("late", "滞后"),
    Status.ON_TRACK: Phrase("on track", "正常"), Status.AHEAD: Phrase("ahead", "提前"),
    Status.NOT_DUE: Phrase("not due", "未到期"), Status.UNKNOWN: Phrase("cannot tell", "无法判断"),
})  # fmt: skip
WAYS = MappingProxyType({
    Way.HAND: Phrase("by hand", "手工"), Way.IFC: Phrase("IFC", "IFC"), Way.GUID: Phrase("GUID", "GUID"),
    Way.CODE: Phrase("code", "编码"), Way.NAME: Phrase("name", "名称"), Way.RULE: Phrase("rule", "规则"),
    Way.DEFAULT: Phrase("common names", "常用名称"), Way.NONE: Phrase("not linked", "未关联"),
})  # fmt: skip
FIGURES = (
    ("bac", Phrase("budget at completion BAC", "完工预算 BAC"), 0),
    ("pv", Phrase("planned value PV", "计划价值 PV"), 0),
    ("ev", Phrase("earned value EV", "挣值 EV"), 0),
    ("ac", Phrase("actual cost AC", "实际成本 AC"), 0),
    ("sv", Phrase("schedule variance SV", "进度偏差 SV"), 0),
    ("cv", Phrase("cost variance CV", "成本偏差 CV"), 0),
    ("spi", Phrase("schedule performance SPI", "进度绩效 SPI"), 2),
    ("cpi", Phrase("cost performance CPI", "成本绩效 CPI"), 2),
    ("eac", Phrase("estimate at completion EAC", "完工估算 EAC"), 0),
    ("etc", Phrase("estimate to complete ETC", "完工尚需估算 ETC"), 0),
    ("vac", Phrase("variance at completion VAC", "完工偏差 VAC"), 0),
    ("tcpi", Phrase("to-complete performance TCPI", "完工尚需绩效 TCPI"), 2),
    ("es", Phrase("earned schedule ES, weeks", "挣得进度 ES（周）"), 1),
    ("spi_t", Phrase("schedule performance in time SPI(t)", "时间进度绩效 SPI(t)"), 2),
)
HEADER = tuple(Phrase(*both) for both in (
    ("Task", "任务"), ("Planned", "计划"), ("Done", "完成"), ("Should be", "应完成"), ("Status", "状态"),
    ("May finish", "预计完成"), ("Float", "总时差"), ("Elements", "构件"), ("Linked", "关联方式"),
))  # fmt: skip


def table(progress: Progress, language: Language = "en") -> RenderableType:
    """What a person wants to know at once; print it with `rich.console.Console`."""
    summary = summarise(progress)
    parts: list[RenderableType] = [Text(printable(said(summary.sentence, language)), style="bold")]
    parts += [_tasks(_shown(progress), language), _figures(progress, language)]
    parts += [Text(line) for line in (*_path(progress, language), *_next(progress, language))]
    parts += [Text(printable(f"  · {said(note, language)}")) for note in notes(progress)]
    return Group(*parts)


def said(reason: Reason, language: Language) -> str:
    """A reason in one language."""
    return reason.en if language == "en" else reason.zh


def _shown(progress: Progress) -> Sequence[TaskProgress]:
    """What needs a person first: late, then at work or in doubt, then ahead, then the rest by start."""
    rank = (Status.LATE, Status.ON_TRACK, Status.UNKNOWN, Status.AHEAD, Status.NOT_DUE, Status.DONE)
    work = [each for each in progress.tasks if is_work(each.task)]
    return sorted(work, key=lambda each: (rank.index(each.status), each.early_start))[:MAX_ROWS]


def _tasks(tasks: Sequence[TaskProgress], language: Language) -> Table:
    """A row a task, narrow enough for a terminal of 80 columns; the page has all columns."""
    grid = Table(header_style="bold", box=SIMPLE_HEAD, padding=(0, 1), pad_edge=False)
    for n, word in enumerate(BRIEF):
        grid.add_column(word.to(language), justify="left" if n in {0, 4} else "right", no_wrap=n > 0, overflow="fold")
    for each in tasks:
        grid.add_row(*map(Text, _brief(each, language)), style="bold" if each.status is Status.LATE else "")
    return grid


def _brief(each: TaskProgress, language: Language) -> tuple[str, ...]:
    name, _, done, due, status, _, slack, elements, _ = row(each, language)
    finish = each.task.finish or each.early_start
    days = (each.forecast_finish_high.date() - finish.date()).days
    later = f"+{days} d" if each.status is not Status.DONE and days > 0 else ""
    return name, f"{finish:%Y-%m-%d}", done, due, status, later, slack, elements


def row(each: TaskProgress, language: Language) -> tuple[str, ...]:
    """One task as the texts of a row, in the order of `HEADER`; ▲ marks the critical path."""
    task = each.task
    days = [f"{at:%Y-%m-%d}" if at else "" for at in (task.start, task.finish)]
    near, far = f"{each.forecast_finish_low:%Y-%m-%d}", f"{each.forecast_finish_high:%Y-%m-%d}"
    finish = "" if each.status is Status.DONE else near if near == far else f"{near} – {far}"
    return (
        printable(f"{task.id} {task.name.strip()}"),
        " – ".join(days),
        percent(each.low, each.high),
        percent(each.planned, each.planned),
        f"{SYMBOLS[each.status]} {WORDS[each.status].to(language)}",
        finish,
        f"{each.total_float_days:.0f}" + (" ▲" if each.critical else ""),
        str(len(each.link.elements)),
        WAYS[each.link.way].to(language),
    )


def figures(progress: Progress, language: Language) -> Iterator[tuple[str, str]]:
    """Earned value as names and ranges."""
    for key, name, decimals in FIGURES:
        value = getattr(progress.earned_value, key)
        yield name.to(language), f"{value:,.0f}" if isinstance(value, float) else figure(value, decimals)


def _figures(progress: Progress, language: Language) -> Table:
    grid = Table(show_header=False, box=None)
    for name, value in figures(progress, language):
        grid.add_row(Text(name), Text(value))
    return grid


def _path(progress: Progress, language: Language) -> Iterator[str]:
    path = " → ".join(progress.critical_path[:30])
    yield printable(Phrase("Critical path: {p}", "关键线路：{p}").format(p=path).to(language))
    kept = percent_plan_complete(progress)
    words = Phrase("Percent plan complete, last week: {p} of {n} tasks", "上周计划完成率（PPC）：{n} 个任务的 {p}")
    yield words.format(p=percent(kept.share.low, kept.share.high), n=kept.promised).to(language)
    for task, why in kept.reasons[:MAX_ROWS]:
        yield printable(f"  · {task}: {said(why, language)}")


def _next(progress: Progress, language: Language) -> Iterator[str]:
    coming = look_ahead(progress)
    ready = sum(not each.constraints for each in coming)
    words = Phrase("Next six weeks: {n} tasks, {r} without constraints", "未来六周：{n} 个任务，其中 {r} 个无制约")
    yield words.format(n=len(coming), r=ready).to(language)
    for each in [each for each in coming if each.constraints][:8]:
        why = "; ".join(said(constraint, language) for constraint in each.constraints)
        yield printable(f"  · {each.progress.task.id} {each.progress.task.name.strip()}: {why}")
    yield Phrase("Problems and assumptions", "问题与假设").to(language)


def notes(progress: Progress) -> list[Reason]:
    """What is wrong with the plan and what was assumed, each once."""
    return list(dict.fromkeys((*progress.plan.problems, *progress.assumptions)))
