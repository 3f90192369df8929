"""A plan obeys every rule, is as good as it says, changes little, and gives its reasons."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bim.errors import BadInput
from robots.planner import Effort, plan
from robots.planner_arrays import arrays_of
from robots.planner_bound import lower_bound, sharper_bound
from robots.planner_problem import Bound, Job, Machine, Problem, Weights
from tests.robots.plan_checker import broken_rules

QUICK = Effort(rounds=4_000, limit_s=60.0, ascents=3, ascent_s=60.0, proof_jobs=0)
PROVEN = Effort(rounds=4_000, limit_s=60.0, ascents=0, proof_jobs=6, proof_s=20.0)
PLACES = 9


@st.composite
def problems(draw: st.DrawFn, jobs: int = 7, robots: int = 3, plain: bool = False) -> Problem:
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    xy = rng.uniform(0, 40, (PLACES, 2))
    distance_m = np.abs(xy[:, None] - xy[None]).sum(axis=2)
    if draw(st.booleans()):
        cut_off = int(rng.integers(PLACES))
        distance_m[cut_off], distance_m[:, cut_off] = np.inf, np.inf
        distance_m[cut_off, cut_off] = 0.0
    work = tuple(_job(j, rng, plain) for j in range(draw(st.integers(0, jobs))))
    fleet = tuple(_machine(r, rng, plain) for r in range(draw(st.integers(1, robots))))
    return Problem(work, fleet, {"rover": distance_m})


def _job(j: int, rng: np.random.Generator, plain: bool) -> Job:
    start, end = (int(p) for p in rng.integers(PLACES, size=2))
    return Job(
        job_id=f"job {j}",
        skill=str(rng.choice(["drill", "scan"])),
        start_place=start,
        end_place=end if rng.random() < 0.3 else start,
        work_s=int(rng.integers(50, 900)),
        after=tuple(f"job {i}" for i in range(j) if rng.random() < 0.2),
        zones=() if plain else tuple(f"zone {z}" for z in range(2) if rng.random() < 0.4),
        release_s=int(rng.choice([0, 0, 600])),
        due_s=int(rng.integers(300, 3000)) if rng.random() < 0.5 else None,
        priority=int(rng.integers(1, 4)),
    )


def _machine(r: int, rng: np.random.Generator, plain: bool) -> Machine:
    skills = rng.choice(["drill", "scan"], 2)
    drain = 0.0 if plain else float(rng.choice([0.0, 2e-4, 5e-4]))
    return Machine(
        robot_id=f"robot {r}",
        kind="rover",
        rates={str(skill): float(rng.choice([0.5, 1.0, 1.5])) for skill in skills},
        place=int(rng.integers(PLACES)),
        free_s=int(rng.choice([0, 200])),
        dock=None if plain else int(rng.integers(PLACES)),
        battery=float(rng.uniform(0.3, 1.0)),
        drive_per_s=drain,
        work_per_s=drain,
        charge_per_s=1e-3,
        shifts=((0, 2400), (3600, 7200)),
    )


def job(name: str, place: int = 1, **others: object) -> Job:
    return Job(**{"job_id": name, "skill": "drill", "start_place": place, "end_place": place, "work_s": 100} | others)  # type: ignore[arg-type]


def robot(name: str, place: int = 0, **others: object) -> Machine:
    return Machine(**{"robot_id": name, "kind": "rover", "rates": {"drill": 1.0}, "place": place} | others)  # type: ignore[arg-type]


def on_a_line(*jobs: Job, robots: tuple[Machine, ...] = (robot("A"),), places: int = 5, **others: object) -> Problem:
    """Places 10 m apart along a line."""
    x = 10.0 * np.arange(places)
    return Problem(jobs, robots, {"rover": np.abs(x[:, None] - x)}, **others)  # type: ignore[arg-type]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_a_plan_obeys_every_rule(problem: Problem) -> None:
    assert broken_rules(problem, plan(problem, effort=QUICK)) == []


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems(jobs=5, robots=2))
def test_a_proven_plan_obeys_every_rule_and_is_no_worse_than_a_searched_one(problem: Problem) -> None:
    searched, proven = plan(problem, effort=QUICK), plan(problem, effort=PROVEN)
    assert broken_rules(problem, proven) == []
    assert proven.cost <= searched.cost


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems(jobs=4, robots=2, plain=True))
def test_a_proven_plan_costs_what_trying_everything_finds(problem: Problem) -> None:
    found = plan(problem, effort=PROVEN)
    if found.bound is not None:
        assert found.cost == found.bound == cheapest(problem, {visit.job_id for visit in found.visits})


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems(jobs=5, robots=2))
def test_no_plan_undercuts_the_bound(problem: Problem) -> None:
    found = plan(problem, effort=PROVEN)
    if problem.jobs and not found.waiting:
        assert lower_bound(arrays_of(problem)).cost <= found.cost


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems(jobs=5, robots=2), st.sampled_from([1, 2_000, 1_000_000]))
def test_no_plan_undercuts_the_bound_by_routes(problem: Problem, worse: int) -> None:
    """Whatever plan is known: the better it is, the fewer finishes the bound has to allow for."""
    found = plan(problem, effort=PROVEN)
    if problem.jobs and not found.waiting:
        a = arrays_of(problem)
        assert sharper_bound(a, lower_bound(a), found.cost + worse, ascents=30, limit_s=60.0) <= found.cost


def test_the_bound_by_routes_knows_of_ways_that_one_robot_has_to_drive() -> None:
    """Each of four jobs in a row has a neighbour, yet the robot has to drive from the first to the last."""
    problem = on_a_line(*(job(f"j{n}", n) for n in range(1, 5)))
    a = arrays_of(problem)
    assert sharper_bound(a, lower_bound(a), 2 * plan(problem).cost, ascents=100, limit_s=60.0) == plan(problem).cost


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(problems())
def test_replanning_after_a_lost_robot_obeys_every_rule(problem: Problem) -> None:
    first = plan(problem, effort=QUICK)
    changed = replace(problem, machines=problem.machines[1:] or problem.machines)
    second = plan(changed, before=first)
    assert broken_rules(replace(changed, before={v.job_id: v.robot_id for v in first.visits}), second) == []


def test_replanning_without_a_change_changes_nothing() -> None:
    problem = on_a_line(*(job(f"j{n}", 1 + n % 4) for n in range(12)), robots=(robot("A"), robot("B", 4)))
    first = plan(problem, effort=QUICK)
    again = plan(problem, before=first)
    assert again.changes == 0
    assert [(v.job_id, v.robot_id) for v in again.visits] == [(v.job_id, v.robot_id) for v in first.visits]


def test_one_more_job_leaves_the_others_with_their_robots() -> None:
    jobs = [job(f"j{n}", 1 + n % 4) for n in range(12)]
    problem = on_a_line(*jobs, robots=(robot("A"), robot("B", 4)))
    first = plan(problem, effort=QUICK)
    second = plan(replace(problem, jobs=(*problem.jobs, job("new", 2))), before=first)
    assert second.changes == 0
    assert len(second.visits) == 13


def test_the_same_problem_has_the_same_plan() -> None:
    problem = on_a_line(*(job(f"j{n}", 1 + n % 4) for n in range(20)), robots=(robot("A"), robot("B", 4)))
    assert plan(problem, effort=QUICK) == plan(problem, effort=QUICK)


@pytest.mark.parametrize(
    ("task", "robots", "words"),
    [
        (job("x", skill="weld"), (robot("A"),), "no robot can weld"),
        (job("x", place=5), (robot("A"),), "no robot that can drill has a way there"),
        (job("x", work_s=4000), (robot("A", shifts=((0, 3600),)),), "no shift is long enough"),
        (
            job("x", work_s=4000),
            (robot("A", dock=0, work_per_s=1 / 3600, charge_per_s=1e-3),),
            "no robot's battery lasts",
        ),
    ],
)
def test_a_job_that_nobody_can_do_waits_with_the_reason(task: Job, robots: tuple[Machine, ...], words: str) -> None:
    problem = on_a_line(task, job("after it", after=("x",)), robots=robots, places=6)
    problem.distance_m["rover"][5, :5] = problem.distance_m["rover"][:5, 5] = np.inf
    reasons = {each.job_id: each.reason.en for each in plan(problem).waiting}
    assert words in reasons["x"]
    assert reasons["after it"] == "it follows x, which waits"


def test_what_does_not_fit_into_the_shifts_is_left_out_and_said() -> None:
    problem = on_a_line(*(job(f"j{n}") for n in range(4)), robots=(robot("A", shifts=((0, 250),)),))
    found = plan(problem)
    assert len(found.visits) == 2
    assert found.bound is None
    assert {each.reason.en for each in found.waiting} == {
        "every robot that could do it is taken until its last shift ends"
    }


def test_without_robots_everything_waits() -> None:
    found = plan(Problem((job("a"),), (), {}))
    assert found.visits == ()
    assert [each.reason.en for each in found.waiting] == ["no robot can drill"]


def test_a_circle_of_predecessors_waits() -> None:
    found = plan(on_a_line(job("a", after=("b",)), job("b", after=("a",))))
    assert "contradicts itself" in found.waiting[0].reason.en


def test_a_start_says_what_set_it() -> None:
    near, far = robot("A", 1), robot("B", 1)
    problem = on_a_line(job("first"), job("second", after=("first",)), robots=(near, far))
    second = plan(problem).visits[1]
    assert (second.bound, second.waits_for) in {(Bound.PREDECESSOR, "first"), (Bound.TRAVEL, None)}
    shared = on_a_line(job("one", zones=("Z",)), job("two", zones=("Z",)), robots=(near, far), weights=Weights(busy=1))
    assert {v.waits_for for v in plan(shared).visits} <= {None, "Z"}


def test_a_robot_charges_before_its_battery_keeps_it_from_the_dock() -> None:
    tired = robot("A", dock=0, battery=0.3, work_per_s=1e-3, drive_per_s=1e-4, charge_per_s=1e-3)
    problem = on_a_line(job("a"), job("b"), job("c"), robots=(tired,))
    found = plan(problem)
    assert broken_rules(problem, found) == []
    assert sum(visit.charge_s for visit in found.visits) > 0
    assert any(visit.bound is Bound.CHARGING for visit in found.visits)


@pytest.mark.parametrize(
    "problem",
    [
        on_a_line(job("a"), job("a")),
        on_a_line(job("a"), robots=(robot("A"), robot("A"))),
        on_a_line(job("a", after=("z",))),
    ],
)
def test_a_problem_that_contradicts_itself_is_refused(problem: Problem) -> None:
    with pytest.raises(BadInput):
        plan(problem)


# --- Trying everything ------------------------------------------------------------------------------------------------


def cheapest(problem: Problem, wanted: set[str]) -> int:
    """The least cost over all assignments and orders, without zones and batteries."""
    jobs = [job for job in problem.jobs if job.job_id in wanted]
    if not jobs:
        return 0
    costs = []
    for owners in itertools.product(range(len(problem.machines)), repeat=len(jobs)):
        shares = [[job for job, owner in zip(jobs, owners, strict=True) if owner == r]
                  for r in range(len(problem.machines))]  # fmt: skip
        for orders in itertools.product(*(itertools.permutations(share) for share in shares)):
            cost = _cost(problem, orders)
            if cost is not None:
                costs.append(cost)
    return min(costs)


def _cost(problem: Problem, orders: tuple[tuple[Job, ...], ...]) -> int | None:
    ends: dict[str, int] = {}
    w, busy, late = problem.weights, 0, 0
    queues = [list(order) for order in orders]
    state = [(machine.free_s, machine.place) for machine in problem.machines]
    while any(queues):
        ready = [r for r, queue in enumerate(queues) if queue and all(name in ends for name in queue[0].after)]
        if not ready:
            return None
        r = ready[0]
        job, machine, (now, place) = queues[r].pop(0), problem.machines[r], state[r]
        metres = problem.distance_m[machine.kind][place, job.start_place]
        if job.skill not in machine.rates or not np.isfinite(metres):
            return None
        way, work = int(np.ceil(metres / machine.speed_m_s)), max(1, round(job.work_s / machine.rates[job.skill]))
        start = max(now + way, job.release_s, *(ends[name] for name in job.after), 0)
        fits = [max(start, begin) for begin, end in machine.shifts if max(start, begin) + work <= end]
        if not fits:
            return None
        ends[job.job_id] = fits[0] + work
        state[r] = (ends[job.job_id], job.end_place)
        busy += way + work
        late += job.priority * max(0, ends[job.job_id] - job.due_s) if job.due_s is not None else 0
    return w.busy * busy + w.finish * max(ends.values()) + w.late * late
