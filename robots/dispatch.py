"""Dispatch: which task goes to which robot, and what comes of it; nothing is lost and nothing is done twice.

Every change is written to the journal, and is on disk before anything outside sees it: callers await `synced` of the
journal between a change and its effect. After kill -9 the journal is played again, each held task's order is sent again
with the token that it had, and the robot, which remembers tokens, joins it or tells how it ended. A task leaves a robot
only by that robot's word. Where that word cannot be had, a person decides, unless the work may be repeated.
"""

import datetime as dt
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from bim.errors import BadInput
from bim.verdict import Reason
from robots import dispatch_reasons as why
from robots.errands import (
    DISPATCH,
    Need,
    cannot_go,
    errand,
    must_charge_for_more,
    must_go_charging,
    must_make_way,
)
from robots.gates import World, ability, robot_gate, task_gate
from robots.journal import Journal, Record
from robots.robot import Mode, Order, Outcome, Profile, Result, RobotState
from robots.roster import Sighting
from robots.tasks import ERRANDS, HELD, OVER, REPEATABLE, Kind, Step, Task, TaskSpec, TaskState, advance, propose
from robots.wire import read_spec, reason_json, spec_json
from robots.zones import Allocation, Zone

MOST_ATTEMPTS = 3


class Dispatcher:
    """The tasks, and who holds them. `journal` may hold an earlier life; it is played again first."""

    def __init__(self, journal: Journal, fleet: Iterable[Profile], zones: Iterable[Zone] = ()) -> None:
        self.fleet = {profile.robot_id: profile for profile in fleet}
        self.tasks: dict[str, Task] = {}
        self.world = World(self.tasks, {zone.zone_id: zone for zone in zones}, Allocation())
        self._queue: dict[str, None] = {}
        """Queued tasks, the oldest first."""
        self._holders: dict[str, str] = {}
        """The task that a robot holds."""
        self._errands: dict[str, str] = {}
        """The newest errand of a robot."""
        self.unsent: Mapping[str, Reason] = {}
        """Robots that should charge or make way and cannot be sent: a person's to solve."""
        self._token = 0
        self._journal = journal
        for record in journal.records:
            self._replay(record)
        self._needy = {r for r, task_id in self._errands.items() if self.tasks[task_id].state is not TaskState.DONE}
        """Robots that were not seen without a need since their newest errand."""

    # --- Intake and people -------------------------------------------------------------------------------------------

    def submit(self, spec: TaskSpec, at: dt.datetime, reason: Reason, approved_by: str | None = None) -> Task:
        """Take a task in; the same task again is the same task.

        One that no robot ever had is described anew. Raises BadInput for another under the name of one that had begun.
        """
        known = self.tasks.get(spec.task_id)
        if known is None or (known.spec != spec and known.token == 0 and known.state not in OVER):
            self._journal.write({"propose": spec_json(spec), "at": at.isoformat(), **reason_json(reason)})
            self._keep(propose(spec, at, reason, known))
        elif known.spec != spec:
            raise BadInput(f"another task named {spec.task_id}", "one task a name", "give the new one a new name")
        if approved_by and self.tasks[spec.task_id].state is TaskState.PROPOSED:
            self.approve(spec.task_id, approved_by, at)
        return self.tasks[spec.task_id]

    def approve(self, task_id: str, person: str, at: dt.datetime) -> None:
        """A person, or a rule of the settings, wants it done."""
        if doubts := self._doubts(self._task(task_id).spec):
            self._step(task_id, Step.QUARANTINE, at, doubts)
            return
        self._step(task_id, Step.APPROVE, at, why.approved(person))
        self._step(task_id, Step.QUEUE, at, why.QUEUED)

    def cancel(self, task_id: str, person: str, at: dt.datetime) -> bool:
        """A person no longer wants it. Whether a robot must be told first."""
        held = self._task(task_id).state in HELD
        self._step(task_id, Step.ASK_CANCEL if held else Step.CANCEL, at, why.cancelled_by(person))
        return held

    def pause(self, task_id: str, person: str, at: dt.datetime) -> None:
        """A person wants it to stand still."""
        self._step(task_id, Step.PAUSE, at, why.paused_by(person))

    def resume(self, task_id: str, person: str, at: dt.datetime) -> None:
        """A person wants it to go on."""
        self._step(task_id, Step.RESUME, at, why.resumed_by(person))

    def requeue(self, task_id: str, person: str, at: dt.datetime) -> None:
        """A person looked at a failed or quarantined task, and wants the rest of it done."""
        self._step(task_id, Step.REQUEUE, at, why.wanted_by(person))

    def withdraw(self, at: dt.datetime) -> list[str]:
        """Tasks about elements that left the model wait for a person from now on; a robot ends what it has in hand."""
        elements = self.world.elements
        if elements is None:
            return []
        withdrawn = []
        for task in list(self.tasks.values()):
            gone = [element for element in task.spec.element_ids if element not in elements]
            if gone and task.state not in OVER | HELD | {TaskState.QUARANTINED}:
                self._step(task.spec.task_id, Step.QUARANTINE, at, why.left_the_model(gone[0]))
                withdrawn.append(task.spec.task_id)
        return withdrawn

    # --- Robots ------------------------------------------------------------------------------------------------------

    def held_by(self, robot_id: str) -> Task | None:
        """The task that the robot holds."""
        task_id = self._holders.get(robot_id)
        return self.tasks[task_id] if task_id else None

    def assign(self, sightings: Mapping[str, Sighting], now_s: float, at: dt.datetime) -> list[tuple[str, Order]]:
        """Give what can begin to free robots: robot and order, written but not yet synced."""
        free = {r: s.state for r, s in sightings.items() if r not in self._holders and s.present(now_s)}
        charging = must_go_charging(self._queued(), free, self.fleet, self.world)
        workers = free.keys() - (charging.keys() - self.unsent.keys())
        orders = []
        for task in list(self._queued()) if free else ():
            if robot_id := self._choose(task, free if task.spec.kind in ERRANDS else workers, free):
                del free[robot_id]
                if robot_id in workers:
                    workers.remove(robot_id)
                    self._needy.discard(robot_id)
                orders.append((robot_id, self._give(task.spec.task_id, robot_id, at)))
            if not free:
                break
        around = (free, self.fleet, self.world)
        needs = must_make_way(self._queued(), *around) | must_charge_for_more(self._queued(), *around) | charging
        return orders + list(self._send_home({r: needs.get(r) for r in free}, free, at))

    def why(self, task: Task, sightings: Mapping[str, Sighting], now_s: float) -> Reason | None:
        """Why a queued task waits; None for any other."""
        return self._obstacle(task, sightings, now_s) if task.state is TaskState.QUEUED else None

    def order_of(self, task: Task) -> Order:
        """The order for a held task, as it was given."""
        return Order(task.spec, task.token, task.targets_done)

    def worked(self, task_id: str, token: int, targets_done: int, at: dt.datetime) -> None:
        """Its robot began, or has done more of its targets."""
        task = self.tasks[task_id]
        if task.token != token or task.state not in HELD:
            return
        if targets_done > len(task.spec.targets):
            self._step(task_id, Step.QUARANTINE, at, why.miscounted(task, targets_done))
        elif task.state is TaskState.ASSIGNED:
            self._step(task_id, Step.START, at, why.STARTED, targets_done=targets_done)
        elif task.state is TaskState.RUNNING and targets_done > task.targets_done:
            self._step(task_id, Step.WORK, at, why.STARTED, targets_done=targets_done)

    def ended(self, task_id: str, token: int, result: Result, at: dt.datetime) -> None:
        """Its robot told how it ended. An answer to an order that is no longer in hand changes nothing."""
        task = self.tasks[task_id]
        late = task.state is TaskState.QUARANTINED and result.outcome is Outcome.DONE
        if task.token != token or not (task.state in HELD or late):
            return
        if _counts(task, result):
            step, reason = _consequence(task, result)
            self._step(task_id, step, at, reason, targets_done=result.targets_done)
        elif not late:
            self._step(task_id, Step.QUARANTINE, at, why.miscounted(task, result.targets_done))

    def refused(self, task_id: str, token: int, reason: Reason, at: dt.datetime) -> None:
        """Its robot will not do it and has done nothing: it waits for another."""
        self.ended(task_id, token, Result(Outcome.FAILED, self.tasks[task_id].targets_done, reason), at)

    def lost(self, robot_id: str, at: dt.datetime) -> None:
        """The robot was silent for too long to wait for it any more."""
        task = self.held_by(robot_id)
        if task:
            step = Step.BACK if task.spec.kind in REPEATABLE else Step.QUARANTINE
            self._step(task.spec.task_id, step, at, why.silent(robot_id))

    def fill_zones(self, robot_id: str, inside: Iterable[str]) -> None:
        """A body fills the zones that it reaches into: what nobody holds is its own until it is out again."""
        free = [zone for zone in inside if zone not in self.world.allocation.holders]
        if free:
            self.world = replace(self.world, allocation=self.world.allocation.take(robot_id, free))

    def free_zones(self, robot_id: str, still_in: Iterable[str]) -> None:
        """A robot lets go of all zones but those that its task needs or that its body is in."""
        if robot_id not in self.world.allocation.holders.values():
            return
        kept = set(still_in) | set(task.spec.zones if (task := self.held_by(robot_id)) else ())
        if not kept.issuperset(self.world.allocation.of(robot_id)):
            self.world = replace(self.world, allocation=self.world.allocation.let_go(robot_id, kept))

    def know(
        self,
        *,
        permits: Iterable[str] | None = None,
        verified: Iterable[str] | None = None,
        elements: Iterable[str] | None = None,
        people: Iterable[str] | None = None,
        plan: Mapping[str, str] | None = None,
        charge_before: Iterable[str] | None = None,
        dropped: Iterable[str] | None = None,
    ) -> None:
        """What changed around the tasks: permits, elements verified, those of the model, zones with people, the plan.

        What is planned goes before what is not, in the plan's order.
        """
        world = self.world
        self.world = replace(
            world,
            permits=world.permits if permits is None else frozenset(permits),
            verified=world.verified if verified is None else frozenset(verified),
            allocation=world.allocation if people is None else world.allocation.with_people(people),
            elements=world.elements if elements is None else frozenset(elements),
            plan=world.plan if plan is None else dict(plan),
            charge_before=world.charge_before if charge_before is None else frozenset(charge_before),
            dropped=world.dropped if dropped is None else frozenset(dropped),
        )
        if plan is not None:
            self._queue = dict.fromkeys([*(t for t in plan if t in self._queue), *self._queue])

    def unplan(self, robot_id: str) -> None:
        """A robot that is lost does not keep others from what was planned for it."""
        self.know(plan={task_id: robot for task_id, robot in self.world.plan.items() if robot != robot_id})

    # --- Within ------------------------------------------------------------------------------------------------------

    def _send_home(
        self, needs: Mapping[str, Need | None], free: Mapping[str, RobotState], at: dt.datetime
    ) -> Iterator[tuple[str, Order]]:
        """An errand for each need that none was made for yet; what cannot be sent is told as `unsent`."""
        self._needy -= {robot_id for robot_id, need in needs.items() if need is None}
        unsent = {}
        for robot_id, need in needs.items():
            state = free[robot_id]
            at_it = need is not None and need.kind is Kind.CHARGE and state.mode is Mode.CHARGING
            if need is None or at_it or state.task_id is not None:
                continue
            made = self._errand(need, robot_id, state, at)
            if isinstance(made, Reason):
                unsent[robot_id] = cannot_go(need, self.fleet[robot_id], made)
            else:
                self._needy.add(robot_id)
                self.submit(made, at, need.reason, DISPATCH)
                yield robot_id, self._give(made.task_id, robot_id, at)
        self.unsent = unsent

    def _errand(self, need: Need, robot_id: str, state: RobotState, at: dt.datetime) -> TaskSpec | Reason:
        """The errand to be made for a need, or why none is."""
        if robot_id in self._needy and (before := self.tasks.get(self._errands.get(robot_id, ""))):
            return why.tried(before)
        made = errand(need, self.fleet[robot_id], state, self.world)
        if isinstance(made, Reason):
            return made
        return robot_gate(propose(made, at, need.reason), self.fleet[robot_id], state, self.world) or made

    def _queued(self) -> Iterator[Task]:
        return (self.tasks[task_id] for task_id in self._queue)

    def _task(self, task_id: str) -> Task:
        if task_id not in self.tasks:
            raise BadInput(f"no task {task_id}", "a task that was taken in", "correct the name")
        return self.tasks[task_id]

    def _doubts(self, spec: TaskSpec) -> Reason | None:
        """Why nobody here can ever do it."""
        abilities = [ability(self.tasks[spec.task_id], robot) for robot in self.fleet.values()]
        if None in abilities:
            return next((why.no_zone(zone) for zone in spec.zones if zone not in self.world.zones), None)
        return why.nobody_can(abilities)

    def _choose(self, task: Task, robots: Iterable[str], states: Mapping[str, RobotState]) -> str | None:
        if task_gate(task, self.world):
            return None
        fit = [r for r in robots if not robot_gate(task, self.fleet[r], states[r], self.world)]
        fresh = [robot for robot in fit if robot not in task.avoid]
        others = any(r not in task.avoid and not ability(task, profile) for r, profile in self.fleet.items())
        place = task.spec.targets[0][:3] if task.spec.targets else (0.0, 0.0, 0.0)
        nearest = lambda robot: (math.dist(place, states[robot].position_m), robot)  # noqa: E731
        return min(fresh or ([] if others else fit), key=nearest, default=None)

    def _obstacle(self, task: Task, sightings: Mapping[str, Sighting], now_s: float) -> Reason:
        if reason := task_gate(task, self.world):
            return reason
        able = [profile for profile in self.fleet.values() if not ability(task, profile)]
        present = [p for p in able if p.robot_id in sightings and sightings[p.robot_id].present(now_s)]
        if not present:
            return why.distrusted(able, sightings) or why.ABSENT
        chosen = self.world.plan.get(task.spec.task_id)
        free = sorted((p for p in present if p.robot_id not in self._holders), key=lambda p: p.robot_id != chosen)
        reasons = [robot_gate(task, p, sightings[p.robot_id].state, self.world) for p in free]
        reason = next((reason for reason in reasons if reason), why.BUSY)
        holders = [self.world.allocation.holders.get(zone, "") for zone in task.spec.zones]
        stuck = [
            self.unsent[robot_id] for robot_id in (*holders, *(p.robot_id for p in free)) if robot_id in self.unsent
        ]
        return why.also(reason, stuck[0]) if stuck else reason

    def _give(self, task_id: str, robot_id: str, at: dt.datetime) -> Order:
        self._step(task_id, Step.ASSIGN, at, why.given_to(robot_id), robot_id=robot_id, token=self._token + 1)
        return self.order_of(self.tasks[task_id])

    def _step(
        self,
        task_id: str,
        step: Step,
        at: dt.datetime,
        reason: Reason,
        robot_id: str | None = None,
        token: int | None = None,
        targets_done: int | None = None,
    ) -> None:
        after = advance(
            self._task(task_id), step, at, reason, robot_id=robot_id, token=token, targets_done=targets_done
        )
        record = {"task": task_id, "step": step.value, "at": at.isoformat(), **reason_json(reason)}
        extra = {"robot": robot_id, "token": token, "done": targets_done}
        self._journal.write(record | {name: value for name, value in extra.items() if value is not None})
        self._keep(after)

    def _replay(self, record: Record) -> None:
        if "propose" in record:
            spec = read_spec(record["propose"])
            self._keep(propose(spec, _at(record), _why(record), self.tasks.get(spec.task_id)))
        elif "step" in record:
            self._keep(_after(self.tasks[record["task"]], record))

    def _keep(self, task: Task) -> None:
        """The indexes follow the task."""
        task_id, before = task.spec.task_id, self.tasks.get(task.spec.task_id)
        self.tasks[task_id] = task
        self._token = max(self._token, task.token)
        if task.state is TaskState.QUEUED:
            self._queue[task_id] = None
        else:
            self._queue.pop(task_id, None)
        if task.state in HELD and task.robot_id:
            self._holders[task.robot_id] = task_id
            if before is None or before.state not in HELD:
                allocation = self.world.allocation.take(task.robot_id, task.spec.zones)
                self.world = replace(self.world, allocation=allocation)
        elif before and before.state in HELD and before.robot_id:
            self._holders.pop(before.robot_id, None)
        if task.spec.kind in ERRANDS and task.spec.only_robot and task.state is not TaskState.PROPOSED:
            self._errands[task.spec.only_robot] = task_id


