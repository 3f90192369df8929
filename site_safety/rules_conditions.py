"""What each condition finds in a scene: sightings with how far they are from holding. Pure.

`reach` is 0 or less where the condition holds, and grows with how clearly it does not: metres for places, people for
crowds. A rule that has fired holds on until `reach` exceeds its `leave_m`.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

import numpy as np

from bim.verdict import Vector
from site_safety.hazards import Source
from site_safety.rules_fusion import Body, moving, rides
from site_safety.rules_policy import Condition, Hours, Rule
from site_safety.rules_scene import Scene
from site_safety.tracks import Track, Worn
from site_safety.zones import Zone, at_height, distance_m

SLACK_M = 0.5
"""How far a body's height may be off a zone's."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """One thing that a rule may fire for. `subject` is what is watched: a zone, a machine, a camera, a body."""

    subject: str
    reach: float
    source: Source = Source.CAMERA
    zone: Zone | None = None
    storey: str | None = None
    place_m: Vector | None = None
    machine_id: str = ""
    cameras: tuple[str, ...] = ()
    track_ids: tuple[str, ...] = ()
    of_body: bool = False
    """Whether the subject is a body, whose track may break and go on under another id."""
    words: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """A scene with its tracks as bodies, and the hours."""

    scene: Scene
    bodies: Sequence[Body]
    hours: Hours


def sightings(rule: Rule, view: View) -> Iterator[Sighting]:
    """What a rule's condition finds; one sighting a subject."""
    return iter(_FIND[rule.condition](rule, view))


# --- Bodies -----------------------------------------------------------------------------------------------------------


def _candidates(rule: Rule, view: View, placed: bool = True) -> list[Body]:
    """Bodies within the rule's limits of kind, score, size, distance and error, and without a role that is allowed."""
    return [body for body in view.bodies if _within(rule, body, placed) and not _allowed(rule, body, view.scene)]


def _within(rule: Rule, body: Body, placed: bool) -> bool:
    track = body.best
    if track.kind is not rule.who or body.score < rule.min_score:
        return False
    if placed and (track.position_m is None or track.sigma_m is None or track.sigma_m > rule.max_error_m):
        return False
    tall_enough = track.height_m is None or rule.min_height_m <= track.height_m <= rule.max_height_m
    return tall_enough and (track.distance_m is None or track.distance_m <= rule.max_distance_m)


def _allowed(rule: Rule, body: Body, scene: Scene) -> bool:
    place = body.best.position_m
    return place is not None and any(
        tag.role in rule.roles and math.dist(tag.position_m[:2], place[:2]) <= tag.reach_m for tag in scene.tags
    )


