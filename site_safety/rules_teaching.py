"""What people answered in the review queue, turned into thresholds: bounded, explained, and taken back when it heals.

The answers always start again from the site's own rules: nothing drifts. Rules that warn of danger or stop a robot are
never made slower; what was false there is told, and a person decides. What a person took back counts no more.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from bim.verdict import Reason
from site_safety.hazards import Hazard, Level, Source
from site_safety.rules_policy import Policy, Rule, reads_score

LAST = 50
"""Answers that count, of each rule, the newest."""
LEAST = 10
"""Fewer say nothing."""
Z = 1.96
WORTH = 0.1
MAX_LONGER = 2.0
MAX_STRICTER = 0.15
TEACHABLE = frozenset({Level.NOTICE, Level.WARNING})
NOTHING: Mapping[str, datetime] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the answers to one rule's alarms say, and what follows."""

    rule: str
    answers: int
    false: int
    enter_s: float
    min_score: float
    changed: bool
    reason: Reason


def answered(hazards: Iterable[Hazard], taken_back: Mapping[str, datetime] = NOTHING) -> dict[str, list[Hazard]]:
    """The reviewed alarms that count, by rule: of cameras, the newest, none before its lesson was taken back."""
    found: dict[str, list[Hazard]] = {}
    for hazard in sorted(hazards, key=lambda each: (each.opened_at, each.hazard_id)):
        since = taken_back.get(hazard.rule)
        if hazard.source is Source.CAMERA and hazard.review in ("true", "false") and _after(hazard.opened_at, since):
            found.setdefault(hazard.rule, []).append(hazard)
    return {rule: reviewed[-LAST:] for rule, reviewed in found.items()}


def _after(at: datetime, since: datetime | None) -> bool:
    return since is None or at > since


def taught(
    policy: Policy, hazards: Iterable[Hazard], taken_back: Mapping[str, datetime] = NOTHING
) -> tuple[Policy, tuple[Lesson, ...]]:
    """The rules with what reviews have taught them, and each lesson. Pure: same reviews, same rules.

    `taken_back` says of a rule when a person took its lesson back.
    """
    reviewed = answered(hazards, taken_back)
    rules, lessons = [], []
    for rule in policy.rule:
        answers = reviewed.get(rule.id, [])
        rule, lesson = _taught(rule, len(answers), sum(hazard.review == "false" for hazard in answers))
        rules.append(rule)
        lessons += [lesson] if lesson else []
    return replace(policy, rule=tuple(rules)), tuple(lessons)


def _taught(rule: Rule, answers: int, false: int) -> tuple[Rule, Lesson | None]:
    strength = sure_share(false, answers)
    if answers < LEAST or strength < WORTH:
        return rule, None
    told = Reason(f"{false} of the last {answers} alarms were false", f"最近 {answers} 次报警中有 {false} 次误报")
    if why := _never(rule):
        reason = Reason(f"{told.en}; {why.en}: look at its camera", f"{told.zh}；{why.zh}，请检查摄像头")
        return rule, Lesson(rule.id, answers, false, rule.enter_s, rule.min_score, False, reason)
    stricter = MAX_STRICTER * strength if reads_score(rule.condition) else 0.0
    enter_s = round(rule.enter_s * (1.0 + (MAX_LONGER - 1.0) * strength), 2)
    min_score = round(min(1.0, rule.min_score + stricter), 3)
    reason = Reason(
        f"{told.en}: it must hold for {enter_s:g} s instead of {rule.enter_s:g} s",
        f"{told.zh}：持续时间由 {rule.enter_s:g} 秒延长至 {enter_s:g} 秒",
    )
    if stricter:
        reason = Reason(f"{reason.en}, with a score of {min_score:g}", f"{reason.zh}，置信度不低于 {min_score:g}")
    lesson = Lesson(rule.id, answers, false, enter_s, min_score, True, reason)
    return replace(rule, enter_s=enter_s, min_score=min_score), lesson


def _never(rule: Rule) -> Reason | None:
    """Why a rule is not slowed whatever people answer; None where it may be."""
    if rule.level not in TEACHABLE:
        return Reason(f"a rule of level {rule.level} is never slowed", f"{rule.level} 级规则不自动放宽")
    return None if rule.teachable else Reason("the site's rules keep it as it is", "本工地规则不允许调整")


def sure_share(part: int, whole: int) -> float:
    """The share that is certain at 97.5 %: the lower bound of Wilson's interval (1927)."""
    if whole == 0:
        return 0.0
    share = part / whole
    centre = share + Z * Z / (2 * whole)
    spread = Z * math.sqrt(share * (1 - share) / whole + Z * Z / (4 * whole * whole))
    return max(0.0, (centre - spread) / (1 + Z * Z / whole))
