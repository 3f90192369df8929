"""The distance at which a stop still comes in time."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.errors import BadInput
from site_safety.margin import Chain, check_zone, detection_time_s, fastest_m_s, margin, require_zone

CHAIN = Chain(detect_s=0.5, react_s=0.1, speed_m_s=1.0, brake_m_s2=2.0, camera_error_m=0.2)
chains = st.builds(
    Chain,
    detect_s=st.floats(0, 3),
    react_s=st.floats(0, 1),
    speed_m_s=st.floats(0, 3),
    brake_m_s2=st.floats(0.2, 10),
    camera_error_m=st.floats(0, 2),
)


def test_the_margin_is_the_sum_of_what_both_travel() -> None:
    found = margin(CHAIN)
    assert found.person_m == pytest.approx(1.6 * (0.5 + 0.1 + 0.5))
    assert found.travel_m == pytest.approx(0.6)
    assert found.braking_m == pytest.approx(0.25)
    assert found.errors_m == pytest.approx(2 * math.hypot(0.2, 0.05))
    assert found.total_m == pytest.approx(1.76 + 0.6 + 0.25 + 0.85 + found.errors_m)


@given(chains, st.sampled_from(["detect_s", "react_s", "speed_m_s", "camera_error_m"]), st.floats(0.01, 1))
def test_whatever_gets_worse_needs_more_room(chain: Chain, name: str, more: float) -> None:
    worse = replace(chain, **{name: getattr(chain, name) + more})
    assert margin(worse).total_m > margin(chain).total_m


@given(chains, st.floats(0.1, 30))
def test_the_speed_that_is_offered_is_the_fastest_that_suffices(chain: Chain, distance_m: float) -> None:
    fastest = fastest_m_s(chain, distance_m)
    if fastest > 0:
        assert margin(replace(chain, speed_m_s=fastest)).total_m == pytest.approx(distance_m)
    else:
        assert margin(replace(chain, speed_m_s=0.0)).total_m >= distance_m


@given(chains, st.floats(0.1, 30))
def test_a_walk_and_a_stop_simulated_never_meet_beyond_the_margin(chain: Chain, extra_m: float) -> None:
    """Step by step: they come towards each other until the machine stands; what is left is the reach and the errors."""
    stands_s = chain.detect_s + chain.stop_s
    brakes_s = chain.detect_s + chain.react_s
    steps = 400
    machine = 0.0
    for i in range(steps):
        t = (i + 0.5) * stands_s / steps
        machine += max(0.0, chain.speed_m_s - chain.brake_m_s2 * max(0.0, t - brakes_s)) * stands_s / steps
    start_m = margin(chain).total_m + extra_m
    left_m = start_m - machine - chain.walk_m_s * stands_s
    assert left_m >= chain.reach_m + extra_m - 0.02 * machine - 1e-9


def test_a_zone_that_is_too_small_is_refused_with_the_size_and_the_speed_that_would_do() -> None:
    found = check_zone(CHAIN, 3.0)
    assert not found.enough
    assert (
        f"make it {found.needed_m:.2f} m, or let the machine go no faster than {found.fastest_m_s:.2f} m/s"
        in found.reason.en
    )
    assert check_zone(replace(CHAIN, speed_m_s=found.fastest_m_s - 1e-9), 3.0).enough
    assert check_zone(CHAIN, found.needed_m).enough
    with pytest.raises(BadInput, match=r"zone cell: 3\.00 m are too little"):
        require_zone("cell", CHAIN, 3.0)


def test_where_no_speed_helps_none_is_offered() -> None:
    assert "m/s" not in check_zone(CHAIN, 1.0).reason.en


def test_the_time_to_detect_is_that_of_the_slow_ones() -> None:
    assert detection_time_s([0.2] * 97 + [0.9] * 3) == 0.9
    for bad in ([0.2] * 99, [0.2] * 100 + [math.nan], [-0.1] * 100):
        with pytest.raises(BadInput, match="at least 100"):
            detection_time_s(bad)


@pytest.mark.parametrize("name", ["detect_s", "speed_m_s", "brake_m_s2", "camera_error_m"])
def test_what_was_not_measured_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=name):
        replace(CHAIN, **{name: math.nan})