def _places(found: Sequence[Body]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    places: np.ndarray[tuple[int, int], np.dtype[np.float64]]
    places = np.array([(body.best.position_m or (0.0, 0.0))[:2] for body in found], float).reshape(-1, 2)
    return places


def _room_m(rule: Rule, track: Track) -> float:
    """By how much a zone grows for this body: half its width and the error of its place."""
    return rule.body_m + rule.sigmas * (track.sigma_m or 0.0)


def _told(subject: str, reach: float, body: Body, zone: Zone | None = None, **more: object) -> Sighting:
    """A sighting of a body."""
    track = body.best
    return Sighting(
        subject,
        reach,
        zone=zone,
        storey=track.storey,
        place_m=track.position_m,
        cameras=tuple(dict.fromkeys(each.camera_id for each in body.tracks)),
        track_ids=body.track_ids,
        **more,  # type: ignore[arg-type]
    )


# --- Conditions -------------------------------------------------------------------------------------------------------


def _in_zone(rule: Rule, view: View) -> Iterator[Sighting]:
    """One sighting a zone: the body that is deepest in it."""
    found = _candidates(rule, view)
    for zone in _zones(rule, view.scene) if found else ():
        body, reach = min(zip(found, _reaches(rule, zone, found), strict=True), key=lambda pair: pair[1])
        yield _told(zone.zone_id, reach, body, zone)


def _zones(rule: Rule, scene: Scene) -> Iterator[Zone]:
    return (zone for zone in scene.zones if zone.kind in rule.zones and zone.counts(scene.at))


def _reaches(rule: Rule, zone: Zone, found: Sequence[Body]) -> list[float]:
    return [
        float(distance) - _room_m(rule, body.best) if _on_level(rule, zone, body.best) else math.inf
        for body, distance in zip(found, distance_m(zone.polygon_m, _places(found)), strict=True)
    ]


def _on_level(rule: Rule, zone: Zone, track: Track) -> bool:
    slack_m = SLACK_M + rule.sigmas * (track.sigma_m or 0.0)
    return track.position_m is not None and at_height(zone, track.position_m, track.storey, slack_m)


def _near_machine(rule: Rule, view: View) -> Iterator[Sighting]:
    """One sighting a machine that moves: the body nearest to where it is, or will be in `ahead_s`."""
    found = _candidates(rule, view)
    for subject, place, storey, radius_m, speed, vehicle in _machines(rule, view):
        gaps = [
            (math.dist(place[:2], spot[:2]) - radius_m - _room_m(rule, body.best), body)
            for body in found
            if (spot := body.best.position_m)
            and _same_level(storey, body.best, place)
            and not (vehicle and any(rides(track, vehicle) for track in body.tracks))
        ]
        if gaps:
            gap, body = min(gaps, key=lambda pair: pair[0])
            reach = gap - rule.clearance_m - rule.ahead_s * speed
            machine = "" if vehicle else subject
            yield _told(subject, reach, body, machine_id=machine, words={"distance_m": max(0.0, gap)})


def _machines(rule: Rule, view: View) -> Iterator[tuple[str, Vector, str | None, float, float, Track | None]]:
    """Id, place, storey, half width and speed of what moves, and its track where a camera tells."""
    if rule.machines == "robots":
        for machine in view.scene.machines:
            if machine.speed_m_s >= rule.min_speed_m_s:
                yield machine.machine_id, machine.position_m, machine.storey, machine.radius_m, machine.speed_m_s, None
        return
    for body in view.bodies:
        track = body.best
        if track.position_m and moving(track, rule.min_speed_m_s):
            yield (
                track.track_id,
                track.position_m,
                track.storey,
                1.0,
                math.hypot(*(track.velocity_m_s or (0.0,))),
                track,
            )


def _same_level(storey: str | None, track: Track, place: Vector) -> bool:
    if storey and track.storey:
        return storey == track.storey
    return track.position_m is not None and abs(track.position_m[2] - place[2]) < 2.0


def _under_load(rule: Rule, view: View) -> Iterator[Sighting]:
    """One sighting a crane with a load: the body that is deepest in where it would fall."""
    found = _candidates(rule, view)
    for crane in (crane for crane in view.scene.cranes if crane.loaded and found):
        reaches = [_from_fall_m(rule, crane.load_m, body.best) for body in found]
        reach, body = min(zip(reaches, found, strict=True), key=lambda pair: pair[0])
        yield _told(crane.crane_id, reach, body, machine_id=crane.crane_id)


def _from_fall_m(rule: Rule, load_m: Vector, track: Track) -> float:
    spot = track.position_m or (math.inf, math.inf, math.inf)
    height_m = load_m[2] - spot[2]
    if not height_m > 0.0:
        return math.inf
    radius_m = rule.fall_radii_m[min(bisect_left(rule.fall_heights_m, height_m), len(rule.fall_radii_m) - 1)]
    return math.dist(load_m[:2], spot[:2]) - radius_m - _room_m(rule, track)


def _without(rule: Rule, view: View) -> Iterator[Sighting]:
    """One sighting a person. What cannot be told neither fires the rule nor ends it."""
    reach = {Worn.NO: -1.0, Worn.CANNOT_TELL: rule.leave_m, Worn.YES: math.inf}
    zones = list(_zones(rule, view.scene))
    for body in _candidates(rule, view, placed=False):
        if not rule.zones or any(_reaches(rule, zone, [body])[0] <= 0.0 for zone in zones):
            yield _told(body.track_ids[0], reach[body.worn(rule.equipment)], body, of_body=True)


def _out_of_hours(rule: Rule, view: View) -> Iterator[Sighting]:
    """One sighting a storey, out of hours; of any body, placed or not."""
    if not view.hours.working(view.scene.at):
        seen = {body.best.storey or body.best.camera_id: body for body in _candidates(rule, view, placed=False)}
        yield from (_told(subject, -1.0, body) for subject, body in seen.items())


def _obstruction(rule: Rule, view: View) -> Iterator[Sighting]:
    zones = {zone.zone_id: zone for zone in _zones(rule, view.scene)}
    for seen in view.scene.obstructions:
        if zone := zones.get(seen.zone_id):
            yield Sighting(zone.zone_id, -1.0, zone=zone, storey=zone.storey, cameras=(seen.camera_id,))


def _crowding(rule: Rule, view: View) -> Iterator[Sighting]:
    """One sighting a zone, or one a storey where the rule names no zones; reach in people."""
    found = _candidates(rule, view)
    for zone in _zones(rule, view.scene) if found else ():
        inside = [body for body, reach in zip(found, _reaches(rule, zone, found), strict=True) if reach <= 0.0]
        if inside:
            yield _crowd(zone.zone_id, rule, inside, zone)
    for storey in () if rule.zones else dict.fromkeys(body.best.storey for body in found):
        there = [body for body in found if body.best.storey == storey]
        places = _places(there)
        near = np.hypot(*(places[:, None] - places).transpose(2, 0, 1)) <= rule.within_m
        yield _crowd(storey or "site", rule, [there[i] for i in np.flatnonzero(near[near.sum(axis=1).argmax()])])


def _crowd(subject: str, rule: Rule, people: Sequence[Body], zone: Zone | None = None) -> Sighting:
    return _told(subject, float(rule.people - len(people)), people[0], zone, words={"count": len(people)})


def _blind(rule: Rule, view: View) -> Iterator[Sighting]:
    """One sighting a camera; for a rule that stops, one a guarded zone that no camera sees."""
    blind = [camera for camera in view.scene.cameras if not camera.sees(rule.max_age_s)]
    seen = {zone_id for camera in view.scene.cameras if camera not in blind for zone_id in camera.guards}
    zones = {zone.zone_id: zone for zone in view.scene.zones}
    for camera in blind:
        told = {"state": camera.state if camera.state != "live" else f"{camera.frame_age_s:.1f} s"}
        if rule.stop is None:
            yield Sighting(camera.camera_id, -1.0, storey=camera.storey, cameras=(camera.camera_id,), words=told)
            continue
        for zone_id in (each for each in camera.guards if each not in seen and each in zones):
            zone = zones[zone_id]
            yield Sighting(zone_id, -1.0, zone=zone, storey=zone.storey, cameras=(camera.camera_id,), words=told)


def _silent(rule: Rule, view: View) -> Iterator[Sighting]:
    for name, at in _telemetry(view.scene):
        if (view.scene.at - at).total_seconds() > rule.max_age_s:
            yield Sighting(name, -1.0, Source.ROBOT, machine_id=name)


def _telemetry(scene: Scene) -> Iterable[tuple[str, datetime]]:
    yield from ((machine.machine_id, machine.at) for machine in scene.machines)
    yield from ((crane.crane_id, crane.at) for crane in scene.cranes)


def _unplaced(rule: Rule, view: View) -> Iterator[Sighting]:
    """One sighting a camera that shows somebody whose place is unknown, or known too badly for the rules."""
    for body in view.bodies:
        track = body.best
        known = track.position_m is not None and track.sigma_m is not None and track.sigma_m <= rule.max_error_m
        if track.kind is rule.who and body.score >= rule.min_score and not known:
            yield _told(track.camera_id, -1.0, body)


_FIND: Mapping[Condition, Callable[[Rule, View], Iterator[Sighting]]] = MappingProxyType({
    Condition.IN_ZONE: _in_zone,
    Condition.NEAR_MACHINE: _near_machine,
    Condition.UNDER_LOAD: _under_load,
    Condition.WITHOUT: _without,
    Condition.OUT_OF_HOURS: _out_of_hours,
    Condition.OBSTRUCTION: _obstruction,
    Condition.CROWDING: _crowding,
    Condition.BLIND: _blind,
    Condition.SILENT: _silent,
    Condition.UNPLACED: _unplaced,
})  # fmt: skip