def _counts(task: Task, result: Result) -> bool:
    """Whether the targets that a robot counts can be what it says: all of them when it is done, never more."""
    wanted = len(task.spec.targets)
    return result.targets_done == wanted or (result.targets_done < wanted and result.outcome is not Outcome.DONE)


def _consequence(task: Task, result: Result) -> tuple[Step, Reason]:
    """What a robot's word means for its task."""
    retry = task.attempts < MOST_ATTEMPTS
    match result.outcome:
        case Outcome.DONE:
            return Step.FINISH, result.reason
        case Outcome.CANCELLED if task.cancelling:
            return Step.CANCEL, result.reason
        case Outcome.UNKNOWN if task.spec.kind not in REPEATABLE:
            return Step.QUARANTINE, why.uncertain(result.reason)
    if task.cancelling:
        return Step.CANCEL, result.reason
    if result.outcome is Outcome.CANCELLED or retry:
        return Step.BACK, result.reason
    return Step.FAIL, why.too_often(result.reason, task.attempts)


def _after(task: Task, record: Record) -> Task:
    given = {"robot_id": record.get("robot"), "token": record.get("token"), "targets_done": record.get("done")}
    return advance(task, Step(record["step"]), _at(record), _why(record), **given)


def _at(record: Record) -> dt.datetime:
    return dt.datetime.fromisoformat(record["at"])


def _why(record: Record) -> Reason:
    return Reason(record["en"], record["zh"])


def history(records: Sequence[Record], task_id: str) -> Iterator[Task]:
    """Each state that a task went through, replayed from a journal's records."""
    task: Task | None = None
    for record in records:
        if record.get("propose", {}).get("task_id") == task_id:
            task = propose(read_spec(record["propose"]), _at(record), _why(record), task)
        elif record.get("task") == task_id and task:
            task = _after(task, record)
        else:
            continue
        yield task


def done_tasks(records: Sequence[Record]) -> frozenset[str]:
    """The tasks that a journal's records say are done."""
    return frozenset(record["task"] for record in records if record.get("step") == Step.FINISH.value)
