"""Verdicts over time. What was seen to stand stays so while it is hidden; what speaks against it is shown.

    epochs (columns, any order)
       │  known(epochs, until)     proofs, last dates, contradictions
       ▼
    Known ── changes(before, after) ──► what was built, grew, moved, was taken down between two dates

Building grows: standing after absent is progress. Absent after standing is either taken down or an error of one of the
two looks; it becomes a `Contradiction`, and the more probable side is the state. Everything is arrays of N elements.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from itertools import chain

import numpy as np
import numpy.typing as npt

from bim.errors import BadInput
from bim.frames import FloatArray
from bim.verdict import State, Verdict

States = npt.NDArray[np.uint8]
Times = npt.NDArray[np.datetime64]
Flags = npt.NDArray[np.bool_]

STATES = tuple(State)
BUILT, PARTIAL, DISPLACED, ABSENT, UNSEEN = (STATES.index(state) for state in State)
NEVER = np.datetime64("NaT", "us")
SLACK = 0.05
"""A share of an element that two scans may differ by without contradicting each other."""
MOVED_SIGMAS = 3.0
MOVED_M = 0.005
"""Smaller shifts between two scans are called none, however sure each is."""


@dataclass(frozen=True)
class Epoch:
    """What one comparison said of N elements, and when its scan was taken.

    at: aware time. state: (N,) uint8 into `STATES`. completion: (N, 2) float32, low and high. confidence: (N,)
    float32. translation_m: (N, 3) float32 as-built minus as-designed in the site frame, NaN where not measured.
    sigma_m: (N,) float32.
    """

    at: datetime
    global_ids: tuple[str, ...]
    state: States
    completion: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    translation_m: npt.NDArray[np.float32]
    sigma_m: npt.NDArray[np.float32]

    def __post_init__(self) -> None:
        """Refuse what has no place in time, and elements that occur twice."""
        if self.at.tzinfo is None:
            raise BadInput(f"an epoch at {self.at} without a time zone", "an aware time", "say in which zone")
        if len(set(self.global_ids)) != len(self.global_ids):
            raise BadInput("an epoch names an element twice", "one verdict an element", "compare again")

    @property
    def digest(self) -> bytes:
        """The same for the same content; tells a repeated epoch and orders those of one time."""
        content = hashlib.sha256("\0".join(self.global_ids).encode("utf-8", "surrogatepass"))
        for column in (self.state, self.completion, self.confidence, self.translation_m, self.sigma_m):
            content.update(np.ascontiguousarray(column).data)
        return content.digest()

    def renamed(self, new_ids: Mapping[str, str]) -> "Epoch":
        """The same verdicts under the GUIDs of another version of the model; what has none there is left out."""
        rows = [row for row, each in enumerate(self.global_ids) if each in new_ids]
        return replace(
            self,
            global_ids=tuple(new_ids[self.global_ids[row]] for row in rows),
            **{name: getattr(self, name)[rows] for name in _COLUMNS},
        )


_COLUMNS = ("state", "completion", "confidence", "translation_m", "sigma_m")


def epoch(at: datetime, verdicts: Sequence[Verdict]) -> Epoch:
    """The verdicts of one comparison as columns; `at` is when its scan was taken."""
    deviations = [verdict.deviation for verdict in verdicts]
    nowhere = (np.nan, np.nan, np.nan)
    return Epoch(
        at,
        tuple(verdict.global_id for verdict in verdicts),
        np.array([STATES.index(verdict.state) for verdict in verdicts], np.uint8),
        _column([(verdict.completion_low, verdict.completion_high) for verdict in verdicts], 2),
        _column([verdict.confidence for verdict in verdicts]),
        _column([each.translation_m if each else nowhere for each in deviations], 3),
        _column([each.sigma_m if each else np.nan for each in deviations]),
    )


def _column(values: Sequence[object], width: int = 0) -> npt.NDArray[np.float32]:
    return np.array(values, np.float32).reshape((-1, width) if width else (-1,))


@dataclass(frozen=True, slots=True)
class Proof:
    """What one look at an element said."""

    at: datetime
    state: State
    confidence: float


@dataclass(frozen=True, slots=True)
class Contradiction:
    """An element that stood, and was then looked through, wholly or in part.

    Taken down, or one of the two looks is wrong. `is_open` until any later scan sees the element again.
    """

    global_id: str
    before: Proof
    after: Proof
    is_open: bool


@dataclass(frozen=True)
class Known:
    """What is known of N elements at a time, from every epoch up to it.

    state, completion (N, 2), confidence, translation_m (N, 3) and sigma_m are those of the last proof. Times are UTC
    (N,) datetime64, NaT for never: proved_at, when the state was last proved; looked_at, when the element was last
    judged at all; started_after and started_by, between which it began to stand; finished_after and finished_by,
    between which it became whole.
    """

    at: datetime
    global_ids: tuple[str, ...]
    state: States
    completion: FloatArray
    confidence: FloatArray
    translation_m: FloatArray
    sigma_m: FloatArray
    proved_at: Times
    looked_at: Times
    started_after: Times
    started_by: Times
    finished_after: Times
    finished_by: Times
    contradictions: tuple[Contradiction, ...]

    @property
    def stands(self) -> Flags:
        """(N,) whether any of the element stands."""
        return _stands(self.state)

    @property
    def age_s(self) -> FloatArray:
        """(N,) seconds since the last proof of the state; NaN where there is none."""
        age: FloatArray = (_instant(self.at) - self.proved_at) / np.timedelta64(1, "s")
        return age


def known(epochs: Iterable[Epoch], until: datetime | None = None) -> Known:
    """What all `epochs` up to and including `until` (all when None) say together.

    The order in which they are given, and giving one twice, changes nothing. Raises BadInput for no epochs at all.
    """
    chosen = _in_order(each for each in epochs if until is None or each.at <= until)
    if not chosen:
        raise BadInput("no epochs up to that time", "at least one comparison", "give an earlier scan or a later time")
    ledger = _Ledger(tuple(dict.fromkeys(chain.from_iterable(each.global_ids for each in chosen))))
    index = {global_id: row for row, global_id in enumerate(ledger.global_ids)}
    for each in chosen:
        ledger.add(each, np.fromiter(map(index.__getitem__, each.global_ids), np.int64, len(each.global_ids)))
    return ledger.known(until or chosen[-1].at)


def _in_order(epochs: Iterable[Epoch]) -> list[Epoch]:
    distinct = {(each.at, each.digest): each for each in epochs}
    return [distinct[key] for key in sorted(distinct)]


def _stands(state: States) -> Flags:
    return state <= DISPLACED


def _instant(at: datetime) -> np.datetime64:
    return np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "us")


class _Ledger:
    """The columns of `Known` while epochs are added in the order of time."""

    def __init__(self, global_ids: tuple[str, ...]) -> None:
        count = len(global_ids)
        self.global_ids = global_ids
        self.state = np.full(count, UNSEEN, np.uint8)
        self.completion = np.tile([0.0, 1.0], (count, 1))
        self.confidence = np.zeros(count)
        self.translation_m, self.sigma_m = np.full((count, 3), np.nan), np.full(count, np.nan)
        self.proved_at, self.looked_at = np.full(count, NEVER), np.full(count, NEVER)
        self.started_after, self.started_by = np.full(count, NEVER), np.full(count, NEVER)
        self.finished_after, self.finished_by = np.full(count, NEVER), np.full(count, NEVER)
        self.conflicts: list[tuple[int, Proof, Proof, np.datetime64]] = []

    def add(self, each: Epoch, row: npt.NDArray[np.int64]) -> None:
        """Take in an epoch that is not earlier than any before; `row` (N,) are its elements' places in the ledger."""
        seen = each.state != UNSEEN
        row, now, at = row[seen], each.state[seen], _instant(each.at)
        low, high = each.completion[seen].astype(float).T
        new = each.confidence[seen].astype(float)
        before, old = self.state[row], self.confidence[row]
        less = _stands(before) & ((now == ABSENT) | (high < self.completion[row, 0] - SLACK))
        # Building only grows: one of two looks that say otherwise is wrong, unless something was taken down.
        agreed = np.where(less, _weighed(new, old), new)
        for i in np.flatnonzero(less):
            self._conflict(row[i], Proof(each.at, STATES[now[i]], float(new[i])))
        kept = less & (agreed < 0.5)
        hidden = ~less & (now == PARTIAL) & ((before == BUILT) | (before == DISPLACED))
        self._keep(row[kept], 1.0 - agreed[kept])
        self.looked_at[row] = at
        # Of what is whole, a look at a part proves only that part again.
        took = ~kept & ~hidden
        grown = took & ~less & _stands(before) & _stands(now)
        sure = np.where(grown & (now == before), np.maximum(agreed, old), agreed)
        low = np.where(grown, np.maximum(low, self.completion[row, 0]), low)
        self._take(row[took], now[took], np.stack([low, np.maximum(low, high)], 1)[took], sure[took], at)
        self._measure(row[took], each.translation_m[seen][took], each.sigma_m[seen][took], now[took])

    def _keep(self, row: npt.NDArray[np.int64], confidence: FloatArray) -> None:
        self.confidence[row] = confidence

    def _take(
        self,
        row: npt.NDArray[np.int64],
        state: States,
        completion: FloatArray,
        confidence: FloatArray,
        at: np.datetime64,
    ) -> None:
        stands, whole = _stands(state), (state == BUILT) | (state == DISPLACED)
        self.started_after[row[~stands]] = self.finished_after[row[~whole]] = at
        self.started_by[row[~stands]] = self.finished_by[row[~whole]] = NEVER
        for first, now in ((self.started_by, stands), (self.finished_by, whole)):
            first[row[now & np.isnat(first[row])]] = at
        self.state[row], self.completion[row], self.confidence[row] = state, completion, confidence
        self.proved_at[row] = at

    def _measure(
        self, row: npt.NDArray[np.int64], translation_m: FloatArray, sigma_m: FloatArray, state: States
    ) -> None:
        """The last measured deviation of what stands; what is gone has none."""
        measured = np.isfinite(sigma_m) | (state == ABSENT)
        self.translation_m[row[measured]], self.sigma_m[row[measured]] = translation_m[measured], sigma_m[measured]

    def _conflict(self, row: int, after: Proof) -> None:
        before = Proof(_aware(self.proved_at[row]), STATES[self.state[row]], float(self.confidence[row]))
        self.conflicts.append((int(row), before, after, _instant(after.at)))

    def known(self, at: datetime) -> Known:
        columns = {name: value for name, value in vars(self).items() if name != "conflicts"}
        contradictions = tuple(
            Contradiction(self.global_ids[row], before, after, bool(self.looked_at[row] == when))
            for row, before, after, when in self.conflicts
        )
        return Known(at=at, contradictions=contradictions, **columns)


