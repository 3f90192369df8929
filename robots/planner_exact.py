"""The whole planning problem as a constraint model, solved by OR-Tools CP-SAT: proves small plans optimal.

A robot's route is a circuit of optional arcs: (i, j) directly, or by way of its dock, where it charges as
long as it likes. Times and
charge are carried along the arcs; zones are intervals that do not overlap; what is left out costs. The model may send
a robot to its dock at any time, not only when it must.
"""

from dataclasses import dataclass

import numpy as np
from ortools.sat.python import cp_model

from robots.planner_arrays import FULL, NEVER, Arrays, Ints
from robots.planner_timing import CHARGE, END, START, Routes, link_after, no_routes, schedule, unlink


@dataclass(frozen=True)
class Proof:
    """Routes, when the model starts each job (N,), and what no plan undercuts."""

    routes: Routes
    starts: Ints
    bound: int


@dataclass
class _Model:
    cp: cp_model.CpModel
    done: list[cp_model.IntVar]
    does: dict[tuple[int, int], cp_model.IntVar]
    start: list[cp_model.IntVar]
    end: list[cp_model.IntVar]
    arcs: dict[tuple[int, int, int, bool], cp_model.IntVar]
    """(robot, from, to, by way of the dock); job N stands for the robot's own place."""
    charge: dict[tuple[int, int], cp_model.IntVar]
    """Charge of a robot when a job is done."""


def proven(a: Arrays, hint: Routes, effort_s: float) -> Proof | None:
    """The best plan that CP-SAT finds in so many seconds of deterministic time, None where it finds none."""
    horizon = int(a.shifts[:, 1].max())
    model = _model(a, horizon)
    _costs(a, model, horizon)
    _hint(a, model, hint)
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = effort_s
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = 1
    if solver.solve(model.cp) not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    starts = np.array([solver.value(start) for start in model.start], np.int64)
    return Proof(_solution(a, model, solver), starts, int(np.ceil(solver.best_objective_bound - 1e-6)))


def _model(a: Arrays, horizon: int) -> _Model:
    cp = cp_model.CpModel()
    robots, jobs = a.work.shape
    able = [(r, j) for r in range(robots) for j in range(jobs) if a.work[r, j] >= 0]
    model = _Model(
        cp,
        done=[cp.new_bool_var(f"job {j} is done") for j in range(jobs)],
        does={(r, j): cp.new_bool_var(f"robot {r} does {j}") for r, j in able},
        start=[cp.new_int_var(0, horizon, f"start {j}") for j in range(jobs)],
        end=[cp.new_int_var(0, horizon, f"end {j}") for j in range(jobs)],
        arcs={},
        charge={(r, j): cp.new_int_var(0, FULL, f"charge of {r} after {j}") for r, j in able},
    )
    for j in range(jobs):
        cp.add_exactly_one(model.done[j].Not(), *(does for (_, k), does in model.does.items() if k == j))
        cp.add(model.start[j] >= int(a.release[j]))
    for r, j in able:
        _worked(a, model, r, j)
    for r in range(robots):
        _route(a, model, r)
    _order(a, model)
    return model


def _worked(a: Arrays, model: _Model, r: int, j: int) -> None:
    """Work takes its time, within a shift, and leaves enough charge to get to the dock."""
    cp, does = model.cp, model.does[r, j]
    cp.add(model.end[j] == model.start[j] + int(a.work[r, j])).only_enforce_if(does)
    cp.add(model.charge[r, j] >= int(a.reserve[r] + a.drive[r] * a.to_dock[r, j])).only_enforce_if(does)
    within = []
    for begin, close in a.shifts[a.shift_first[r] : a.shift_first[r + 1]]:
        chosen = cp.new_bool_var("")
        cp.add(model.start[j] >= int(begin)).only_enforce_if(chosen)
        cp.add(model.end[j] <= int(close)).only_enforce_if(chosen)
        within.append(chosen)
    cp.add_bool_or(within).only_enforce_if(does)


def _route(a: Arrays, model: _Model, r: int) -> None:
    """A circuit through the robot's place (node 0) and the jobs (1...) that it does; the way home is free."""
    cp, own = model.cp, [j for s, j in model.does if s == r]
    jobs = a.work.shape[1]
    arcs: list[tuple[int, int, cp_model.LiteralT]] = [(0, 0, cp.new_bool_var(f"robot {r} does nothing"))]
    for n, j in enumerate(own, 1):
        arcs += [(n, n, model.does[r, j].Not()), (n, 0, cp.new_bool_var(""))]
        cp.add_implication(arcs[0][2], model.does[r, j].Not())
        for m, i in [(0, jobs), *((m, i) for m, i in enumerate(own, 1) if i != j)]:
            at = jobs + r if i == jobs else i
            for by_dock in (False, True) if a.drive[r] + a.labour[r] > 0 else (False,):
                if a.leg[a.group[r], at, j] < NEVER:
                    arc = cp.new_bool_var("")
                    model.arcs[r, i, j, by_dock] = arc
                    arcs.append((m, n, arc))
                    _go(a, model, (r, i, j, by_dock), arc, at)
    cp.add_circuit(arcs)


