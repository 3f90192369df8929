"""kill -9 at random moments, over real processes and real DDS: nothing is lost and nothing is done twice."""

import pytest

pytest.importorskip("sitewright_interfaces", reason="needs robots/interfaces, which ./run builds")


def test_killed_orchestrators_robots_and_links_lose_and_repeat_nothing() -> None:
    from benchmarks.fleet_kills import killed

    figures = killed(kills=9, seed=11)
    assert (figures["lost"], figures["repeated"]) == (0, 0)
    assert figures["kills"] == 9