def _weighed(new: FloatArray, old: FloatArray) -> FloatArray:
    """Probability that the new look is right where exactly one of the two is: equal proofs give 0.5."""
    one, other = new * (1.0 - old), old * (1.0 - new)
    weighed: FloatArray = np.divide(one, one + other, out=np.full_like(one, 0.5), where=one + other > 0.0)
    return weighed


def _aware(at: np.datetime64) -> datetime:
    moment: datetime = at.astype("datetime64[us]").item()
    return moment.replace(tzinfo=UTC)


# --- What happened between two times ----------------------------------------------------------------------------------


class Happened(StrEnum):
    """What became of an element between two times. `found`: it stands, and nothing was known of it before."""

    BUILT = "built"
    FOUND = "found"
    GREW = "grew"
    MOVED = "moved"
    TAKEN_DOWN = "taken_down"


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one element, between the proof of the former state and that of the later."""

    global_id: str
    happened: Happened
    after: datetime | None
    """Its former state was last proved then; None if it never was."""
    by: datetime
    confidence: float
    """Probability that both looks, before and after, are right."""
    shift_m: float | None = None


def changes(before: Known, after: Known) -> tuple[Change, ...]:
    """What `after` knows that differs from `before`, in the order of `after`'s elements."""
    place = {global_id: row for row, global_id in enumerate(before.global_ids)}
    old = np.array([place.get(global_id, -1) for global_id in after.global_ids])
    shift = _shift_m(before, after, old)
    found = []
    for row, global_id in enumerate(after.global_ids):
        happened = _happened(before, after, int(old[row]), row, float(shift[row]))
        if happened:
            former = before.proved_at[old[row]] if old[row] >= 0 else NEVER
            sure = float(after.confidence[row]) * (1.0 if np.isnat(former) else float(before.confidence[old[row]]))
            since = None if np.isnat(former) else _aware(former)
            moved = float(shift[row]) if happened is Happened.MOVED else None
            found.append(Change(global_id, happened, since, _aware(after.proved_at[row]), sure, moved))
    return tuple(found)


