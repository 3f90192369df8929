"""The robot's side of the link: it remembers its orders, moves only by leave, and latches stops.

Everything here runs where the robot runs, on its own monotonic clock and its own disk. An adapter of a machine that
cannot do this itself (a printer, a bought vehicle) keeps it for the machine.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from bim.verdict import Reason
from robots.journal import Journal, Record
from robots.robot import Grant, Order, Outcome, Result, StaleToken

CANCELLED = Reason("It was cancelled before it was done.", "任务在完成之前被取消。")


@dataclass(frozen=True, slots=True)
class Remembered:
    """What a robot knows of one task."""

    token: int
    targets_done: int
    result: Result | None = None


class OrderMemory:
    """Which orders came and what of them is done, on disk before the robot acts on it. `path` None: in memory alone."""

    def __init__(self, path: Path | None = None) -> None:
        self._tasks: dict[str, Remembered] = {}
        self._journal = Journal(path) if path else None
        for record in self._journal.records if self._journal else ():
            self._tasks[record["task_id"]] = _from_record(record)

    def take(self, order: Order) -> Result | None:
        """The result that the order has already, None when it is to be worked on. Raises StaleToken."""
        known = self._tasks.get(order.spec.task_id)
        if known and order.token < known.token:
            raise StaleToken(
                f"token {order.token} for {order.spec.task_id}", f"at least {known.token}", "ask for the newest order"
            )
        if known and known.result and (order.token == known.token or known.result.outcome is Outcome.DONE):
            return known.result
        done = max(known.targets_done if known else 0, order.first_target)
        self._keep(order.spec.task_id, Remembered(order.token, done))
        return None

    def targets_done(self, task_id: str) -> int:
        """How many of the task's targets are done, counted from its first."""
        return self._tasks[task_id].targets_done

    def did(self, task_id: str, targets_done: int) -> None:
        """So many targets are done now."""
        self._keep(task_id, replace(self._tasks[task_id], targets_done=targets_done))

    def end(self, task_id: str, result: Result) -> None:
        """The order is over."""
        known = self._tasks[task_id]
        self._keep(task_id, replace(known, targets_done=result.targets_done, result=result))

    def cancel(self, task_id: str, token: int) -> Result:
        """End the order, or see to it that it never begins; its result is what is returned."""
        known = self._tasks.get(task_id, Remembered(0, 0))
        if known.result and (known.result.outcome is Outcome.DONE or known.token >= token):
            return known.result
        if known.token > token:
            return Result(Outcome.CANCELLED, known.targets_done, CANCELLED)
        result = Result(Outcome.CANCELLED, known.targets_done, CANCELLED)
        self._keep(task_id, Remembered(token, known.targets_done, result))
        return result

    def close(self) -> None:
        """Let go of the file."""
        if self._journal:
            self._journal.close()

    def _keep(self, task_id: str, now: Remembered) -> None:
        if self._journal:
            self._journal.write(_to_record(task_id, now))
            self._journal.sync()
        self._tasks[task_id] = now


def _to_record(task_id: str, known: Remembered) -> Record:
    record: Record = {"task_id": task_id, "token": known.token, "done": known.targets_done}
    if known.result is None:
        return record
    return {**record, "outcome": known.result.outcome, "en": known.result.reason.en, "zh": known.result.reason.zh}


def _from_record(record: Record) -> Remembered:
    result = None
    if "outcome" in record:
        result = Result(Outcome(record["outcome"]), record["done"], Reason(record["en"], record["zh"]))
    return Remembered(record["token"], record["done"], result)


class Leave:
    """Whether a robot may move: a grant that has not ended by its own monotonic clock, and no stop latched."""

    def __init__(self) -> None:
        self.stops: frozenset[str] = frozenset()
        self.zones: tuple[str, ...] = ()
        self.ends_s = -math.inf
        self._sequence = -1

    def take(self, grant: Grant, now_s: float) -> bool:
        """Whether the grant counts: it is newer than the last."""
        if grant.sequence <= self._sequence or not 0.0 < grant.lease_s < math.inf:
            return False
        self._sequence, self.zones, self.ends_s = grant.sequence, grant.zones, now_s + grant.lease_s
        return True

    def stop(self, stop_id: str) -> None:
        """Latch one more stop."""
        self.stops |= {stop_id}

    def release(self, stop_id: str) -> None:
        """Let go of one stop; the others stay."""
        self.stops -= {stop_id}

    def holds(self, now_s: float) -> bool:
        """Whether it may move at this time."""
        return not self.stops and now_s < self.ends_s


def effects(records: Iterable[Record]) -> Iterator[tuple[str, int]]:
    """What a robot's memory says was really done, in order: task and target; a task without targets counts as one."""
    known: dict[str, Record] = {}
    for record in records:
        task_id, before = record["task_id"], known.get(record["task_id"])
        known[task_id] = record
        if before and before["token"] == record["token"]:
            yield from ((task_id, target) for target in range(before["done"], record["done"]))
        if record.get("outcome") == Outcome.DONE and record["done"] == 0:
            yield task_id, 0
