"""How long evidence is kept, by camera and purpose: written down, carried out, and told in the journal. No identity is
kept at all, and nothing here counts persons: a record speaks of a place, a rule and a time.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bim.errors import BadInput
from site_safety.evidence import EvidenceStore, Link, links_of
from site_safety.hazards import Hazard
from site_safety.records import from_json, iso

MAX_DAYS = 3650
MAX_BYTES = 1024**2


@dataclass(frozen=True, slots=True)
class Keep:
    """One line of the plan: evidence for this purpose, of this camera (None: of every one), stays so many days."""

    purpose: str
    days: int
    camera_id: str | None = None

    def __post_init__(self) -> None:
        """Refuse what is no time to keep something."""
        if not 0 <= self.days <= MAX_DAYS:
            raise BadInput(f"{self.purpose}: {self.days} days", f"0 to {MAX_DAYS} days", "correct it")


@dataclass(frozen=True, slots=True)
class Stored:
    """A piece of evidence as its journal tells of it."""

    evidence: str
    file: str
    kind: str
    purpose: str
    at: datetime
    camera_id: str | None = None


DEFAULT = (Keep("hazard", 30), Keep("incident", 365), Keep("review", 14))
"""Incidents are what people said are true and dangerous; a plan of the site's own replaces all of this."""


def read_keep(path: Path) -> tuple[Keep, ...]:
    """A site's own plan: a JSON list of lines. Raises BadInput."""
    try:
        lines = json.loads(path.read_text(encoding="utf-8")) if path.stat().st_size < MAX_BYTES else None
    except (OSError, ValueError, RecursionError):
        lines = None
    if not isinstance(lines, list):
        raise BadInput(f"{path} holds no plan", '[{"purpose": "hazard", "days": 30}, …]', "correct the file")
    return tuple(from_json(Keep, line, f"{path.name}[{number}]") for number, line in enumerate(lines))


def days_kept(stored: Stored, plan: Iterable[Keep]) -> int:
    """The camera's own line of the plan, else that of every camera; what has none is not kept at all."""
    lines = [keep for keep in plan if keep.purpose == stored.purpose and keep.camera_id in (None, stored.camera_id)]
    return min(lines, key=lambda keep: keep.camera_id is None, default=Keep(stored.purpose, 0)).days


def expired(links: Iterable[Link], plan: Iterable[Keep], now: datetime, held: frozenset[str]) -> Iterator[Stored]:
    """What must go now. Files that open hazards rest on (`held`) stay until these are closed."""
    plan, gone, kept = tuple(plan), set(), dict[str, Stored]()
    for link in links:
        stored = from_json(Stored, link.entry, f"evidence[{link.seq}]")
        if stored.evidence == "removed":
            gone.add(stored.file)
        else:
            gone.discard(stored.file)
            kept[stored.file] = stored
    for file, stored in kept.items():
        due = stored.at + timedelta(days=days_kept(stored, plan))
        if file not in gone and file not in held and now >= due:
            yield stored


def held_by(hazards: Iterable[Hazard]) -> frozenset[str]:
    """The files that open hazards rest on."""
    return frozenset(each.file for hazard in hazards if hazard.open for each in hazard.evidence)


def carry_out(store: EvidenceStore, plan: Iterable[Keep], now: datetime, held: frozenset[str]) -> list[str]:
    """Remove what must go and say so in the journal; returns the names."""
    removed = []
    for stored in list(expired(links_of(store.journal.path), plan, now, held)):
        store.journal.append({
            "evidence": "removed", "file": stored.file, "kind": stored.kind, "purpose": stored.purpose,
            "camera_id": stored.camera_id, "at": iso(now),
        })  # fmt: skip
        (store.folder / stored.file).unlink(missing_ok=True)
        removed.append(stored.file)
    return removed
