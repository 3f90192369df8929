"""The critical path, floats and forecasts."""

from datetime import datetime, timedelta

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.schedule.calendars import ALWAYS, FIVE_DAYS, instant, moment
from bim.schedule.network import NEVER, Dates, Network, dates, forecast, network
from bim.schedule.plan import DAY_S, HOUR_S, Calendar, Kind, Plan, Relation, Task
from bim.schedule.soundness import examined

MONDAY = datetime(2026, 3, 2, 8)
WEEK = Calendar("week", "five days of eight hours", FIVE_DAYS)
CLOCK = Calendar("clock", "around the clock", ALWAYS)


def task(id_: str, days: float, start: datetime | None = None) -> Task:
    return Task(id_, id_, start=start, duration_s=days * 8 * HOUR_S)


def plan(tasks, relations=(), calendar=WEEK) -> Plan:
    return Plan("p", "test", tuple(tasks), tuple(relations), (calendar,), calendar.id)


def solved(a_plan: Plan) -> tuple[Network, Dates]:
    found = network(a_plan)
    return found, dates(found)


def times(seconds) -> list[datetime]:
    return [moment(s) for s in seconds]


def test_a_chain_skips_the_weekend():
    _, found = solved(plan([task("a", 4, MONDAY), task("b", 2)], [Relation("a", "b")]))
    assert times(found.early_finish) == [datetime(2026, 3, 5, 16), datetime(2026, 3, 9, 16)]
    assert found.critical.all()


def test_float_is_working_time_on_the_tasks_calendar():
    tasks = [task("a", 10, MONDAY), task("b", 3, MONDAY), task("c", 1)]
    _, found = solved(plan(tasks, [Relation("a", "c"), Relation("b", "c")]))
    assert found.total_float_s.tolist() == [0, 7 * 8 * HOUR_S, 0]
    assert found.free_float_s.tolist() == [0, 7 * 8 * HOUR_S, 0]


@pytest.mark.parametrize(
    ("kind", "lag_days", "start"),
    [
        (Kind.FINISH_START, 0, datetime(2026, 3, 9, 8)),
        (Kind.FINISH_START, 2, datetime(2026, 3, 11, 8)),
        (Kind.FINISH_START, -2, datetime(2026, 3, 5, 8)),
        (Kind.START_START, 1, datetime(2026, 3, 3, 8)),
        (Kind.FINISH_FINISH, 0, datetime(2026, 3, 5, 8)),
        (Kind.START_FINISH, 4, datetime(2026, 3, 4, 8)),
    ],
)
def test_every_relation_type_with_a_lag(kind, lag_days, start):
    _, found = solved(plan([task("a", 5, MONDAY), task("b", 2)], [Relation("a", "b", kind, lag_days * 8 * HOUR_S)]))
    assert moment(found.early_start[1]) == start


def test_an_elapsed_lag_runs_over_the_weekend():
    friday = task("a", 5, MONDAY)
    _, found = solved(plan([friday, task("b", 1)], [Relation("a", "b", lag_s=2 * DAY_S, elapsed=True)]))
    assert moment(found.early_start[1]) == datetime(2026, 3, 9, 8)


def test_a_holiday_and_a_night_shift():
    night = (22 * HOUR_S, 24 * HOUR_S), (0, 6 * HOUR_S)
    calendar = Calendar("n", "", ((night[1], night[0]),) * 7, {datetime(2026, 3, 4).date(): ()})
    begin = datetime(2026, 3, 2, 22)
    _, found = solved(plan([Task("a", "a", start=begin, duration_s=16 * HOUR_S)], calendar=calendar))
    # Two nights: the second is cut at midnight by the holiday and goes on when that is over.
    assert moment(found.early_finish[0]) == datetime(2026, 3, 5, 6)


def test_a_relation_with_a_summary_holds_for_all_it_contains():
    inside = [Task("a", "a", MONDAY, duration_s=8 * HOUR_S, parent="s"), task("b", 3, MONDAY)]
    summary = Task("s", "s", summary=True)
    _, found = solved(plan([summary, *inside, task("c", 1)], [Relation("s", "c"), Relation("b", "s")]))
    assert times(found.early_start) == [datetime(2026, 3, 5, 8), MONDAY, datetime(2026, 3, 6, 8)]


def test_a_milestone_takes_no_time_and_stays_at_the_finish_before_it():
    milestone = Task("m", "m", start=MONDAY, finish=MONDAY, milestone=True)
    _, found = solved(plan([task("a", 5, MONDAY), milestone], [Relation("a", "m")]))
    assert moment(found.early_finish[1]) == datetime(2026, 3, 6, 16)
    assert found.critical.all()


def test_what_is_left_of_a_task_goes_on_from_the_day_of_the_scan():
    found, _ = solved(plan([task("a", 5, MONDAY), task("b", 2)], [Relation("a", "b")]))
    started = np.array([instant(MONDAY), NEVER])
    starts, finishes = forecast(
        found, datetime(2026, 3, 9, 8), np.array([0.4, 0.0]), started > NEVER, started, np.full(2, NEVER)
    )
    assert times(starts) == [MONDAY, datetime(2026, 3, 12, 8)]
    assert times(finishes) == [datetime(2026, 3, 11, 16), datetime(2026, 3, 13, 16)]


