"""What `sitewright robots` learns while it runs: tasks and their plan, and what the newest comparison found.

Both are files that other commands write whole: `sitewright tasks --json` and `sitewright compare --json`. Each is read
again when it has changed; one that cannot be read is told, and what was known before holds.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    _read: dict[Path, tuple[int, int]] = field(default_factory=dict)

    async def first(self) -> None:
        """Read both for the first time. Raises BadInput."""
        for path, take in self._sources():
            self._read[path] = _stamp(path)
            await take(path)

    async def follow(self) -> None:
        """Read again what has changed, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            for path, take in self._sources():
                with suppress(OSError):
                    if (stamp := _stamp(path)) != self._read.get(path):
                        self._read[path] = stamp
                        try:
                            await take(path)
                            self.say(f"Read {path.name} again")
                        except BadInput as error:
                            self.say(f"{path.name} was not taken: {error}")

    def _sources(self) -> list[tuple[Path, Any]]:
        pairs = ((self.verdicts, self._take_verdicts), (self.tasks, self._take_tasks))
        return [(path, take) for path, take in pairs if path]

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

        lines, plan = read_tasks(path)
        specs = [(read_spec(line), line.get("state") == "approved") for line in lines]
        await self.orchestrator.know(plan=plan)
        place = {task_id: n for n, task_id in enumerate(plan)}
        for spec, by_rule in sorted(specs, key=lambda each: place.get(each[0].task_id, len(place))):
            await self.orchestrator.submit(spec, ASKED, self.approved_by or (SITE_RULES if by_rule else None))
        await self.orchestrator.know(plan=plan)


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size


def read_tasks(path: Path) -> tuple[list[Mapping[str, Any]], dict[str, str]]:
    """Tasks of a JSON list, or of what `sitewright tasks --json` writes, and then who does which by the plan, in the
    order of starts. Raises BadInput."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot read {path} ({error})", "a JSON list of tasks", "correct the file") from None
    lines, plan = (found.get("tasks"), found.get("plan")) if isinstance(found, dict) else (found, None)
    if not isinstance(lines, list) or not all(isinstance(line, dict) for line in lines):
        raise BadInput(f"{path} holds no list of tasks", "a JSON list of tasks", "correct the file")
    return lines, _planned(plan, path)


def _planned(plan: Any, path: Path) -> dict[str, str]:
    visits: Iterable[Any] = plan.get("visits", ()) if isinstance(plan, dict) else ()
    try:
        return {str(visit["task_id"]): str(visit["robot_id"]) for visit in visits}
    except (KeyError, TypeError) as error:
        raise BadInput(f"a plan in {path} without {error}", "visits of tasks by robots", "plan again") from None
