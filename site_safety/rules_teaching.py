"""What people answered in the review queue, turned into thresholds: bounded, explained, and taken back when it heals.

The answers always start again from the site's own rules: nothing drifts. Rules that warn of danger or stop a robot are
never made slower; what was false there is told, and a person decides.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bim.verdict import Reason
from site_safety.hazards import Hazard, Level, Source
from site_safety.rules_policy import Policy, Rule

LAST = 50
"""Answers that count, of each rule, the newest."""
LEAST = 10
"""Fewer say nothing."""
Z = 1.96
WORTH = 0.1
MAX_LONGER = 2.0
MAX_STRICTER = 0.15
TEACHABLE = frozenset({Level.NOTICE, Level.WARNING})


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


def taught(policy: Policy, hazards: Iterable[Hazard]) -> tuple[Policy, tuple[Lesson, ...]]:
    """The rules with what reviews have taught them, and each lesson. Pure: same reviews, same rules."""
    reviewed = sorted(
        (hazard for hazard in hazards if hazard.source is Source.CAMERA and hazard.review in ("true", "false")),
        key=lambda hazard: (hazard.opened_at, hazard.hazard_id),
    )
    rules, lessons = [], []
    for rule in policy.rule:
        mine = [hazard for hazard in reviewed if hazard.rule == rule.id][-LAST:]
        rule, lesson = _taught(rule, mine)
        rules.append(rule)
        lessons += [lesson] if lesson else []
    return replace(policy, rule=tuple(rules)), tuple(lessons)


def _taught(rule: Rule, reviewed: Sequence[Hazard]) -> tuple[Rule, Lesson | None]:
    answers, false = len(reviewed), sum(hazard.review == "false" for hazard in reviewed)
    strength = sure_share(false, answers)
    if answers < LEAST or strength < WORTH:
        return rule, None
    told = Reason(f"{false} of the last {answers} alarms were false", f"最近 {answers} 次报警中有 {false} 次误报")
    if rule.level not in TEACHABLE:
        reason = Reason(f"{told.en}; a rule of level {rule.level} is never slowed: look at its camera",
                        f"{told.zh}；{rule.level} 级规则不自动放宽，请检查摄像头")  # fmt: skip
        return rule, Lesson(rule.id, answers, false, rule.enter_s, rule.min_score, False, reason)
    enter_s = round(rule.enter_s * (1.0 + (MAX_LONGER - 1.0) * strength), 2)
    min_score = round(min(1.0, rule.min_score + MAX_STRICTER * strength), 3)
    reason = Reason(
        f"{told.en}: it must hold for {enter_s:g} s instead of {rule.enter_s:g} s, with a score of {min_score:g}",
        f"{told.zh}：持续时间由 {rule.enter_s:g} 秒延长至 {enter_s:g} 秒，置信度不低于 {min_score:g}",
    )
    lesson = Lesson(rule.id, answers, false, enter_s, min_score, True, reason)
    return replace(rule, enter_s=enter_s, min_score=min_score), lesson


def sure_share(part: int, whole: int) -> float:
    """The share that is certain at 97.5 %: the lower bound of Wilson's interval (1927)."""
    if whole == 0:
        return 0.0
    share = part / whole
    centre = share + Z * Z / (2 * whole)
    spread = Z * math.sqrt(share * (1 - share) / whole + Z * Z / (4 * whole * whole))
    return max(0.0, (centre - spread) / (1 + Z * Z / whole))
