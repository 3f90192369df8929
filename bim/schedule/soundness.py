"""What is wrong with a plan: named, and taken out where it would stop the arithmetic; no plan is refused for it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from bim.schedule.calendars import inferred_calendar
from bim.schedule.network import between_leaves
from bim.schedule.plan import HOUR_S, Calendar, Kind, Plan, Relation, Task, is_work, noted
from bim.verdict import Reason

NAMED = 5
"""How many tasks a sentence names."""
EARLIEST_YEAR, LATEST_YEAR = 1950, 2150


def examined(plan: Plan) -> Plan:
    """The plan with its problems named, ids unique, and no relation that dangles or closes a cycle."""
    problems = [*_double_ids(plan.tasks)]
    plan = replace(plan, tasks=_unique(plan.tasks))
    relations, dangling = _with_both_ends(plan)
    acyclic, cycles = _without_cycles(replace(plan, relations=tuple(relations)))
    problems += [*dangling, *cycles, *_dates(plan.tasks), *_orphans(plan.tasks, acyclic), *_order(plan.tasks, acyclic)]
    plan = replace(plan, tasks=tuple(map(_sane, plan.tasks)), relations=tuple(acyclic))
    return noted(_with_calendar(_as_reported(plan)), problems, [])


def left_out(projects: Sequence[str]) -> Reason:
    """That a file holds more projects than the one that is read."""
    names = ", ".join(projects[:NAMED])
    return Reason(
        f"the file holds {len(projects)} more projects, which are left out: {names}; export each alone",
        f"文件中还有 {len(projects)} 个项目未读取：{names}；请分别导出",
    )


def unused_finish_constraints(count: int) -> Iterator[Reason]:
    """That deadlines and constraints on finishes are not used."""
    if count:
        yield Reason(
            f"{count} tasks have a deadline or a constraint other than on their start: forecasts do not use it",
            f"有 {count} 个任务设有期限或开始时间以外的限制：预测未采用",
        )


def named(tasks: Iterable[Task]) -> str:
    """The first few tasks by id and name, and how many more."""
    every = list(tasks)
    shown = ", ".join(f"{task.id} {task.name.strip()}".strip() for task in every[:NAMED])
    return shown + (f" (+{len(every) - NAMED})" if len(every) > NAMED else "")


def _unique(tasks: Sequence[Task]) -> tuple[Task, ...]:
    seen: Counter[str] = Counter()
    kept = []
    for task in tasks:
        seen[task.id] += 1
        kept.append(task if seen[task.id] == 1 else replace(task, id=f"{task.id}~{seen[task.id]}"))
    return tuple(kept)


def _double_ids(tasks: Sequence[Task]) -> Iterator[Reason]:
    double = sorted(id_ for id_, count in Counter(task.id for task in tasks).items() if count > 1)
    if double:
        ids = ", ".join(double[:NAMED])
        yield Reason(
            f"{len(double)} ids belong to several tasks ({ids}); the later ones are numbered",
            f"有 {len(double)} 个编号被多个任务使用（{ids}）；后出现的已另行编号",
        )


def _with_both_ends(plan: Plan) -> tuple[list[Relation], list[Reason]]:
    known = {task.id for task in plan.tasks}
    kept = [r for r in dict.fromkeys(plan.relations) if r.before in known and r.after in known]
    missing = [r for r in plan.relations if r.before not in known or r.after not in known]
    if not missing:
        return kept, []
    which = ", ".join(f"{r.before} → {r.after}" for r in missing[:NAMED])
    return kept, [
        Reason(
            f"{len(missing)} relations name a task that the plan does not hold ({which}); they are left out",
            f"有 {len(missing)} 条逻辑关系指向计划中不存在的任务（{which}），已忽略",
        )
    ]


def _without_cycles(plan: Plan) -> tuple[list[Relation], list[Reason]]:
    index = {task.id: n for n, task in enumerate(t for t in plan.tasks if not t.summary)}
    edges = [(index[r.before], index[r.after], number) for number, r in between_leaves(plan, index)]
    component = _components([(a, b) for a, b, _ in edges], len(index))
    tied = [edge for edge in edges if component[edge[0]] == component[edge[1]]]
    closing = {number for _, _, number in tied}
    kept = [relation for number, relation in enumerate(plan.relations) if number not in closing]
    by_component = {int(component[a]): dict[int, int]() for a, _, _ in tied}
    for a, b, _ in tied:
        by_component[int(component[a])].setdefault(a, b)
    tasks = [task for task in plan.tasks if not task.summary]
    return kept, [_cycle([tasks[n] for n in _walk(onward)]) for onward in by_component.values()]


def _components(edges: list[tuple[int, int]], count: int) -> npt.NDArray[np.int32]:
    """(count,) the number of the strongly connected component of each task."""
    rows, columns = np.array(edges, np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows), np.int8), (rows, columns)), shape=(count, count))
    found: npt.NDArray[np.int32] = connected_components(graph, connection="strong")[1]
    return found


def _walk(onward: dict[int, int]) -> list[int]:
    """Once around a cycle; within its component every task leads on."""
    path = [next(iter(onward))]
    while (after := onward[path[-1]]) not in path:
        path.append(after)
    return path[path.index(after) :]


def _cycle(tasks: list[Task]) -> Reason:
    ring = " → ".join(f"{task.id} {task.name.strip()}".strip() for task in [*tasks[:12], tasks[0]])
    return Reason(
        f"a cycle: {ring}; its relations are left out, because no task on it could ever start",
        f"逻辑循环：{ring}；环上任务无法开始，相关逻辑关系已忽略",
    )


def _dates(tasks: Sequence[Task]) -> Iterator[Reason]:
    backwards = [t for t in tasks if t.start and t.finish and t.finish < t.start]
    if backwards:
        yield Reason(
            f"{len(backwards)} tasks finish before they start: {named(backwards)}",
            f"有 {len(backwards)} 个任务的完成时间早于开始时间：{named(backwards)}",
        )
    absurd = [t for t in tasks if any(d and not EARLIEST_YEAR <= d.year <= LATEST_YEAR for d in (t.start, t.finish))]
    if absurd:
        yield Reason(
            f"{len(absurd)} tasks lie outside the years {EARLIEST_YEAR} to {LATEST_YEAR} and lose their dates:"
            f" {named(absurd)}",
            f"有 {len(absurd)} 个任务的日期超出 {EARLIEST_YEAR}–{LATEST_YEAR} 年，日期已忽略：{named(absurd)}",
        )
    undated = [t for t in tasks if not t.summary and not (t.start or t.finish)]
    if undated:
        yield Reason(
            f"{len(undated)} tasks have no date: {named(undated)}",
            f"有 {len(undated)} 个任务没有日期：{named(undated)}",
        )


def _orphans(tasks: Sequence[Task], relations: Sequence[Relation]) -> Iterator[Reason]:
    tied = {end for r in relations for end in (r.before, r.after)}
    alone = [t for t in tasks if is_work(t) and t.id not in tied and t.parent not in tied]
    if alone:
        yield Reason(
            f"{len(alone)} tasks wait for nothing and nothing waits for them: {named(alone)}",
            f"有 {len(alone)} 个任务没有任何逻辑关系：{named(alone)}",
        )


def _order(tasks: Sequence[Task], relations: Sequence[Relation]) -> Iterator[Reason]:
    by_id = {task.id: task for task in tasks}
    early = [r for r in relations if _starts_too_early(by_id[r.before], by_id[r.after], r)]
    if early:
        late = named(by_id[r.after] for r in early)
        yield Reason(
            f"{len(early)} tasks are planned to start before a task that they wait for has finished: {late}",
            f"有 {len(early)} 个任务计划开始时间早于其前置任务的完成时间：{late}",
        )


def _starts_too_early(before: Task, after: Task, relation: Relation) -> bool:
    if relation.kind is not Kind.FINISH_START or not before.finish or not after.start:
        return False
    return relation.lag_s >= 0 and after.start < before.finish


def _sane(task: Task) -> Task:
    """Dates that cannot be meant are left out; a finish before the start is the start."""
    if any(d and not EARLIEST_YEAR <= d.year <= LATEST_YEAR for d in (task.start, task.finish)):
        return replace(task, start=None, finish=None, baseline_start=None, baseline_finish=None)
    if task.start and task.finish and task.finish < task.start:
        return replace(task, finish=task.start)
    return task


def _as_reported(plan: Plan) -> Plan:
    """Programs write 0 % for what nobody has reported: it is a report only where some task is beyond it."""
    if any(task.percent or task.actual_start for task in plan.tasks) or all(t.percent is None for t in plan.tasks):
        return plan
    nobody = Reason(
        "the plan reports 0 % for every task: nobody has reported yet", "计划中所有任务均为 0 %：视为尚未上报"
    )
    return noted(replace(plan, tasks=tuple(replace(task, percent=None) for task in plan.tasks)), [], [nobody])


def _with_calendar(plan: Plan) -> Plan:
    """A plan without a calendar works by the week that its own dates speak of."""
    if plan.calendars:
        return plan
    week = inferred_calendar(plan.tasks)
    return noted(replace(plan, calendars=(week,), calendar=week.id), [], [_assumed(week)])


def _assumed(calendar: Calendar) -> Reason:
    working = [n for n, day in enumerate(calendar.week) if day]
    start, end = (f"{s // HOUR_S:02d}:{s % HOUR_S // 60:02d}" for s in calendar.week[0][0])
    days, days_zh = ", ".join(_DAYS[n] for n in working), "".join(_WEEKDAYS_ZH[n] for n in working)
    return Reason(
        f"the plan has no calendar: work is taken to happen {days} from {start} to {end}, as its dates do",
        f"计划没有日历：按其日期推定周{days_zh} {start}–{end} 为工作时间",
    )


_DAYS, _WEEKDAYS_ZH = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), "一二三四五六日"
