"""What comparisons have said of the elements, date by date, and what is known of them from all of it."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import Limits, isolated
from bim.model import Element
from bim.verdict import State, Verdict

VERDICT_LIMITS = Limits(memory_bytes=4 * 1024**3, cpu_s=120.0, wall_s=300.0)
STANDING = {State.BUILT, State.DISPLACED}
"""States of an element that is there, in its place or not."""
WHOLE = 0.999


@dataclass(frozen=True, slots=True)
class Seen:
    """One element in one comparison: its state, and the share that stands, from what is known to what is unseen."""

    state: State
    low: float
    high: float


@dataclass(frozen=True)
class Snapshot:
    """One comparison at one date, by GlobalId."""

    date: datetime
    seen: Mapping[str, Seen]


@dataclass(frozen=True, slots=True)
class Known:
    """What all comparisons up to a date say of an element. An element seen built and now hidden stays built."""

    state: State
    low: float
    high: float
    begun: datetime | None
    """Date of the first comparison that shows any of it."""
    stood: datetime | None
    """Date of the first comparison that shows it standing, if it stands still."""
    proven: datetime | None
    """Date of the last comparison that could say anything of it."""


def snapshot(at: datetime, verdicts: Sequence[Verdict]) -> Snapshot:
    """The verdicts of a comparison as a snapshot."""
    return Snapshot(at, {v.global_id: Seen(v.state, v.completion_low, v.completion_high) for v in verdicts})


def known(history: Sequence[Snapshot], at: datetime) -> dict[str, Known]:
    """What is known of every element at a date, from the snapshots up to it."""
    found: dict[str, Known] = {}
    for each in sorted(history, key=lambda s: s.date):
        if each.date <= at:
            for guid, seen in each.seen.items():
                found[guid] = _with(found.get(guid), seen, each.date)
    return found


def _with(before: Known | None, seen: Seen, at: datetime) -> Known:
    if before is None:
        before = Known(State.UNSEEN, 0.0, 1.0, None, None, None)
    if seen.state is State.UNSEEN:
        return before
    # Taken down, when more is missing now than was proven; else what was once proven stays proven.
    low = seen.low if seen.high < before.low else max(seen.low, before.low)
    high = max(low, seen.high)
    shows = seen.low > 0.0 or seen.state in STANDING
    stands = seen.state in STANDING
    return Known(
        state=seen.state,
        low=low,
        high=high,
        begun=before.begun or (at if shows else None),
        stood=(before.stood or at) if stands else None,
        proven=at,
    )


# --- The JSON of a comparison -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Comparison:
    """What a comparison's JSON holds: its elements, what was seen of them, and its date where it names one."""

    elements: tuple[Element, ...]
    seen: Mapping[str, Seen]
    date: datetime | None


def read_comparison(path: Path, limits: Limits = VERDICT_LIMITS) -> Comparison:
    """The JSON that `sitewright compare --json` wrote. Raises BadInput for anything else."""
    payload = isolated(_read, str(path), limits=limits, failure=BadInput, what=f"verdicts {path.name}")
    rows = payload["rows"]
    return Comparison(
        elements=tuple(Element(*row[:5], 0, *row[5:7]) for row in rows),  # type: ignore[call-arg]
        seen={row[0]: Seen(State(row[7]), row[8], row[9]) for row in rows},
        date=datetime.fromisoformat(payload["date"]) if payload["date"] else None,
    )


def end_of(day: date) -> datetime:
    """The evening of a day: what happened on it counts."""
    return datetime.combine(day, time(23, 59, 59))


def _read(path: str) -> Payload:
    """In the child."""
    name = Path(path).name
    expected, action = "the JSON of sitewright compare --json", "give that file"
    try:
        document = json.loads(Path(path).read_bytes())
        elements = document["elements"]
        return {"rows": list(_rows(elements)), "date": _date(document)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"{name} holds no verdicts ({type(error).__name__}: {error})", expected, action) from error


def _date(document: Mapping[str, Any]) -> str | None:
    for key in ("date", "scan_date"):
        if isinstance(document.get(key), str):
            at = datetime.fromisoformat(document[key]).replace(tzinfo=None)
            return (end_of(at.date()) if at.time() == time() else at).isoformat()
    return None


def _rows(elements: Sequence[Mapping[str, Any]]) -> Iterator[list[Any]]:
    for each in elements:
        state = State(each["state"])
        yield [
            str(each["global_id"]),
            str(each.get("ifc_class") or ""),
            str(each.get("name") or ""),
            str(each.get("storey") or ""),
            None if each.get("system") is None else str(each["system"]),
            _share(each.get("area_m2"), 0.0, 1e12),
            _share(each.get("volume_m3"), 0.0, 1e12),
            state.value,
            *_bounds(each, state),
        ]


def _bounds(each: Mapping[str, Any], state: State) -> tuple[float, float]:
    """The range as stated, or what completion and the observable share allow; an unseen element allows everything."""
    if state is State.UNSEEN:
        return 0.0, 1.0
    completion, observable = _share(each.get("completion"), 0.0), _share(each.get("observable"), 1.0)
    low = _share(each.get("completion_low"), completion * observable)
    high = _share(each.get("completion_high"), 1.0 - (1.0 - completion) * observable)
    return low, max(low, high)


def _share(value: Any, missing: float, most: float = 1.0) -> float:
    number = missing if value is None else float(value)
    if number != number:
        raise ValueError("a share that is no number")
    return min(max(number, 0.0), most)
