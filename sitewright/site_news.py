"""What `sitewright robots` learns while it runs: tasks and their plan, what the newest comparison found, permits.

Tasks and verdicts are files that other commands write whole, `sitewright tasks --json` and `sitewright compare --json`;
permits are one that a person writes. Each is read again when it has changed. One that cannot be read is told: what was
known before holds, but of permits none holds that cannot be read.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bim.errors import BadInput
from bim.verdict import Reason

if TYPE_CHECKING:
    from robots.orchestrator import Orchestrator

LOOK_EVERY_S = 1.0
ASKED = Reason("It was submitted from a file.", "由文件提交。")
SITE_RULES = "the site's rules (现场规则)"


@dataclass
class SiteNews:
    """The files, who approves what is in them, and whom to tell what went wrong."""

    orchestrator: "Orchestrator"
    tasks: Path | None
    verdicts: Path | None
    approved_by: str | None
    say: Callable[[str], None]
    permits: Path | None = None
    given: frozenset[str] = frozenset()
    """Permits of the command line, in force until it ends."""
    _read: dict[Path, tuple[int, int] | None] = field(default_factory=dict)

    async def first(self) -> None:
        """Read all for the first time. Raises BadInput."""
        await self.orchestrator.know(permits=self.given)
        for path, take in self._sources():
            self._read[path] = _stamp(path)
            await take(path)

    async def follow(self) -> None:
        """Read again what has changed, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for path, take in self._sources():
                stamp = _stamp(path)
                if stamp != self._read.get(path) and (stamp or path == self.permits):
                    self._read[path] = stamp
                    try:
                        await take(path)
                        self.say(f"Read {path.name} again")
                    except BadInput as error:
                        self.say(f"{path.name} was not taken: {error}")

    def _sources(self) -> list[tuple[Path, Any]]:
        pairs = (
            (self.permits, self._take_permits),
            (self.verdicts, self._take_verdicts),
            (self.tasks, self._take_tasks),
        )
        return [(path, take) for path, take in pairs if path]

    async def _take_permits(self, path: Path) -> None:
        """A permit that nobody can read is not in force."""
        try:
            names = read_permits(path)
        except BadInput:
            await self.orchestrator.know(permits=self.given)
            raise
        await self.orchestrator.know(permits=self.given | names)

    async def _take_verdicts(self, path: Path) -> None:
        from bim.epoch_files import read_comparison
        from bim.epochs import STATES
        from bim.verdict import State

        found = await asyncio.to_thread(read_comparison, path)
        names = [element.global_id for element in found.elements]
        built = [name for name, code in zip(names, found.state, strict=True) if STATES[code] is State.BUILT]
        await self.orchestrator.know(verified=built, elements=names)

    async def _take_tasks(self, path: Path) -> None:
        from robots.wire import read_spec

        found = read_tasks(path)
        plan, specs = found.plan, [(read_spec(line), line.get("state") == "approved") for line in found.lines]
        named = {spec.task_id for spec, _ in specs}
        asked = (t for t in self.orchestrator.dispatcher.tasks.values() if found.whole and t.history[0].reason == ASKED)
        dropped = [task.spec.task_id for task in asked if task.spec.task_id not in named]
        await self.orchestrator.know(plan=plan, charge_before=found.charge_before, dropped=dropped)
        place = {task_id: n for n, task_id in enumerate(plan)}
        for spec, by_rule in sorted(specs, key=lambda each: place.get(each[0].task_id, len(place))):
            try:
                await self.orchestrator.submit(spec, ASKED, self.approved_by or (SITE_RULES if by_rule else None))
            except BadInput as error:
                self.say(f"{spec.task_id} was not taken: {error}")
        await self.orchestrator.know(plan=plan)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def read_permits(path: Path) -> frozenset[str]:
    """The permits in force: a name a line, `#` begins a comment. Raises BadInput."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path} ({error})", "a permit a line", "correct the file") from None
    return frozenset(filter(None, (line.partition("#")[0].strip() for line in text.splitlines())))


class TaskFile(NamedTuple):
    """What a file of tasks holds."""

    lines: list[Mapping[str, Any]]
    plan: dict[str, str]
    """Who does which, in the order of starts."""
    charge_before: frozenset[str]
    """Tasks before which their robot charges."""
    whole: bool
    """A planning, which says all that is proposed; a list says only what it names."""


def read_tasks(path: Path) -> TaskFile:
    """Tasks of a JSON list, or of what `sitewright tasks --json` writes, and then the plan. Raises BadInput."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot read {path} ({error})", "a JSON list of tasks", "correct the file") from None
    lines, plan = (found.get("tasks"), found.get("plan")) if isinstance(found, dict) else (found, None)
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise BadInput(f"{path} holds no list of tasks", "a JSON list of tasks", "correct the file")
    visits: Iterable[Any] = plan.get("visits", ()) if isinstance(plan, dict) else ()
    try:
        robots = {str(visit["task_id"]): str(visit["robot_id"]) for visit in visits}
        charge_before = frozenset(str(visit["task_id"]) for visit in visits if visit.get("charge_s", 0) > 0)
        return TaskFile(lines, robots, charge_before, isinstance(plan, dict))
    except (AttributeError, KeyError, TypeError) as error:
        raise BadInput(f"a plan in {path} without {error}", "visits of tasks by robots", "plan again") from None
