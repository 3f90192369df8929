"""The first screen says what is stored, counted by either database, and what to do first in the order of its weight."""

from datetime import date, timedelta

from tests.web.people import HERE, Crowd
from web.database import writing
from web.tables import Current, Model, ModelElement, ModelVersion, ProgressRecord

YESTERDAY = (date.today() - timedelta(days=2)).isoformat()
TOMORROW = (date.today() + timedelta(days=2)).isoformat()


def actions(crowd: Crowd) -> list[tuple[str, str]]:
    return [(each["kind"], each["text"]["en"]) for each in crowd.as_("viewer")("GET", "today").json()["actions"]]


def test_an_empty_site_has_nothing_to_do(crowd: Crowd) -> None:
    shown = crowd.as_("viewer")("GET", "today").json()
    assert (shown["counts"], shown["elements"], shown["progress"], shown["actions"]) == ({}, 0, None, [])
    assert (shown["issues_open"], shown["issues_overdue"], shown["stops_active"], shown["hazards"]) == (0, 0, 0, {})


def test_issues_are_counted_and_the_promise_that_is_oldest_comes_first(crowd: Crowd) -> None:
    manager, long_ago = crowd.as_("manager"), "2026-01-01"
    for title, due in (("late", YESTERDAY), ("later", long_ago), ("in time", TOMORROW), ("no hurry", None)):
        assert manager("POST", "issues", json={"title": title, "due_date": due}).status_code == 201
    manager("POST", "issues", json={"title": "done", "due_date": long_ago, "issue_id": "done"})
    assert manager("PATCH", "issues/done", json={"state": "closed"}).status_code == 200
    shown = manager("GET", "today").json()
    assert (shown["issues_open"], shown["issues_overdue"]) == (4, 2)
    assert actions(crowd) == [("issue", "Overdue issue: later"), ("issue", "Overdue issue: late")]


def test_people_s_safety_comes_before_promises_and_promises_before_proposals(crowd: Crowd) -> None:
    manager, program = crowd.as_("manager"), crowd.program()
    task = {"task_id": "t", "kind": "drill", "state": "proposed", "title": {"en": "drill", "zh": "钻"}}
    assert program("PUT", "robot-tasks/t", json=task).status_code == 200
    manager("POST", "issues", json={"title": "crack", "due_date": YESTERDAY})
    for level, words in (("warning", "puddle"), ("danger", "edge")):
        hazard = {"level": level, "text": {"en": words, "zh": words}}
        assert manager("POST", "hazards", json=hazard).status_code == 201
    assert manager("POST", "stop", json={"scope": "site", "reason": {"en": "fire", "zh": "火"}}).status_code == 201
    assert actions(crowd) == [("stop", "Stop in force: fire"), ("hazard", "Hazard: edge"),
                              ("hazard", "Hazard: puddle"), ("issue", "Overdue issue: crack"),
                              ("robot_task", "Robot tasks that wait for approval: drill")]  # fmt: skip
    assert manager("GET", "today").json()["hazards"] == {"warning": 1, "danger": 1}


def test_elements_are_those_of_the_current_models_and_progress_is_the_newest(crowd: Crowd) -> None:
    with writing(crowd.server.engine) as session:
        session.add(Model(site_id=HERE, id="m", name="M", current="new"))
        for version, number, walls in (("old", 1, "abc"), ("new", 2, "ab")):
            session.add(ModelVersion(site_id=HERE, id=version, model_id="m", number=number, filename="m", sha256="",
                                     size=0))  # fmt: skip
            session.add_all(
                ModelElement(
                    site_id=HERE,
                    version_id=version,
                    global_id=wall,
                    model_id="m",
                    ifc_class="IfcWall",
                    name="",
                    storey="0",
                    area_m2=1,
                    volume_m3=1,
                )
                for wall in walls
            )
        for wall, state in (("a", "built"), ("b", "unseen"), ("c", "built")):
            session.add(Current(site_id=HERE, global_id=wall, state=state, completion_low=0, completion_high=1,
                                confidence=1, comparison_id="c"))  # fmt: skip
        late = {"days_late": 3.0, "late": [{"id": "t", "name": "Walls"}]}
        for day, summary in (("2026-03-01", {"days_late": 0.0}), ("2026-03-02", late)):
            session.add(ProgressRecord(site_id=HERE, schedule_id="s", date=day, summary=summary, document={}))
        session.commit()
    shown = crowd.as_("viewer")("GET", "today").json()
    assert (shown["elements"], shown["counts"]) == (2, {"built": 2, "unseen": 1})
    assert (shown["progress_date"], shown["days_late"]) == ("2026-03-02", 3.0)
    assert actions(crowd) == [("task", "Late: Walls")]
