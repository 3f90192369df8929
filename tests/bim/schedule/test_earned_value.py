"""Earned value and earned schedule agree with published examples, and never divide by zero."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.schedule.earned_value import Range, earned_schedule, earned_value

CENT = 0.005


def exactly(value: float) -> Range:
    return Range(pytest.approx(value, abs=CENT), pytest.approx(value, abs=CENT))


def test_the_fence_of_the_pmp_exam_prep():
    """R. Mulcahy, PMP Exam Prep, "Earned Value Exercise": four sides of a fence, one a day, 1,000 dollars each.

    At the end of day three two sides are done and a third is half done; 1,000, 1,200 and 600 dollars are spent. The
    book rounds CPI to 0.893 before it divides, and so prints an EAC of 4,479 where 4,480.00 is exact.
    """
    done, planned = np.array([1.0, 1.0, 0.5, 0.0]), np.array([1.0, 1.0, 1.0, 0.0])
    curve = 1000.0 * np.arange(5)
    found = earned_value(np.full(4, 1000.0), planned, done, done, 2800.0, curve, 3.0)
    assert found.bac == 4000.0
    assert (found.pv, found.ev, found.ac) == (exactly(3000), exactly(2500), exactly(2800))
    assert (found.sv, found.cv) == (exactly(-500), exactly(-300))
    assert found.spi.low == pytest.approx(0.833, abs=0.0005)
    assert found.cpi.low == pytest.approx(0.893, abs=0.0005)
    assert (found.eac, found.etc, found.vac) == (exactly(4480), exactly(1680), exactly(-480))
    assert round(4000 / round(found.cpi.low, 3)) == 4479
    assert found.tcpi.low == pytest.approx(1500 / 1200)
    assert (found.es, found.sv_t) == (exactly(2.5), exactly(-0.5))
    assert found.spi_t.low == pytest.approx(2.5 / 3)


def test_the_single_task_of_a_published_tutorial():
    """Simplilearn, "Earned Value Management Part IV", example I: 100 hours at 100 dollars, 110 spent, 10 to go."""
    done, one = np.array([110 / 120]), np.array([1.0])
    found = earned_value(np.array([10_000.0]), one, done, done, 11_000.0, np.array([0.0, 10_000.0]), 1.0)
    assert found.ev == exactly(9166.67)
    assert (found.sv, found.cv) == (exactly(-833.33), exactly(-1833.33))
    assert found.spi.low == pytest.approx(0.9167, abs=0.00005)
    assert (found.eac, found.vac) == (exactly(12_000.00), exactly(-2_000.00))


def test_what_is_unseen_makes_a_range_in_every_figure():
    found = earned_value(np.full(2, 100.0), np.ones(2), np.array([0.5, 0.0]), np.array([1.0, 0.5]), 100.0,
                         np.array([0.0, 100.0, 200.0]), 2.0)  # fmt: skip
    assert (found.ev, found.spi, found.cpi) == (Range(50, 150), Range(0.25, 0.75), Range(0.5, 1.5))
    assert found.eac == Range(pytest.approx(200 / 1.5), 400.0)
    assert found.vac == Range(-200.0, pytest.approx(200 - 200 / 1.5))
    assert found.tcpi == Range(0.5, 1.5)


def test_a_zero_denominator_gives_no_figure():
    nothing = np.zeros(1)
    found = earned_value(np.array([100.0]), nothing, nothing, nothing, 0.0, np.array([0.0, 100.0]), 0.0)
    none = Range(None, None)
    assert (found.spi, found.cpi, found.eac, found.etc, found.vac, found.spi_t) == (none,) * 6


def test_nothing_earned_for_money_has_no_highest_estimate():
    found = earned_value(np.array([100.0]), np.ones(1), np.zeros(1), np.ones(1), 50.0, np.array([0.0, 100.0]), 1.0)
    assert found.eac == Range(50.0, None)


def test_without_actual_costs_there_are_no_figures_of_cost():
    found = earned_value(np.array([100.0]), np.ones(1), np.ones(1), np.ones(1), None, np.array([0.0, 100.0]), 1.0)
    assert (found.ac, found.cv, found.cpi, found.eac, found.etc, found.vac, found.tcpi) == (None,) * 7


increases = st.lists(st.floats(0.0, 1000.0), min_size=1, max_size=30).filter(lambda steps: sum(steps) > 1.0)


@given(increases, st.floats(0.0, 1.0))
def test_earned_schedule_is_when_the_plan_had_come_as_far(steps, share):
    curve = np.concatenate([[0.0], np.cumsum(steps)])
    value = share * curve[-1]
    periods = earned_schedule(value, curve)
    assert 0.0 <= periods <= len(steps)
    assert np.interp(periods, np.arange(len(curve)), curve) == pytest.approx(value, abs=1e-6 * curve[-1])


@given(increases, st.floats(0.0, 1.0), st.floats(0.0, 1.0))
def test_more_earned_is_never_less_schedule(steps, one, other):
    curve = np.concatenate([[0.0], np.cumsum(steps)])
    low, high = sorted((one, other))
    assert earned_schedule(low * curve[-1], curve) <= earned_schedule(high * curve[-1], curve)


def test_all_work_earned_before_the_end_is_the_whole_schedule():
    assert earned_schedule(100.0, np.array([0.0, 40.0, 100.0, 100.0])) == 2.0
