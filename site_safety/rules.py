"""Rules: what is known at one moment, and what stood before, into alarms. Pure; in metres and seconds.

    memory = Memory()
    for scene in scenes:                                   # a camera loop, or a recording
        memory, alarms = step(memory, scene, policy)

A condition must hold for its dwell before it is an alarm, and be over by a distance and a time before it ends. Nothing
that is not seen reads as safe: an alarm goes on while a camera that showed it is blind, a blind camera is an alarm
itself, and so is time in which nothing was judged.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from string import Formatter

from bim.verdict import Reason
from site_safety.hazards import Level, Source
from site_safety.rules_conditions import Sighting, View, sightings
from site_safety.rules_fusion import bodies
from site_safety.rules_policy import Condition, Policy, Rule
from site_safety.rules_scene import Alarm, Phase, Scene, StopWish

MAX_STEP_S = 5.0
"""Longer between two scenes, nothing was watched: that is told, and counts for no dwell."""
REJOIN_M = 2.0
"""A body whose track broke is the same one when it goes on so near."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A condition that holds, or held a moment ago."""

    key: str
    sighting: Sighting
    since: datetime
    last: datetime
    """When it held last."""
    fired: bool = False
    told: bool = False
    """Whether an alarm was raised for it, which quiet may have put off."""


@dataclass(frozen=True)
class Memory:
    """What the rules remember from one scene to the next."""

    at: datetime | None = None
    standing: Mapping[str, Mapping[str, Standing]] = field(default_factory=dict)
    """By rule, then by key."""
    quiet: Mapping[str, datetime] = field(default_factory=dict)
    """Keys that were acknowledged, and until when they stay quiet."""


def step(memory: Memory, scene: Scene, policy: Policy) -> tuple[Memory, tuple[Alarm, ...]]:
    """What the rules remember, and say, after a scene. Same scenes, same alarms."""
    memory, alarms = _through_time(memory, scene.at)
    view = View(scene, bodies(scene.tracks, scene.at), policy.hours)
    blind = {camera.camera_id for camera in scene.cameras if not camera.sees(MAX_STEP_S)}
    standing: dict[str, Mapping[str, Standing]] = {}
    for rule in policy.rule:
        before = memory.standing.get(rule.id, {})
        after = _judged(rule, before, _keyed(rule, before, sightings(rule, view), scene.at), scene.at, blind)
        standing[rule.id], said = _told(rule, before, after, memory.quiet, scene)
        alarms += said
    quiet = {key: until for key, until in memory.quiet.items() if until > scene.at}
    return Memory(scene.at, standing, quiet), tuple(alarms)


def acknowledge(memory: Memory, key: str, at: datetime, policy: Policy) -> Memory:
    """Keep an alarm quiet for as long as its rule allows; a rule that stops is never quiet."""
    quiet_s = next((rule.quiet_s for rule in policy.rule if rule.id == key.partition("|")[0]), 0.0)
    return replace(memory, quiet={**memory.quiet, key: at + timedelta(seconds=quiet_s)})


def dismiss(memory: Memory, key: str) -> Memory:
    """Forget that an alarm was raised, because its hazard was closed: what still holds is raised anew, unless quiet."""
    rule = key.partition("|")[0]
    standing = memory.standing.get(rule, {})
    if key not in standing:
        return memory
    return replace(memory, standing={**memory.standing, rule: {**standing, key: replace(standing[key], told=False)}})


# --- Time -------------------------------------------------------------------------------------------------------------

GAP = Reason("Nothing was watched for {gap:.0f} s", "有 {gap:.0f} 秒未进行监视")
JUMP = Reason("The clock went back by {gap:.0f} s", "时钟回拨 {gap:.0f} 秒")


def _through_time(memory: Memory, at: datetime) -> tuple[Memory, list[Alarm]]:
    """What stood, moved to now where time jumped, with an alarm that says so."""
    passed_s = (at - memory.at).total_seconds() if memory.at else 0.0
    if memory.at is None or 0.0 <= passed_s <= MAX_STEP_S:
        return memory, []
    jump = at - memory.at
    moved = {
        rule: {key: replace(each, since=each.since + jump, last=each.last + jump) for key, each in found.items()}
        for rule, found in memory.standing.items()
    }
    words = JUMP if passed_s < 0 else GAP
    text = Reason(words.en.format(gap=abs(passed_s)), words.zh.format(gap=abs(passed_s)))
    told = Alarm("unwatched|site", Phase.RAISED, "unwatched", Level.DANGER, Source.CAMERA, text, at, min(at, memory.at))
    return replace(memory, standing=moved), [told, replace(told, phase=Phase.ENDED)]


# --- One rule ---------------------------------------------------------------------------------------------------------


