"""False alarms teach the thresholds, within bounds, and never those that keep people from machines."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bim.verdict import Reason
from site_safety.hazards import Deed, Event, Hazard, Level, Review, Source, Subject, apply
from site_safety.rules_policy import default_policy
from site_safety.rules_teaching import LEAST, MAX_LONGER, MAX_STRICTER, answered, taught

NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
POLICY = default_policy()


def reviewed(rule: str, answers: list[Review]) -> list[Hazard]:
    level = next(each.level for each in POLICY.rule if each.id == rule)
    hazards = []
    for number, answer in enumerate(answers):
        at = NOW + timedelta(minutes=number)
        subject = Subject(rule, Source.CAMERA, level, Reason("a", "b"))
        hazard = apply(None, Event(f"{number:04}", Deed.REGISTER, at, "watch", subject=subject))
        hazards.append(apply(hazard, Event(f"{number:04}", Deed.REVIEW, at, "officer", review=answer)))
    return hazards


def rule_of(name: str, answers: list[Review]):
    policy, lessons = taught(POLICY, reviewed(name, answers))
    return next(each for each in policy.rule if each.id == name), lessons


def test_many_false_alarms_make_a_rule_slower_and_say_why() -> None:
    rule, (lesson,) = rule_of("no_helmet", ["false"] * 8 + ["true"] * 4)
    assert 3.0 < rule.enter_s < 6.0
    assert lesson.reason.en.startswith("8 of the last 12 alarms were false: it must hold for")
    assert "延长" in lesson.reason.zh


def test_a_stop_is_never_slowed_however_often_it_was_false() -> None:
    rule, (lesson,) = rule_of("person_in_robot_zone", ["false"] * 50)
    assert rule == next(each for each in POLICY.rule if each.id == rule.id)
    assert not lesson.changed
    assert "never slowed" in lesson.reason.en


def test_a_rule_that_the_site_keeps_is_never_slowed() -> None:
    kept = replace(POLICY, rule=tuple(replace(rule, teachable=False) for rule in POLICY.rule))
    policy, (lesson,) = taught(kept, reviewed("no_helmet", ["false"] * 50))
    assert policy == kept
    assert "the site's rules keep it" in lesson.reason.en


def test_a_rule_without_a_score_learns_only_to_wait() -> None:
    rule, (lesson,) = rule_of("goods_block_way", ["false"] * 50)
    assert 500 < rule.enter_s <= 600
    assert rule.min_score == 0.0
    assert "score" not in lesson.reason.en


def test_what_a_person_took_back_counts_no_more_and_later_alarms_teach_anew() -> None:
    hazards, back = reviewed("no_helmet", ["false"] * 30), {"no_helmet": NOW + timedelta(minutes=25)}
    assert taught(POLICY, hazards, back) == (POLICY, ())
    assert len(answered(hazards, back)["no_helmet"]) == 4
    assert taught(POLICY, hazards, {"no_helmet": NOW + timedelta(minutes=10)})[1][0].answers == 19


def test_few_answers_and_mostly_true_ones_teach_nothing() -> None:
    for answers in (["false"] * (LEAST - 1), ["true"] * 40 + ["false"] * 3, ["cannot_tell"] * 40):
        assert taught(POLICY, reviewed("no_helmet", answers)) == (POLICY, ())  # type: ignore[arg-type]


def test_what_heals_is_taken_back() -> None:
    assert rule_of("no_helmet", ["false"] * 30)[0].enter_s > 4.0
    assert rule_of("no_helmet", ["false"] * 30 + ["true"] * 50)[0].enter_s == 3.0


@given(st.lists(st.sampled_from(["true", "false", "cannot_tell"]), max_size=80))
def test_whatever_people_answer_the_thresholds_stay_within_their_bounds(answers: list[Review]) -> None:
    before = next(each for each in POLICY.rule if each.id == "no_helmet")
    rule, _ = rule_of("no_helmet", answers)
    assert before.enter_s <= rule.enter_s <= before.enter_s * MAX_LONGER
    assert before.min_score <= rule.min_score <= before.min_score + MAX_STRICTER
    assert replace(rule, enter_s=before.enter_s, min_score=before.min_score) == before
    assert rule.level is Level.WARNING
