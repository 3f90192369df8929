"""A hazard's life, told by a machine that tries every deed in every order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bim.errors import BadInput
from bim.verdict import Reason
from site_safety.hazards import (
    BY_PEOPLE,
    FROM,
    SERVER,
    Deed,
    Event,
    Evidence,
    Hazard,
    HazardState,
    Level,
    Source,
    Subject,
    apply,
    escalation,
    possible,
    replay,
)
from site_safety.records import from_json, to_json

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
PEOPLE = ("foreman", "mason", "officer")
PHOTO = Evidence("photo", "a" * 64, "a.jpg")
SUBJECT = Subject(
    "open_edge", Source.SCAN, Level.DANGER, Reason("Open edge", "临边无防护"), "02", element_ids=("GUID",)
)


def registered(subject: Subject = SUBJECT) -> Hazard:
    return apply(None, Event("h", Deed.REGISTER, NOW, "scan", subject=subject))


def done(hazard: Hazard, *deeds: tuple[Deed, str]) -> Hazard:
    for number, (deed, by) in enumerate(deeds):
        at = NOW + timedelta(minutes=number + 1)
        answer = "true" if deed is Deed.REVIEW else None
        hazard = apply(hazard, Event("h", deed, at, by, "a note", to="mason", review=answer, evidence=(PHOTO,)))
    return hazard


WHOLE_LOOP = (
    (Deed.ASSIGN, "officer"), (Deed.START, "mason"), (Deed.SUBMIT, "mason"), (Deed.RETURN, "officer"),
    (Deed.START, "mason"), (Deed.SUBMIT, "mason"), (Deed.CLOSE, "officer"),
)  # fmt: skip


def test_a_hazard_goes_round_until_another_person_finds_it_rectified() -> None:
    hazard = done(registered(), *WHOLE_LOOP)
    assert [step.state.value for step in hazard.history] == [
        "registered", "assigned", "rectifying", "rechecking", "returned", "rectifying", "rechecking", "closed",
    ]  # fmt: skip
    assert hazard.closed_at == NOW + timedelta(minutes=7)
    assert hazard.acknowledged_at == NOW + timedelta(minutes=1)


@pytest.mark.parametrize("deed", [Deed.CLOSE, Deed.RETURN])
def test_who_rectified_never_rechecks(deed: Deed) -> None:
    hazard = done(registered(), *WHOLE_LOOP[:3])
    with pytest.raises(BadInput, match="somebody else than who rectified"):
        done(hazard, (deed, "mason"))


def test_who_began_to_rectify_never_rechecks_what_another_handed_in() -> None:
    hazard = done(registered(), (Deed.ASSIGN, "officer"), (Deed.START, "foreman"), (Deed.SUBMIT, "mason"))
    with pytest.raises(BadInput, match="somebody else"):
        done(hazard, (Deed.CLOSE, "foreman"))


def test_a_danger_is_rectified_only_with_a_picture_of_it() -> None:
    hazard = done(registered(), *WHOLE_LOOP[:2])
    with pytest.raises(BadInput, match="picture or reading"):
        apply(hazard, Event("h", Deed.SUBMIT, NOW, "mason", "done"))


def test_a_false_alarm_closes_at_once_and_no_one_reviews_what_they_reported() -> None:
    answer = Event("h", Deed.REVIEW, NOW, "officer", review="false")
    assert apply(registered(), answer).state is HazardState.CLOSED
    with pytest.raises(BadInput, match="somebody else than who reported"):
        apply(registered(), replace(answer, by="scan"))


def test_what_people_closed_on_a_server_only_the_server_says() -> None:
    assert apply(registered(), Event("h", Deed.SETTLE, NOW, SERVER)).state is HazardState.CLOSED
    with pytest.raises(BadInput, match="the server where people close it"):
        apply(registered(), Event("h", Deed.SETTLE, NOW, "mason"))
    assert Deed.SETTLE not in BY_PEOPLE


def test_an_overdue_hazard_escalates_at_its_deadline_and_every_four_hours_after() -> None:
    hazard, raised = registered(), []
    for hours in range(13):
        event = escalation(hazard, NOW + timedelta(hours=hours))
        if event:
            hazard = apply(hazard, event)
            raised.append(hours)
    assert raised == [4, 8, 12]
    assert hazard.escalations == 3
    assert hazard.acknowledged_at is None


def test_stopped_work_goes_on_when_the_hazard_is_closed() -> None:
    hazard = done(registered(), (Deed.STOP_WORK, "officer"))
    assert hazard.stop_work
    assert not done(hazard, *WHOLE_LOOP).stop_work


def test_a_condition_that_goes_on_is_no_line_of_history_and_one_that_comes_back_is() -> None:
    hazard = done(registered(), (Deed.CLEARED, "camera"), (Deed.SEEN, "camera"), (Deed.SEEN, "camera"))
    assert [step.deed for step in hazard.history] == [Deed.REGISTER, Deed.CLEARED, Deed.SEEN]
    assert (hazard.seen_at, hazard.cleared_at) == (NOW + timedelta(minutes=3), None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"deed": "explode"}, "event.deed = 'explode'; one of register"),
        ({"at": "2026-05-04T08:00:00"}, "a time with its zone"),
        ({"subject": {"rule": "x"}}, "event.subject has no source"),
        ({"whom": "me"}, "unknown event.whom"),
    ],
)
def test_what_is_no_event_is_refused_by_name(changes: dict[str, object], message: str) -> None:
    event = to_json(Event("h", Deed.REGISTER, NOW, "scan", subject=SUBJECT))
    with pytest.raises(BadInput, match=message):
        from_json(Event, event | changes, "event")


class Life(RuleBasedStateMachine):
    """Every deed by everybody at any time: what `possible` offers is done, all else is refused."""

    @initialize()
    def register(self) -> None:
        self.events = [Event("h", Deed.REGISTER, NOW, "scan", subject=SUBJECT)]
        self.hazard = replay(self.events)["h"]

    @rule(deed=st.sampled_from(list(FROM)), by=st.sampled_from(PEOPLE), to=st.sampled_from(PEOPLE),
          answer=st.sampled_from(["true", "false", "cannot_tell"]))  # fmt: skip
    def act(self, deed: Deed, by: str, to: str, answer: str) -> None:
        at = NOW + timedelta(minutes=len(self.events))
        event = Event("h", deed, at, by, "a note", to=to, review=answer, evidence=(PHOTO,))  # type: ignore[arg-type]
        allowed = deed in possible(self.hazard, by)
        try:
            self.hazard = apply(self.hazard, event)
        except BadInput:
            assert not allowed
            return
        assert allowed
        self.events.append(event)

    @invariant()
    def the_events_alone_make_the_hazard(self) -> None:
        assert replay(from_json(Event, to_json(event)) for event in self.events) == {"h": self.hazard}
        assert from_json(Hazard, to_json(self.hazard)) == self.hazard

    @invariant()
    def closed_means_rechecked_by_another_or_judged_false(self) -> None:
        closing = [step for step in self.hazard.history if step.state is HazardState.CLOSED]
        assert len(closing) <= 1
        assert (self.hazard.closed_at is not None) == bool(closing) == (not self.hazard.open)
        for step in closing:
            rectifiers = {each.by for each in self.hazard.history if each.deed in (Deed.START, Deed.SUBMIT)}
            assert self.hazard.review == "false" or step.by not in rectifiers

    @invariant()
    def history_never_goes_back_in_time(self) -> None:
        times = [step.at for step in self.hazard.history]
        assert times == sorted(times)


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)


@given(st.sampled_from(list(Level)), st.integers(0, 400))
def test_nothing_escalates_before_its_deadline_nor_after_it_is_closed(level: Level, hours: int) -> None:
    hazard = registered(replace(SUBJECT, level=level))
    at = NOW + timedelta(hours=hours)
    assert (escalation(hazard, at) is not None) == (at >= hazard.due_at)
    assert escalation(done(hazard, *WHOLE_LOOP), at) is None
