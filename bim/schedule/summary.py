"""Progress in a few words, in both languages: what is late, due and ahead, and which missing elements are due."""

from dataclasses import dataclass

from bim.model import Element
from bim.schedule.advance import Progress, Status, TaskProgress
from bim.schedule.earned_value import Range
from bim.schedule.plan import is_work
from bim.verdict import Reason


@dataclass(frozen=True)
class Summary:
    """What a report shows of the plan beside the verdicts. Tasks are those that are work, by their planned finish."""

    sentence: Reason
    late: tuple[TaskProgress, ...]
    due: tuple[TaskProgress, ...]
    """Should be at work or finished, and the evidence neither proves nor disproves that they are on time."""
    ahead: tuple[TaskProgress, ...]
    absent_due: tuple[tuple[Element, str], ...]
    """Elements that should stand and are known not to, with the id of the task that they belong to."""
    linked_share: float


def summarise(progress: Progress) -> Summary:
    """The summary of a plan's progress at its date."""
    elements = progress.links.elements
    late, ahead = (_with_status(progress, status) for status in (Status.LATE, Status.AHEAD))
    absent = tuple((elements[n], task) for n, task in progress.due_absent)
    return Summary(
        sentence=_sentence(progress, len(late), len({element.global_id for element, _ in absent})),
        late=late,
        due=(*_with_status(progress, Status.ON_TRACK), *_with_status(progress, Status.UNKNOWN)),
        ahead=ahead,
        absent_due=absent,
        linked_share=progress.links.linked_share,
    )


def percent(low: float | None, high: float | None) -> str:
    """A range of shares as people write it: `40–55 %`, `40 %`, `–` where there is none."""
    if low is None or high is None:
        return "–"
    bounds = f"{100 * low:.0f}", f"{100 * high:.0f}"
    return f"{bounds[0]} %" if bounds[0] == bounds[1] else f"{bounds[0]}–{bounds[1]} %"


def figure(values: Range | None, decimals: int = 2) -> str:
    """A range of numbers as people write it."""
    if values is None or (values.low is None and values.high is None):
        return "–"
    low, high = ("?" if v is None else f"{v:,.{decimals}f}" for v in (values.low, values.high))
    return low if low == high else f"{low} – {high}"


def _with_status(progress: Progress, status: Status) -> tuple[TaskProgress, ...]:
    found = [each for each in progress.tasks if each.status is status and is_work(each.task)]
    return tuple(sorted(found, key=lambda each: (each.late_finish, each.task.id)))


def _sentence(progress: Progress, late: int, absent: int) -> Reason:
    ev, bac = progress.earned_value, progress.earned_value.bac
    done = (
        percent(ev.ev.low / bac, ev.ev.high / bac) if bac and ev.ev.low is not None and ev.ev.high is not None else "–"
    )
    should = percent(ev.pv.low / bac, ev.pv.low / bac) if bac and ev.pv.low is not None else "–"
    linked, day = percent(*[progress.links.linked_share] * 2), progress.date.date()
    return Reason(
        f"On {day} {should} should be done and {done} is; {late} {'task is' if late == 1 else 'tasks are'} late,"
        f" {absent} missing {'element is' if absent == 1 else 'elements are'} due;"
        f" {linked} of the tasks are linked to elements.",
        f"截至 {day}，计划应完成 {should}，实际完成 {done}；{late} 个任务滞后，{absent} 个未建构件已到期；"
        f"{linked} 的任务已关联构件。",
    )