def test_a_finished_task_keeps_its_finish():
    found, _ = solved(plan([task("a", 5, MONDAY), task("b", 2)], [Relation("a", "b")]))
    done = datetime(2026, 3, 4, 16)
    started, finished = np.array([instant(MONDAY), NEVER]), np.array([instant(done), NEVER])
    _, finishes = forecast(found, done, np.array([1.0, 0.0]), started > NEVER, started, finished)
    assert times(finishes) == [done, datetime(2026, 3, 6, 16)]


def test_a_cycle_that_was_not_taken_out_is_refused():
    with pytest.raises(ValueError, match="cycle"):
        network(plan([task("a", 1), task("b", 1)], [Relation("a", "b"), Relation("b", "a")]))


# --- against networkx -------------------------------------------------------------------------------------------------


@st.composite
def graphs(draw):
    """Random acyclic plans around the clock: durations in hours, all relation types, lags both ways."""
    count = draw(st.integers(1, 12))
    hours = draw(st.lists(st.integers(1, 40), min_size=count, max_size=count))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda p: p[0] < p[1])
    ties = (
        draw(st.lists(st.tuples(pairs, st.sampled_from(Kind), st.integers(-10, 20)), max_size=24)) if count > 1 else []
    )
    shuffled = draw(st.permutations(range(count)))
    relations = [Relation(str(shuffled[a]), str(shuffled[b]), kind, lag * HOUR_S) for (a, b), kind, lag in ties]
    tasks = [Task(str(n), "", duration_s=h * HOUR_S) for n, h in enumerate(hours)]
    return plan(tasks, relations, CLOCK)


def event_graph(a_plan: Plan) -> nx.DiGraph:
    """Starts and finishes as nodes; an edge carries the least number of hours between them."""
    graph = nx.DiGraph()
    ends = {Kind.FINISH_START: "fs", Kind.START_START: "ss", Kind.FINISH_FINISH: "ff", Kind.START_FINISH: "sf"}

    def tie(a, b, weight):
        graph.add_edge(a, b, weight=min(-weight, graph.get_edge_data(a, b, {"weight": 10**9})["weight"]))

    for t in a_plan.tasks:
        tie("begin", ("s", t.id), 0)
        tie(("s", t.id), ("f", t.id), t.duration_s)
        tie(("f", t.id), ("s", t.id), -t.duration_s)
        tie(("f", t.id), "end", 0)
    for r in a_plan.relations:
        tie((ends[r.kind][0], r.before), (ends[r.kind][1], r.after), r.lag_s)
    return graph


@settings(max_examples=2000, deadline=None)
@given(graphs())
def test_the_critical_path_is_what_networkx_finds(a_plan):
    _, found = solved(a_plan)
    graph = event_graph(a_plan)
    early = nx.single_source_bellman_ford_path_length(graph, "begin")
    late = nx.single_source_bellman_ford_path_length(graph.reverse(), "end")
    starts = [-early["s", t.id] for t in a_plan.tasks]
    floats = [-early["end"] - start + late["s", t.id] for t, start in zip(a_plan.tasks, starts, strict=True)]
    assert found.early_start.tolist() == starts
    assert found.total_float_s.tolist() == floats
    assert (found.free_float_s <= found.total_float_s).all()
    assert (found.free_float_s >= 0).all()


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30))
def test_any_relations_become_a_network_and_the_cycles_are_those_of_networkx(pairs):
    tasks = [task(str(n), 1, MONDAY) for n in range(10)]
    found = examined(plan(tasks, [Relation(str(a), str(b)) for a, b in pairs]))
    graph = nx.DiGraph(pairs)
    tied = {
        node for component in nx.strongly_connected_components(graph) for node in component
        if len(component) > 1 or graph.has_edge(node, node)
    }  # fmt: skip
    cycles = [problem.en for problem in found.problems if problem.en.startswith("a cycle")]
    assert bool(cycles) == bool(tied)
    network(found)


@given(st.integers(1, 30), st.integers(0, 200))
def test_more_work_never_ends_earlier(days, hour):
    begin = MONDAY + timedelta(hours=hour)
    ends = [solved(plan([task("a", d, begin)]))[1].early_finish[0] for d in (days, days + 1)]
    assert ends[1] > ends[0]


def test_a_task_starts_as_soon_as_its_relations_allow_unless_a_constraint_holds_it():
    late = datetime(2026, 3, 16, 8)
    held = Task("c", "c", start=late, duration_s=8 * HOUR_S, not_before=late)
    tasks = [task("a", 2, MONDAY), task("b", 2, late), held]
    _, found = solved(plan(tasks, [Relation("a", "b"), Relation("b", "c")]))
    assert times(found.early_start) == [MONDAY, datetime(2026, 3, 4, 8), late]


def test_a_forecast_starts_nothing_before_its_planned_start():
    late = datetime(2026, 3, 16, 8)
    found, _ = solved(plan([task("a", 2, MONDAY), task("b", 2, late)], [Relation("a", "b")]))
    nothing = np.full(2, NEVER)
    starts, _ = forecast(found, MONDAY, np.zeros(2), nothing > NEVER, nothing, nothing)
    assert times(starts) == [MONDAY, late]
