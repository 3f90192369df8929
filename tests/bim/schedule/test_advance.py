"""Plan and verdicts into progress: ranges, dates from evidence, forecasts, what is late and what comes next."""

from datetime import UTC, date, datetime
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.epoch_files import read_comparison
from bim.epochs import STATES, Epoch
from bim.errors import BadInput
from bim.model import Element
from bim.schedule.advance import Progress, Source, Status, advance
from bim.schedule.calendars import FIVE_DAYS
from bim.schedule.linking import link
from bim.schedule.lookahead import look_ahead, percent_plan_complete
from bim.schedule.observations import end_of, known, observed
from bim.schedule.plan import Calendar, Plan, Relation, Task
from bim.schedule.rules import Rules
from bim.schedule.summary import summarise
from bim.verdict import State


class Seen(NamedTuple):
    """One element in one comparison."""

    state: State
    low: float
    high: float


def scan(at: datetime, seen: dict[str, Seen]) -> Epoch:
    """A comparison that says this of the elements, each as sure as the others."""
    columns = [np.array([each[k] for each in seen.values()], np.float32) for k in (1, 2)]
    return Epoch(
        at.replace(tzinfo=UTC), tuple(seen), np.array([STATES.index(each.state) for each in seen.values()], np.uint8),
        np.stack(columns, axis=1), np.full(len(seen), 0.9, np.float32), np.full((len(seen), 3), np.nan, np.float32),
        np.full(len(seen), np.nan, np.float32),
    )  # fmt: skip


BUILT, PARTIAL, ABSENT = Seen(State.BUILT, 0.8, 1.0), Seen(State.PARTIAL, 0.4, 0.6), Seen(State.ABSENT, 0.0, 0.1)
UNSEEN, DISPLACED = Seen(State.UNSEEN, 0.0, 1.0), Seen(State.DISPLACED, 0.9, 1.0)
WEEK = Calendar("week", "", FIVE_DAYS)
FIRST, SECOND = end_of(date(2026, 3, 6)), end_of(date(2026, 3, 13))


def task(id_: str, first: int, last: int, *products: str, **more) -> Task:
    """A task in March 2026."""
    start, finish = datetime(2026, 3, first, 8), datetime(2026, 3, last, 16)
    return Task(id_, f"task {id_}", start, finish, products=products, **more)


def element(guid: str, volume_m3: float = 1.0) -> Element:
    return Element(guid, "IfcWall", guid, "00", None, 0, 1.0, volume_m3)


def progress(tasks, history, at=SECOND, relations=(), volumes=None) -> Progress:
    plan = Plan("p", "CSV", tuple(tasks), tuple(relations), (WEEK,), "week")
    guids = sorted({guid for t in tasks for guid in t.products})
    elements = [element(guid, (volumes or {}).get(guid, 1.0)) for guid in guids]
    return advance(plan, link(plan, elements, Rules(), Rules()), history, at)


def test_a_share_runs_from_what_is_known_to_what_is_unseen():
    found = progress([task("a", 2, 13, "w1", "w2")], [scan(SECOND, {"w1": BUILT, "w2": UNSEEN})]).tasks[0]
    assert (found.low, found.high, found.source) == (0.4, 1.0, Source.EVIDENCE)


def test_elements_weigh_by_their_volume():
    history = [scan(SECOND, {"w1": Seen(State.BUILT, 1, 1), "w2": Seen(State.ABSENT, 0, 0)})]
    found = progress([task("a", 2, 13, "w1", "w2")], history, volumes={"w1": 3.0, "w2": 1.0}).tasks[0]
    assert (found.low, found.high) == (0.75, 0.75)


def test_an_element_without_a_verdict_may_be_anything():
    found = progress([task("a", 2, 13, "w1", "w2")], [scan(SECOND, {"w1": Seen(State.BUILT, 1, 1)})]).tasks[0]
    assert (found.low, found.high) == (0.5, 1.0)


def test_without_evidence_the_report_counts_and_without_either_nothing_is_known():
    found = progress([task("a", 2, 6, percent=0.3), task("b", 2, 6)], []).tasks
    assert [(t.low, t.high, t.source) for t in found] == [(0.3, 0.3, Source.REPORTED), (0.0, 1.0, Source.UNKNOWN)]