def _keyed(
    rule: Rule, before: Mapping[str, Standing], found: Iterable[Sighting], at: datetime
) -> Mapping[str, Sighting]:
    """Sightings by key. A body keeps its key while any of its tracks goes on, or a new one begins where it was."""
    keyed: dict[str, Sighting] = {}
    for sighting in found:
        key = f"{rule.id}|{sighting.subject}"
        if sighting.of_body:
            free = [each for each in before.values() if each.key not in keyed]
            known = next((each.key for each in free if _same_body(each.sighting, sighting)), None)
            key = known or f"{key}@{at:%Y%m%dT%H%M%S}"
        if key not in keyed or sighting.reach < keyed[key].reach:
            keyed[key] = sighting
    return keyed


def _same_body(before: Sighting, now: Sighting) -> bool:
    if set(before.track_ids) & set(now.track_ids):
        return True
    a, b = before.place_m, now.place_m
    return bool(a and b and before.storey == now.storey and (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 <= REJOIN_M**2)


def _judged(
    rule: Rule, before: Mapping[str, Standing], found: Mapping[str, Sighting], at: datetime, blind: set[str]
) -> dict[str, Standing]:
    """What stands now, by key."""
    after = {key: _stand(rule, key, before.get(key), found.get(key), at, blind) for key in {**before, **found}}
    return {key: each for key, each in after.items() if each is not None}


def _stand(
    rule: Rule, key: str, before: Standing | None, sighting: Sighting | None, at: datetime, blind: set[str]
) -> Standing | None:
    fired = before is not None and before.fired
    if sighting is not None and sighting.reach <= (rule.leave_m if fired else 0.0):
        since = before.since if before else at
        dwelt = (at - since).total_seconds() >= rule.enter_s
        return Standing(key, sighting, since, at, fired or dwelt, before is not None and before.told)
    if before is None:
        return None
    if fired and rule.condition is not Condition.BLIND and blind & set(before.sighting.cameras):
        return replace(before, last=at)
    over_s = (at - before.last).total_seconds()
    return before if over_s < (rule.leave_s if fired else rule.gap_s) else None


def _told(
    rule: Rule,
    before: Mapping[str, Standing],
    after: Mapping[str, Standing],
    quiet: Mapping[str, datetime],
    scene: Scene,
) -> tuple[dict[str, Standing], list[Alarm]]:
    """What stands, marked where an alarm is raised now, and the alarms."""
    marked = {key: _marked(each, quiet, scene.at) for key, each in after.items()}
    alarms = [
        _alarm(rule, each, Phase.ONGOING if after[key].told else Phase.RAISED, scene)
        for key, each in marked.items()
        if each.told
    ]
    ended = [_alarm(rule, each, Phase.ENDED, scene) for key, each in before.items() if each.told and key not in after]
    return marked, alarms + ended


def _marked(standing: Standing, quiet: Mapping[str, datetime], at: datetime) -> Standing:
    is_quiet = standing.key in quiet and at < quiet[standing.key]
    return standing if standing.told or not standing.fired or is_quiet else replace(standing, told=True)


def _alarm(rule: Rule, standing: Standing, phase: Phase, scene: Scene) -> Alarm:
    seen = standing.sighting
    stop = None if phase is Phase.ENDED else _stop(rule, seen)
    machines = (seen.machine_id,) if seen.machine_id else seen.zone.robots if seen.zone else ()
    return Alarm(
        standing.key, phase, rule.id, rule.level, seen.source, _text(rule, seen), scene.at, standing.since,
        seen.storey, seen.zone.zone_id if seen.zone else None, seen.place_m, machines,
        seen.cameras[0] if seen.cameras else None, seen.track_ids, stop,
    )  # fmt: skip


def _stop(rule: Rule, seen: Sighting) -> StopWish | None:
    if rule.stop is None:
        return None
    if rule.stop == "zone" and seen.zone:
        return StopWish("zone", seen.zone.zone_id, seen.zone.robots)
    if rule.stop == "robot":
        return StopWish("robot", seen.machine_id, (seen.machine_id,))
    return StopWish("site", "")


def _text(rule: Rule, seen: Sighting) -> Reason:
    words = {
        "zone": seen.zone.name if seen.zone else "",
        "machine": seen.machine_id,
        "camera": ", ".join(seen.cameras),
        "storey": seen.storey or "",
        "count": 0,
        "state": "",
        "distance_m": 0.0,
        **seen.words,
    }
    return Reason(_filled(rule.text.en, words), _filled(rule.text.zh, words))


def _filled(text: str, words: Mapping[str, object]) -> str:
    return Formatter().vformat(text, (), words)


def stops(alarms: Sequence[Alarm]) -> tuple[StopWish, ...]:
    """The stops that are wanted now, each once."""
    return tuple(dict.fromkeys(alarm.stop for alarm in alarms if alarm.stop))
