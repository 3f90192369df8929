"""The one register of hazards: what cameras, robots, scans, sensors and people report, in one journal.

Events go to the disk before they count. Whoever opens the folder again has the same hazards, and several processes may
share it.
"""

import hashlib
from collections.abc import Callable, Container, Iterable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from site_safety.evidence import EvidenceStore, Journal, Link, links_of
from site_safety.hazards import (
    SERVER,
    Deadlines,
    Deed,
    Event,
    Evidence,
    Hazard,
    Review,
    Subject,
    apply,
    escalation,
)
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
        self.evidence = EvidenceStore(folder / "evidence")
        self.hazards: dict[str, Hazard] = {}
        self._by_key: dict[str, str] = {}
        self.journal = Journal(folder / "hazards.jsonl", self._count)

    def _count(self, link: Link) -> None:
        event = from_json(Event, link.entry, f"hazards.jsonl:{link.seq + 1}")
        hazard = self._after(event)
        self.hazards[event.hazard_id] = hazard
        if event.deed is Deed.REGISTER and hazard.key:
            self._by_key[hazard.key] = hazard.hazard_id

    def _after(self, event: Event) -> Hazard:
        return apply(self.hazards.get(event.hazard_id), event, self.deadlines)

    def _write(self, decide: Callable[[], Event | None]) -> Hazard | None:
        """Write down what is decided once all that other programs wrote is known; None for nothing."""

        def entry() -> Any:
            event = decide()
            if event:
                self._after(event)  # What may not happen is raised before it is written.
            return to_json(event)

        written = self.journal.write(entry)
        return self.hazards[written.entry["hazard_id"]] if written else None

    def record(self, event: Event) -> Hazard:
        """Write down what happened. Raises BadInput, and writes nothing, where it may not happen."""
        self._write(lambda: event)
        return self.hazards[event.hazard_id]

    def refresh(self) -> None:
        """Take in what other processes wrote."""
        self.journal.refresh()

    def register(self, subject: Subject, at: datetime, by: str, evidence: tuple[Evidence, ...] = ()) -> Hazard:
        """A hazard that is reported: a new one, or the open one with the same key, seen again."""
        self._write(lambda: self._reported(subject, at, by, evidence))
        return self.hazards[self._by_key.get(subject.key) or hazard_id(subject, at, by)]

    def _reported(self, subject: Subject, at: datetime, by: str, evidence: tuple[Evidence, ...] = ()) -> Event:
        known = self._known(subject.key, at) if subject.key else None
        if known is None:
            return Event(hazard_id(subject, at, by), Deed.REGISTER, at, by, subject=subject, evidence=evidence)
        return Event(known.hazard_id, Deed.SEEN, max(at, known.opened_at), by, evidence=evidence)

    def take(self, alarms: Iterable[Alarm], by: str = "watch") -> list[Hazard]:
        """Hazards of alarms: registered when raised, seen while they go on, cleared when they end."""
        changed = [self._take(alarm, by) for alarm in alarms]
        return [hazard for hazard in changed if hazard is not None]

    def _take(self, alarm: Alarm, by: str) -> Hazard | None:
        # Most alarms go on and have nothing new to say: the file is opened only for those that have.
        return self._write(lambda: self._told(alarm, by)) if self._told(alarm, by) else None

    def _told(self, alarm: Alarm, by: str) -> Event | None:
        known = self._known(alarm.key, alarm.at)
        if alarm.phase is Phase.RAISED or (known is None and alarm.phase is Phase.ONGOING):
            return self._reported(subject_of(alarm), alarm.at, by)
        if known is None or alarm.at < known.opened_at:
            return None
        if alarm.phase is Phase.ENDED:
            return Event(known.hazard_id, Deed.CLEARED, alarm.at, by)
        return Event(known.hazard_id, Deed.SEEN, alarm.at, by) if alarm.at - known.seen_at >= SEEN_EVERY else None

    def _known(self, key: str, at: datetime) -> Hazard | None:
        """The last hazard of this key, where it is open and its condition did not end long ago."""
        hazard = self.hazards.get(self._by_key.get(key, ""))
        if hazard is None or not hazard.open:
            return None
        return hazard if hazard.cleared_at is None or at - hazard.cleared_at <= SAME_WITHIN else None

    def add_evidence(self, hazard_id: str, at: datetime, by: str, evidence: Evidence) -> None:
        """A hazard gets what shows it, while it is open."""
        self._write(lambda: self._if_open(hazard_id, Deed.ADD_EVIDENCE, at, by, evidence=(evidence,)))

    def heard(self, hazard_id: str, at: datetime, review: Review | None, closed: bool) -> None:
        """What people did with a hazard on the server, written down as far as it is not known here."""
        if review and self.hazards[hazard_id].review != review:
            self._write(lambda: self._if_open(hazard_id, Deed.REVIEW, at, SERVER, review=review))
        if closed and self.hazards[hazard_id].open:
            self._write(lambda: self._if_open(hazard_id, Deed.SETTLE, at, SERVER))

    def _if_open(self, hazard_id: str, deed: Deed, at: datetime, by: str, **more: Any) -> Event | None:
        hazard = self.hazards[hazard_id]
        return Event(hazard_id, deed, max(at, hazard.opened_at), by, **more) if hazard.open else None

    def forget(self, before: datetime, keep: Container[str] = ()) -> None:
        """Let go of hazards that were closed before a time, but for some; the journal has them for ever."""
        for hazard in list(self.hazards.values()):
            if hazard.closed_at and hazard.closed_at < before and hazard.hazard_id not in keep:
                del self.hazards[hazard.hazard_id]
                if self._by_key.get(hazard.key) == hazard.hazard_id:
                    del self._by_key[hazard.key]

    def escalate(self, now: datetime) -> list[Hazard]:
        """Escalate what is overdue; returns those."""
        late = [each for each in self.hazards.values() if escalation(each, now, self.deadlines)]
        told = [self._write(partial(self._escalation, each.hazard_id, now)) for each in late]
        return [hazard for hazard in told if hazard]

    def _escalation(self, hazard_id: str, now: datetime) -> Event | None:
        return escalation(self.hazards[hazard_id], now, self.deadlines)


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
            self._journal = Journal(path)
        return self._journal


def camera_signs(folder: Path, period: Period) -> tuple[CameraSign, ...]:
    """What the watcher said of its cameras in a period, and in the minutes before it that still count."""
    start = period.start - SIGN_LOST
    files = [
        file
        for file in sorted(folder.glob("cameras-*.jsonl"))
        if f"{start:%Y-%m}" <= file.stem[8:] <= f"{period.end:%Y-%m}"
    ]
    signs = (from_json(CameraSign, link.entry, file.name) for file in files for link in links_of(file))
    return tuple(sign for sign in signs if start <= sign.at < period.end)