def _go(a: Arrays, model: _Model, key: tuple[int, int, int, bool], arc: cp_model.IntVar, at: int) -> None:
    """Time and charge along an arc."""
    cp, (r, i, j, by_dock) = model.cp, key
    first = i == a.work.shape[1]
    now = int(a.free[r]) if first else model.end[i]
    charge = int(a.charge[r]) if first else model.charge[r, i]
    drive, used = int(a.drive[r]), int(a.labour[r] * a.work[r, j])
    if not by_dock:
        way = int(a.leg[a.group[r], at, j])
        cp.add(model.start[j] >= now + way).only_enforce_if(arc)
        cp.add(model.charge[r, j] <= charge - drive * way - used).only_enforce_if(arc)
        return
    to, back, refill = int(a.to_dock[r, at]), int(a.from_dock[r, j]), int(a.refill[r])
    on_dock, level = cp.new_int_var(0, FULL // refill + 1, ""), cp.new_int_var(0, FULL, "")
    cp.add(on_dock * refill >= level - charge + drive * to).only_enforce_if(arc)
    cp.add(model.start[j] >= now + to + on_dock + back).only_enforce_if(arc)
    cp.add(model.charge[r, j] <= level - drive * back - used).only_enforce_if(arc)


def _order(a: Arrays, model: _Model) -> None:
    """What comes before, and who holds a zone."""
    cp, jobs = model.cp, a.work.shape[1]
    for j in range(jobs):
        for i in a.after[a.after_first[j] : a.after_first[j + 1]]:
            cp.add_implication(model.done[j], model.done[i])
            cp.add(model.start[j] >= model.end[i]).only_enforce_if(model.done[j])
    for zone in range(a.zones):
        holders = [j for j in range(jobs) if zone in a.zone[a.zone_first[j] : a.zone_first[j + 1]]]
        spans = []
        for j in holders:
            size = cp.new_int_var(0, int(max(a.work[:, j].max(), 0)), "")
            spans.append(cp.new_optional_interval_var(model.start[j], size, model.end[j], model.done[j], ""))
        cp.add_no_overlap(spans)


def _costs(a: Arrays, model: _Model, horizon: int) -> None:
    """As `planner_timing.timed` counts."""
    cp, jobs = model.cp, a.work.shape[1]
    busy, per_finish, change, left_out = (int(w) for w in a.weights)
    finish = cp.new_int_var(0, horizon, "finish")
    terms: list[cp_model.LinearExprT] = [per_finish * finish]
    for (r, j), does in model.does.items():
        changed = change if a.before[j] >= 0 and a.before[j] != r else 0
        terms.append((busy * int(a.work[r, j]) + changed - left_out) * does)
    terms.append(left_out * jobs)
    for (r, i, j, by_dock), arc in model.arcs.items():
        terms.append(busy * _way(a, r, i, j, by_dock) * arc)
    for j in range(jobs):
        cp.add(finish >= model.end[j]).only_enforce_if(model.done[j])
        if a.due[j] < NEVER:
            late = cp.new_int_var(0, horizon, f"lateness of {j}")
            cp.add(late >= model.end[j] - int(a.due[j])).only_enforce_if(model.done[j])
            terms.append(int(a.late[j]) * late)
    cp.minimize(cp_model.LinearExpr.sum(terms))


def _way(a: Arrays, r: int, i: int, j: int, by_dock: bool) -> int:
    at = a.work.shape[1] + r if i == a.work.shape[1] else i
    return int(a.to_dock[r, at] + a.from_dock[r, j]) if by_dock else int(a.leg[a.group[r], at, j])


def _hint(a: Arrays, model: _Model, routes: Routes) -> None:
    """Start from routes that are known to be feasible."""
    jobs = a.work.shape[1]
    settled, rows, _ = schedule(a, routes)
    for (r, i, j, by_dock), arc in model.arcs.items():
        previous = settled.previous[j]
        came = i if i < jobs else jobs + r
        model.cp.add_hint(arc, bool(settled.owner[j] == r and previous == came and (rows[j, CHARGE] > 0) == by_dock))
    for (r, j), does in model.does.items():
        model.cp.add_hint(does, bool(settled.owner[j] == r))
    for j in range(jobs):
        if rows[j, END] < NEVER:
            model.cp.add_hint(model.start[j], int(rows[j, START]))
            model.cp.add_hint(model.end[j], int(rows[j, END]))


def _solution(a: Arrays, model: _Model, solver: cp_model.CpSolver) -> Routes:
    """The chosen arcs as routes."""
    robots, jobs = a.work.shape
    routes = no_routes(a)
    follows = {(r, i): (j, by_dock) for (r, i, j, by_dock), arc in model.arcs.items() if solver.boolean_value(arc)}
    for r in range(robots):
        at, node = jobs, jobs + r
        while (r, at) in follows:
            at, by_dock = follows[r, at]
            unlink(routes, at)
            link_after(routes, at, node, r)
            routes.docks[at], node = by_dock, at
    return routes