def _happened(before: Known, after: Known, old: int, row: int, shift_m: float) -> Happened | None:
    stood = old >= 0 and bool(_stands(before.state[old]))
    stands = bool(_stands(after.state[row]))
    if stands and not stood:
        return Happened.BUILT if old >= 0 and before.state[old] == ABSENT else Happened.FOUND
    if stood and not stands:
        return Happened.TAKEN_DOWN
    if stands and shift_m > 0.0:
        return Happened.MOVED
    if stands and after.completion[row, 0] > before.completion[old, 1] + SLACK:
        return Happened.GREW
    return None


def _shift_m(before: Known, after: Known, old: npt.NDArray[np.int64]) -> FloatArray:
    """(N,) how far each element moved; 0 where that is within the standard errors, or cannot be told.

    A component that a scan could not fix is given as 0, so two translations are compared only along the direction of
    each, and the smaller difference counts.
    """
    row = np.maximum(old, 0)
    one, two = before.translation_m[row], after.translation_m
    comparable = (old >= 0) & ((one != 0.0) & (two != 0.0) & np.isfinite(one) & np.isfinite(two)).any(axis=1)
    differences = [np.abs(np.einsum("ni,ni->n", two - one, _direction(way))) for way in (one, two)]
    shift = np.where(comparable, np.minimum(*differences), 0.0)
    limit = np.maximum(MOVED_SIGMAS * np.hypot(before.sigma_m[row], after.sigma_m), MOVED_M)
    return np.where(shift > limit, shift, 0.0)


def _direction(vector: FloatArray) -> FloatArray:
    length = np.linalg.norm(vector, axis=1, keepdims=True)
    direction: FloatArray = np.divide(vector, length, out=np.zeros_like(vector), where=length > 0.0)
    return direction
