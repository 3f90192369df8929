"""The one register of hazards: what cameras, robots, scans, sensors and people report, in one journal.

Events go to the disk before they count. Whoever opens the folder again has the same hazards, and several processes may
share it.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

from site_safety.evidence import EvidenceStore, Journal
from site_safety.hazards import Deadlines, Deed, Event, Evidence, Hazard, Subject, apply, escalation
from site_safety.records import from_json, to_json
from site_safety.reports import SIGN_EVERY, SIGN_LOST, CameraSign, Period
from site_safety.rules_scene import Alarm, Phase

SAME_WITHIN = timedelta(minutes=15)
"""A condition that comes back so soon after it ended is the same hazard; later it is a new one."""
SEEN_EVERY = timedelta(minutes=1)
"""That a condition goes on is written down so often."""


class HazardRegister:
    """Hazards on disk, in `folder/hazards.jsonl`, with their evidence in `folder/evidence`."""

    def __init__(self, folder: Path, deadlines: Deadlines | None = None) -> None:
        """Open or begin the register. Raises BadInput where its journal was changed."""
        self.deadlines = deadlines or Deadlines()
        self.journal = Journal(folder / "hazards.jsonl")
        self.evidence = EvidenceStore(folder / "evidence")
        self.hazards: dict[str, Hazard] = {}
        self._by_key: dict[str, str] = {}
        for link in self.journal.links:
            self._count(from_json(Event, link.entry, f"hazards.jsonl:{link.seq + 1}"))

    def _count(self, event: Event) -> Hazard:
        hazard = apply(self.hazards.get(event.hazard_id), event, self.deadlines)
        self.hazards[event.hazard_id] = hazard
        if event.deed is Deed.REGISTER and hazard.key:
            self._by_key[hazard.key] = hazard.hazard_id
        return hazard

    def record(self, event: Event) -> Hazard:
        """Write down what happened. Raises BadInput, and writes nothing, where it may not happen."""
        self.refresh()
        apply(self.hazards.get(event.hazard_id), event, self.deadlines)
        self.journal.append(to_json(event))
        return self._count(event)

    def refresh(self) -> None:
        """Take in what other processes wrote."""
        for link in self.journal.refresh():
            self._count(from_json(Event, link.entry, f"hazards.jsonl:{link.seq + 1}"))

    def register(self, subject: Subject, at: datetime, by: str, evidence: tuple[Evidence, ...] = ()) -> Hazard:
        """A hazard that is reported: a new one, or the open one with the same key, seen again."""
        known = self._known(subject.key, at) if subject.key else None
        if known is None:
            event = Event(hazard_id(subject, at, by), Deed.REGISTER, at, by, subject=subject, evidence=evidence)
        else:
            event = Event(known.hazard_id, Deed.SEEN, max(at, known.opened_at), by, evidence=evidence)
        return self.record(event)

    def take(self, alarms: Iterable[Alarm], by: str = "watch") -> list[Hazard]:
        """Hazards of alarms: registered when raised, seen while they go on, cleared when they end."""
        changed = [self._take(alarm, by) for alarm in alarms]
        return [hazard for hazard in changed if hazard is not None]

    def _take(self, alarm: Alarm, by: str) -> Hazard | None:
        known = self._known(alarm.key, alarm.at)
        if alarm.phase is Phase.RAISED or (known is None and alarm.phase is Phase.ONGOING):
            return self.register(subject_of(alarm), alarm.at, by)
        if known is None or alarm.at < known.opened_at:
            return None
        if alarm.phase is Phase.ENDED:
            return self.record(Event(known.hazard_id, Deed.CLEARED, alarm.at, by))
        if alarm.at - known.seen_at >= SEEN_EVERY:
            return self.record(Event(known.hazard_id, Deed.SEEN, alarm.at, by))
        return None

    def _known(self, key: str, at: datetime) -> Hazard | None:
        """The last hazard of this key, where it is open and its condition did not end long ago."""
        hazard = self.hazards.get(self._by_key.get(key, ""))
        if hazard is None or not hazard.open:
            return None
        return hazard if hazard.cleared_at is None or at - hazard.cleared_at <= SAME_WITHIN else None

    def closed_elsewhere(self, hazard_id: str) -> None:
        """A server that keeps people's deeds has closed it: when its condition comes back, that is a new hazard."""
        hazard = self.hazards[hazard_id]
        if self._by_key.get(hazard.key) == hazard_id:
            del self._by_key[hazard.key]

    def escalate(self, now: datetime) -> list[Hazard]:
        """Escalate what is overdue; returns those."""
        due = [escalation(hazard, now, self.deadlines) for hazard in self.hazards.values()]
        return [self.record(event) for event in due if event]


def subject_of(alarm: Alarm) -> Subject:
    """What an alarm registers."""
    return Subject(
        alarm.rule, alarm.source, alarm.level, alarm.text, alarm.storey, alarm.zone_id, alarm.place_m,
        robot_ids=alarm.machine_ids, camera_id=alarm.camera_id, key=alarm.key,
    )  # fmt: skip


def hazard_id(subject: Subject, at: datetime, by: str) -> str:
    """An id from what is reported, when and by whom: the same report twice has the same one."""
    told = f"{subject.key or subject.text.en}|{subject.rule}|{at.isoformat()}|{by}"
    return f"{subject.source.value}-{hashlib.sha256(told.encode()).hexdigest()[:16]}"


class CameraLog:
    """What the watcher says of its cameras: each change of state, and a word a minute; a journal a month."""

    def __init__(self, folder: Path) -> None:
        """Begin or go on in a folder."""
        self._folder = folder
        self._journal: Journal | None = None
        self._last: dict[str, CameraSign] = {}

    def tell(self, sign: CameraSign) -> None:
        """Write a word down, unless the last one says the same and is not a minute old."""
        last = self._last.get(sign.camera_id)
        if last is None or last.state != sign.state or sign.at - last.at >= SIGN_EVERY or sign.at < last.at:
            self._of_month(sign.at).append(to_json(sign))
            self._last[sign.camera_id] = sign

    def _of_month(self, at: datetime) -> Journal:
        path = self._folder / f"cameras-{at:%Y-%m}.jsonl"
        if self._journal is None or self._journal.path != path:
            self._journal = Journal(path, keep=False)
        return self._journal


def camera_signs(folder: Path, period: Period) -> tuple[CameraSign, ...]:
    """What the watcher said of its cameras in a period, and in the minutes before it that still count."""
    start = period.start - SIGN_LOST
    files = [
        file
        for file in sorted(folder.glob("cameras-*.jsonl"))
        if f"{start:%Y-%m}" <= file.stem[8:] <= f"{period.end:%Y-%m}"
    ]
    signs = (from_json(CameraSign, link.entry, file.name) for file in files for link in Journal(file).links)
    return tuple(sign for sign in signs if start <= sign.at < period.end)
