"""What reviews taught the rules of a watcher, on disk: each lesson when it takes force, and what people took back.

The thresholds themselves are not stored: they are made again from the site's rules and the register's reviews
(site_safety/rules_teaching.py), so that they can not be anything that these do not say.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from site_safety.evidence import Journal, Link
from site_safety.hazards import Hazard
from site_safety.records import from_json, to_json
from site_safety.rules_policy import Policy
from site_safety.rules_teaching import Lesson, taught

FILE = "lessons.jsonl"


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened to a rule's thresholds."""

    rule: str
    deed: Literal["learnt", "unlearnt", "taken_back"]
    """`unlearnt`: the answers say it no more."""
    at: datetime
    by: str = "watch"
    lesson: Lesson | None = None


class Lessons:
    """The lessons of one watcher, in `folder/lessons.jsonl`. Several processes may share it."""

    def __init__(self, folder: Path) -> None:
        """Open or begin them. Raises BadInput where the journal was changed."""
        self.in_force: dict[str, Lesson] = {}
        self.taken_back: dict[str, datetime] = {}
        self._journal = Journal(folder / FILE, self._take)

    def _take(self, link: Link) -> None:
        entry = from_json(Entry, link.entry, f"{FILE}:{link.seq + 1}")
        self.in_force.pop(entry.rule, None)
        if entry.lesson:
            self.in_force[entry.rule] = entry.lesson
        if entry.deed == "taken_back":
            self.taken_back[entry.rule] = entry.at

    def learn(self, given: Policy, hazards: Collection[Hazard], at: datetime) -> tuple[Policy, tuple[Entry, ...]]:
        """The site's rules with what counts now, and what is new, which is written down first."""
        self._journal.refresh()
        policy, lessons = taught(given, hazards, self.taken_back)
        said = {lesson.rule: lesson for lesson in lessons}
        news = [Entry(rule, "learnt", at, lesson=new) for rule, new in said.items() if self.in_force.get(rule) != new]
        news += [Entry(rule, "unlearnt", at) for rule in self.in_force if rule not in said]
        for entry in news:
            self._journal.append(to_json(entry))
        return policy, tuple(news)

    def take_back(self, rule: str, at: datetime, by: str) -> None:
        """A person takes a lesson back: the rule is the site's own again, and only later alarms teach it anew."""
        self._journal.append(to_json(Entry(rule, "taken_back", at, by)))
