"""Which elements each task brings about, and by which way that is known. Unlinked is said, never hidden."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from bim.model import Element
from bim.schedule.plan import Plan, Task, is_work
from bim.schedule.rules import IN_TASK, Rule, Rules
from bim.verdict import Reason


class Way(StrEnum):
    """How a task found its elements; the first that leads to any counts, in this order."""

    HAND = "hand"
    IFC = "ifc"
    GUID = "guid"
    CODE = "code"
    NAME = "name"
    RULE = "rule"
    DEFAULT = "default"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Link:
    """`elements` index `Links.elements`; empty when nothing leads to any."""

    elements: tuple[int, ...]
    way: Way


UNLINKED = Link((), Way.NONE)


@dataclass(frozen=True)
class Links:
    """What every task brings about. Shares are of tasks that are work, and of the elements of the model."""

    elements: tuple[Element, ...]
    by_task: Mapping[str, Link]
    linked_share: float
    """Tasks with elements, of those that are work."""
    element_share: float
    """Elements with a task."""
    notes: tuple[Reason, ...]

    def of(self, task: str) -> Link:
        """The link of a task by its id."""
        return self.by_task.get(task, UNLINKED)


def link(
    plan: Plan,
    elements: Sequence[Element],
    rules: Rules,
    defaults: Rules,
    assigned: Mapping[str, Sequence[str]] | None = None,
) -> Links:
    """Find the elements of each task of a plan.

    `assigned` are GlobalIds by task id from work schedules in the models. `rules` are the project's own; `defaults`
    count where no other way leads to an element.
    """
    finder = _Finder(plan, elements, rules, defaults, assigned or {})
    by_task = {task.id: found for task in plan.tasks if is_work(task) and (found := finder.find(task)).elements}
    work = [task for task in plan.tasks if is_work(task)]
    linked = {index for found in by_task.values() for index in found.elements}
    return Links(
        elements=tuple(elements),
        by_task=by_task,
        linked_share=len(by_task) / len(work) if work else 0.0,
        element_share=len(linked) / len(elements) if elements else 0.0,
        notes=tuple(_notes(work, by_task, linked, elements, finder.unknown)),
    )


def _notes(
    work: Sequence[Task], by_task: Mapping[str, Link], linked: set[int], elements: Sequence[Element], unknown: set[str]
) -> Iterator[Reason]:
    missing = len(work) - len(by_task)
    if missing:
        yield Reason(
            f"{missing} of {len(work)} tasks lead to no element of the model: scans say nothing of them",
            f"{len(work)} 个任务中有 {missing} 个未关联任何构件：扫描无法说明其进展",
        )
    if len(linked) < len(elements):
        yield Reason(
            f"{len(elements) - len(linked)} of {len(elements)} elements belong to no task",
            f"{len(elements)} 个构件中有 {len(elements) - len(linked)} 个不属于任何任务",
        )
    if unknown:
        yield Reason(
            f"the plan names {len(unknown)} elements that are not in the model by their GUID",
            f"计划引用了 {len(unknown)} 个模型中不存在的构件 GUID",
        )
    guessed = sum(found.way is Way.DEFAULT for found in by_task.values())
    if guessed:
        yield Reason(
            f"{guessed} tasks are linked by the common names of trades and storeys; a rule file can correct that",
            f"有 {guessed} 个任务按常用工种和楼层名称关联；可用规则文件修正",
        )


def bare(ifc_class: str) -> str:
    """IfcWallStandardCase is an IfcWall."""
    return ifc_class.removesuffix("StandardCase").removesuffix("ElementedCase").casefold()


class _Finder:
    """The ways from a task to its elements, with what they have in common looked up once."""

    def __init__(
        self,
        plan: Plan,
        elements: Sequence[Element],
        rules: Rules,
        defaults: Rules,
        assigned: Mapping[str, Sequence[str]],
    ) -> None:
        self._elements = elements
        self._rules, self._defaults, self._assigned = rules, defaults, assigned
        self._is_ifc = plan.format.startswith("IFC")
        self._by_guid = {element.global_id: n for n, element in enumerate(elements)}
        self._by_part: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._by_kind: dict[tuple[str, str, str, str], list[int]] = defaultdict(list)
        for n, e in enumerate(elements):
            self._by_part[bare(e.ifc_class), e.name.casefold()].append(n)
            self._by_kind[e.ifc_class, e.storey, e.name, e.system or ""].append(n)
        self._storeys = sorted({e.storey for e in elements if e.storey}, key=len, reverse=True)
        self._above = {task.id: task for task in plan.tasks}
        self._order = sorted((t for t in plan.tasks if is_work(t)), key=lambda t: (t.start is None, t.start, t.id))
        self._first: dict[int, tuple[int, ...]] = {}
        self._ranks: dict[int, dict[str, int]] = {}
        self.unknown: set[str] = set()

    def find(self, task: Task) -> Link:
        """The elements of a task by the first way that leads to any."""
        for way, found in self._ways(task):
            if found:
                return Link(tuple(sorted(set(found))), way)
        return UNLINKED

    def _ways(self, task: Task) -> Iterator[tuple[Way, Sequence[int]]]:
        yield Way.HAND, self._known((self._rules.by_hand or {}).get(task.id, ()))
        yield Way.IFC, self._known(self._assigned.get(task.id, ()))
        yield Way.IFC if self._is_ifc else Way.GUID, self._known(task.products)
        yield Way.CODE, self._coded(task)
        yield Way.NAME, [n for kind, name in task.parts for n in self._by_part.get((bare(kind), name.casefold()), ())]
        yield Way.RULE, self._ruled(task, self._rules)
        yield Way.DEFAULT, self._ruled(task, self._defaults)

    def _known(self, guids: Sequence[str]) -> list[int]:
        self.unknown.update(guid for guid in guids if guid not in self._by_guid)
        return [self._by_guid[guid] for guid in guids if guid in self._by_guid]

    def _coded(self, task: Task) -> list[int]:
        """By activity codes; a storey or a zone alone says nothing of the trade."""
        codes = {key: re.split(r"\s*[,;]\s*", value.casefold()) for key, value in task.codes.items() if key != "zone"}
        if not codes.keys() & {"class", "system"}:
            return []
        classes = [bare(name) for name in codes.get("class", ())]
        return [
            n
            for n, e in enumerate(self._elements)
            if (not classes or bare(e.ifc_class) in classes)
            and all((getattr(e, key) or "").casefold() in codes[key] for key in ("storey", "system") if key in codes)
        ]

    def _ruled(self, task: Task, rules: Rules) -> Sequence[int]:
        for rule in rules.rules:
            if _concerns(rule, task) and (rule.nth is None or self._rank(rule, task) == rule.nth):
                found = self._matching(rule, task)
                if found:
                    return found
        return ()

    def _rank(self, rule: Rule, task: Task) -> int:
        """Which of the tasks that fit the rule this is, by their start."""
        if id(rule) not in self._ranks:
            fitting = [each.id for each in self._order if _concerns(rule, each)]
            self._ranks[id(rule)] = {each: n for n, each in enumerate(fitting, 1)}
        return self._ranks[id(rule)].get(task.id, 0)

    def _matching(self, rule: Rule, task: Task) -> tuple[int, ...]:
        if rule.of_element.get("storey") != (IN_TASK,):
            if id(rule) not in self._first:
                self._first[id(rule)] = tuple(self._members(rule, None))
            return self._first[id(rule)]
        storey = self._storey_in(task)
        return tuple(self._members(rule, storey)) if storey else ()

    def _members(self, rule: Rule, storey: str | None) -> Iterator[int]:
        for (ifc_class, own, name, system), members in self._by_kind.items():
            there = own == storey if storey else rule.fits("storey", own)
            kind = rule.fits("class", ifc_class) or rule.fits("class", ifc_class.removesuffix("StandardCase"))
            if there and kind and rule.fits("name", name) and rule.fits("system", system):
                yield from members

    def _storey_in(self, task: Task) -> str | None:
        """The storey that a task or a summary above it names; the longest name, so that 1 is not found in 10."""
        words, seen = task.name, {task.id}
        while task.parent in self._above and task.parent not in seen:
            task = self._above[task.parent]
            seen.add(task.id)
            words += f" | {task.name}"
        return next((s for s in self._storeys if _contains(words.casefold(), s.casefold())), None)


def _contains(words: str, name: str) -> bool:
    """Whether a name stands in a text as itself, not as part of a longer number or word."""
    return bool(re.search(rf"(?<![0-9a-z]){re.escape(name)}(?![0-9a-z])", words))


def _concerns(rule: Rule, task: Task) -> bool:
    """Whether a task fits every condition that a rule makes of it."""
    values = {"task": task.name, "id": task.id, "wbs": task.wbs, "zone": task.codes.get("zone", "")}
    return all(rule.fits(key, value) for key, value in values.items())