def test_the_evidence_wins_over_a_report_and_the_contradiction_is_said():
    found = progress([task("a", 2, 6, "w1", percent=1.0)], [scan(SECOND, {"w1": ABSENT})])
    assert found.tasks[0].high == 0.1
    assert any("contradict" in note.en for note in found.assumptions)


def test_actual_dates_are_those_of_the_scans_that_first_show_work_and_all_work():
    history = [scan(FIRST, {"w1": BUILT, "w2": ABSENT}), scan(SECOND, {"w1": UNSEEN, "w2": DISPLACED})]
    found = progress([task("a", 2, 13, "w1", "w2")], history).tasks[0]
    assert (found.actual_start, found.actual_finish, found.status) == (FIRST, SECOND, Status.DONE)


def test_what_was_proven_and_is_hidden_now_stays_proven():
    found = known([scan(FIRST, {"w": BUILT}), scan(SECOND, {"w": UNSEEN})], SECOND).elements["w"]
    assert (found.state, found.low, found.proven) == (State.BUILT, 0.8, FIRST)


def test_what_was_taken_down_no_longer_stands():
    found = known([scan(FIRST, {"w": BUILT}), scan(SECOND, {"w": ABSENT})], SECOND).elements["w"]
    assert (found.low, found.high, found.stood) == (0.0, 0.1, None)


def test_what_stood_and_was_then_looked_through_is_said_out_loud():
    history = [scan(FIRST, {"w": BUILT}), scan(SECOND, {"w": ABSENT})]
    found = progress([task("a", 2, 13, "w")], history)
    assert [each.global_id for each in found.contradictions] == ["w"]
    assert any("later looked through" in each.en and each.en.endswith("w") for each in found.assumptions)


def test_later_scans_do_not_count():
    assert progress([task("a", 2, 13, "w")], [scan(SECOND, {"w": BUILT})], at=FIRST).tasks[0].high == 1.0
    assert known([scan(SECOND, {"w": BUILT})], FIRST).elements == {}


@pytest.mark.parametrize(
    ("first", "last", "seen", "status"),
    [
        (2, 6, ABSENT, Status.LATE), (2, 6, BUILT, Status.DONE), (2, 6, UNSEEN, Status.UNKNOWN),
        (9, 20, Seen(State.PARTIAL, 0.45, 0.55), Status.ON_TRACK), (16, 20, PARTIAL, Status.AHEAD),
        (16, 20, ABSENT, Status.NOT_DUE), (9, 20, Seen(State.PARTIAL, 0.1, 0.9), Status.UNKNOWN),
    ],
)  # fmt: skip
def test_a_task_is_late_only_when_even_the_best_case_is(first, last, seen, status):
    assert progress([task("a", first, last, "w")], [scan(SECOND, {"w": seen})]).tasks[0].status is status


def test_a_late_task_delays_what_waits_for_it():
    tasks = [task("a", 2, 6, "w"), task("b", 9, 13, "v")]
    found = progress(tasks, [scan(SECOND, {"w": PARTIAL, "v": ABSENT})], relations=[Relation("a", "b")])
    a, b = found.tasks
    assert (a.forecast_finish_low, a.forecast_finish_high) == (datetime(2026, 3, 17, 16), datetime(2026, 3, 18, 16))
    assert b.forecast_finish_high == datetime(2026, 3, 25, 16)
    assert found.critical_path == ("a", "b")


def test_missing_elements_that_are_due_are_listed():
    found = progress([task("a", 2, 6, "w", "v"), task("b", 16, 20, "x")],
                     [scan(SECOND, {"w": BUILT, "v": ABSENT, "x": ABSENT})])  # fmt: skip
    summary = summarise(found)
    assert [(e.global_id, t) for e, t in summary.absent_due] == [("v", "a")]
    assert [t.task.id for t in summary.late] == ["a"]
    assert "1 task is late, 1 missing element is due" in summary.sentence.en
    assert "1 个任务滞后" in summary.sentence.zh


