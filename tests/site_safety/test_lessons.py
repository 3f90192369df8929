"""What people answer changes a watcher's rules while it runs, within bounds; it stays, is told, and is taken back."""

from datetime import timedelta
from pathlib import Path

import pytest

from bim.verdict import Reason
from site_safety.evidence import links_of
from site_safety.hazards import Deed, Event, Level, Source, Subject
from site_safety.register import HazardRegister
from site_safety.rules_scene import Phase
from site_safety.zones import Zone, ZoneKind
from sitewright.cli import run
from tests.site_safety.test_watch import ROOM, START, STOREY, Site

STORE = Zone("store", "Store", ZoneKind.CLOSED, STOREY, ROOM.polygon_m)
RULES = {"in_closed_area": Level.WARNING, "person_in_robot_zone": Level.STOP}


def reviewed(folder: Path, rule: str, answer: str, count: int, since: int = 0) -> None:
    """Alarms of a rule, an hour before the site begins, and what an officer said of each."""
    register = HazardRegister(folder)
    for number in range(since, since + count):
        at = START - timedelta(hours=1) + timedelta(seconds=number)
        subject = Subject(rule, Source.CAMERA, RULES[rule], Reason("a", "b"), key=f"{rule} {number}")
        hazard = register.register(subject, at, "watch")
        register.record(Event(hazard.hazard_id, Deed.REVIEW, at, "officer", review=answer))  # type: ignore[arg-type]


def waits_s(site: Site, rule: str) -> float:
    """How long somebody stands there until the rule says so; then they leave, and it is over."""
    site.tick(11.0)
    began = site.at
    site.stands(12.0, 1.0)
    raised = [each.at for each in site.tick(8.0) if each.rule == rule and each.phase is Phase.RAISED]
    site.detector.people = []
    site.tick(5.0)
    return (raised[0] - began).total_seconds()


@pytest.fixture
def site(tmp_path: Path):  # type: ignore[no-untyped-def]
    found = Site(tmp_path, (STORE, ROOM))
    with found.watch:
        yield found


def test_false_alarms_slow_a_running_watcher_and_a_person_takes_it_back(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = waits_s(site, "in_closed_area")
    reviewed(tmp_path, "in_closed_area", "false", 20)
    assert before + 1.0 < waits_s(site, "in_closed_area") <= 2 * before
    assert [(each.rule, each.deed) for each in site.watch.news] == [("in_closed_area", "learnt")]
    teach = ["hazards", "teach", "--data", str(tmp_path)]
    assert run([*teach, "--take-back", "in_closed_area", "--by", "Li"]) == 0
    assert waits_s(site, "in_closed_area") == before
    assert run([*teach, "--take-back", "in_closed_area", "--by", "Li"]) == 2
    assert "nothing was learnt" in capsys.readouterr().err
    entries = [link.entry for link in links_of(tmp_path / "lessons.jsonl")]
    assert [(each["deed"], each["by"]) for each in entries] == [("learnt", "watch"), ("taken_back", "Li")]


def test_what_was_learnt_is_known_after_a_restart_and_heals_with_true_answers(tmp_path: Path) -> None:
    reviewed(tmp_path, "in_closed_area", "false", 20)
    slowed = waits_s(Site(tmp_path, (STORE,)), "in_closed_area")
    again = Site(tmp_path, (STORE,))
    assert waits_s(again, "in_closed_area") == slowed > 3.0
    assert list(again.watch.news) == []
    reviewed(tmp_path, "in_closed_area", "true", 50, since=20)
    assert waits_s(again, "in_closed_area") < slowed
    assert [each.deed for each in again.watch.news] == ["unlearnt"]


def test_a_stop_comes_as_fast_however_often_it_was_called_false(site: Site, tmp_path: Path) -> None:
    before = waits_s(site, "person_in_robot_zone")
    reviewed(tmp_path, "person_in_robot_zone", "false", 50)
    assert waits_s(site, "person_in_robot_zone") == before
    (news,) = site.watch.news
    assert news.lesson is not None
    assert not news.lesson.changed