@given(
    st.lists(st.tuples(st.integers(1, 27), st.integers(0, 3), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8)
)
def test_better_evidence_is_never_worse_progress(rows):
    tasks = [task(f"t{n}", first, min(first + days, 30), f"w{n}") for n, (first, days, _, _) in enumerate(rows)]
    relations = [Relation(f"t{n}", f"t{n + 1}") for n in range(len(rows) - 1)]
    seen = {f"w{n}": Seen(State.PARTIAL, min(a, b), max(a, b)) for n, (_, _, a, b) in enumerate(rows)}
    found = progress(tasks, [scan(SECOND, seen)], relations=relations)
    ev = found.earned_value
    assert ev.ev.low <= ev.ev.high <= ev.bac * (1 + 1e-9)
    assert ev.es.low <= ev.es.high
    assert all(0.0 <= t.low <= t.high <= 1.0 and t.forecast_finish_low <= t.forecast_finish_high for t in found.tasks)
    assert np.all(np.diff(found.curve.planned) >= -1e-9)
    assert found.curve.planned[-1] == pytest.approx(ev.bac)


def test_planned_value_follows_the_baseline_where_there_is_one():
    late = task("a", 16, 20, baseline_start=datetime(2026, 3, 2, 8), baseline_finish=datetime(2026, 3, 6, 16))
    assert progress([late], []).earned_value.pv.low == progress([late], []).earned_value.bac


# --- The weeks before and after ---------------------------------------------------------------------------------------


def test_the_look_ahead_says_what_stands_in_the_way():
    tasks = [task("a", 9, 13, "w", "v"), task("b", 16, 20, "x"), task("c", 16, 20), task("d", 9, 13, "y"),
             task("e", 23, 27, "z")]  # fmt: skip
    seen = {"w": BUILT, "v": UNSEEN, "x": ABSENT, "y": DISPLACED, "z": ABSENT}
    relations = [Relation("a", "b"), Relation("d", "e")]
    ahead = {
        each.progress.task.id: each for each in look_ahead(progress(tasks, [scan(SECOND, seen)], relations=relations))
    }
    assert "1 of its elements could not be seen" in ahead["b"].constraints[0].en
    assert "linked to no element" in ahead["c"].constraints[0].en
    assert "1 elements of d task d are displaced" in ahead["e"].constraints[0].en
    assert "d" not in ahead


def test_percent_plan_complete_is_a_range_with_reasons():
    tasks = [task("a", 9, 11, "w"), task("b", 9, 12, "v"), task("c", 9, 13, "x"), task("old", 2, 6, "y")]
    kept = percent_plan_complete(progress(tasks, [scan(SECOND, {"w": BUILT, "v": UNSEEN, "x": ABSENT, "y": BUILT})]))
    assert kept.promised == 3
    assert (kept.share.low, kept.share.high) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert [id_ for id_, _ in kept.reasons] == ["b", "c"]
    assert "missing" in kept.reasons[1][1].en


def test_a_week_without_promises_has_no_share():
    assert percent_plan_complete(progress([task("a", 16, 20)], [])).share.low is None


# --- The JSON of a comparison -----------------------------------------------------------------------------------------


def test_a_comparison_without_bounds_gives_those_that_its_completion_allows(tmp_path):
    path = tmp_path / "c.json"
    path.write_text('{"date":"2026-03-06","elements":[{"global_id":"w","state":"partial","completion":0.5,"observable":0.8},'
                    '{"global_id":"v","state":"unseen","completion":null,"observable":0}]}')  # fmt: skip
    found = read_comparison(path)
    assert found.date == FIRST
    now = known([observed(FIRST, found)], FIRST).elements
    assert {guid: Seen(each.state, each.low, each.high) for guid, each in now.items()} == {
        "w": Seen(State.PARTIAL, pytest.approx(0.4), pytest.approx(0.6)), "v": UNSEEN,
    }  # fmt: skip


NO_COMPARISONS = [
    "", "[]", "{}", '{"elements":[{}]}', "[" * 100_000, '{"elements":[{"global_id":"w","state":"gone"}]}',
    '{"elements":[{"global_id":"w","state":"built","completion":NaN}]}',
]  # fmt: skip


@pytest.mark.parametrize("text", NO_COMPARISONS)
def test_what_is_no_comparison_is_refused(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(BadInput, match=r"c\.json"):
        read_comparison(tmp_path / "c.json")
