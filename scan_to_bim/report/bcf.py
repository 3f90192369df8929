"""What is displaced or missing as BCF 3.0 topics, each with a viewpoint that shows the element."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import NAMESPACE_URL, UUID, uuid5

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from bim import bcf
from bim.frames import FloatArray
from bim.verdict import State, Vector
from scan_to_bim.report.render import Camera, draw, png
from scan_to_bim.report.summary import SURE, millimetres, summarise, sure
from scan_to_bim.report.views import paint
from scan_to_bim.report.words import LOOKS, NO_STOREY, Phrase, class_word
from scan_to_bim.result import Report

MAX_SINGLE = 100
"""Topics of one state up to which each element has its own; beyond, one topic a storey and class."""
FIELD_OF_VIEW_RAD = np.radians(60.0)
WIDTH, HEIGHT = 640, 480
AUTHOR = "Sitewright"
TYPES = {State.DISPLACED: "Displaced", State.ABSENT: "Missing"}
_NAMESPACE = uuid5(NAMESPACE_URL, "https://sitewright.org/bcf")
_GUID = re.compile(r"[0-9A-Za-z_$]{22}")


@dataclass(frozen=True)
class Topic:
    """One issue: the elements (indices into the building's) that share it."""

    guid: UUID
    state: State
    title: Phrase
    description: Phrase
    labels: tuple[str, ...]
    elements: tuple[int, ...]


def to_bcf(report: Report, date: datetime) -> bytes:
    """A .bcf archive; the same report and date give the same bytes.

    An element is a topic when it is displaced, or absent with a confidence of at least `summary.SURE`. Where a state
    has more than `MAX_SINGLE` elements, one topic holds all of a storey and class. Cameras are in the site frame.
    """
    issues = list(topics(report))
    seen = _Sight(report)
    names = [_file_name(source.path) for source in report.building.sources]
    return bcf.bcf_bytes(
        bcf.Bcf(
            topics=tuple(_topic(report, topic, number, date, seen) for number, topic in enumerate(issues)),
            project_id=str(uuid5(_NAMESPACE, " ".join(source.sha256 for source in report.building.sources))),
            project_name=", ".join(names) or AUTHOR,
            extensions=bcf.Extensions(
                topic_types=tuple(TYPES.values()), topic_statuses=("Open", "Closed"), priorities=("High", "Normal")
            ),
        )
    )


def topics(report: Report) -> Iterator[Topic]:
    """Displaced elements first, the largest shift first; then what is surely absent."""
    index = {element.global_id: i for i, element in enumerate(report.building.elements)}
    attention = summarise(report).attention
    for state in TYPES:
        members = [
            index[element.global_id]
            for element, verdict in attention[state]
            if state is State.DISPLACED or verdict.confidence >= SURE
        ]
        if len(members) <= MAX_SINGLE:
            yield from (_single(report, state, i) for i in members)
        else:
            yield from _grouped(report, state, members)


def _single(report: Report, state: State, i: int) -> Topic:
    element, verdict = report.building.elements[i], report.verdicts[i]
    word, kind = LOOKS[state].word, class_word(element.ifc_class)
    return Topic(
        guid=uuid5(_NAMESPACE, f"{state.value} {element.global_id}"),
        state=state,
        title=Phrase(f"{kind.en} {word.en}: {element.name}", f"{kind.zh}{word.zh}：{element.name}"),
        description=Phrase(
            f"{verdict.reason.en}\nShift: {millimetres(verdict.deviation)}\nConfidence: {sure(verdict.confidence)}",
            f"{verdict.reason.zh}\n偏移：{millimetres(verdict.deviation)}\n可信度：{sure(verdict.confidence)}",
        ),
        labels=_labels(element.storey, element.ifc_class),
        elements=(i,),
    )


def _grouped(report: Report, state: State, members: Sequence[int]) -> Iterator[Topic]:
    groups: dict[tuple[str, str], list[int]] = {}
    for i in members:
        element = report.building.elements[i]
        groups.setdefault((element.storey, element.ifc_class), []).append(i)
    for (storey, ifc_class), group in groups.items():
        word, kind = LOOKS[state].word, class_word(ifc_class)
        names = "\n".join(report.building.elements[i].name for i in group)
        yield Topic(
            guid=uuid5(_NAMESPACE, f"{state.value} {ifc_class} {storey}"),
            state=state,
            title=Phrase(
                f"{len(group)} × {kind.en} {word.en}: {storey or NO_STOREY.en}",
                f"{len(group)} 个{kind.zh}{word.zh}：{storey or NO_STOREY.zh}",
            ),
            description=Phrase(LOOKS[state].meaning.en, f"{LOOKS[state].meaning.zh}\n{names}"),
            labels=_labels(storey, ifc_class),
            elements=tuple(group),
        )


def _labels(storey: str, ifc_class: str) -> tuple[str, ...]:
    return tuple(label for label in (ifc_class, storey.strip()) if label)


class _Sight:
    """Finds sides from which elements can be seen, past everything that stands, and draws them from there."""

    def __init__(self, report: Report) -> None:
        self.mesh = report.building.mesh
        self.report = report
        self.offset = self.mesh.vertices.mean(axis=0) if len(self.mesh.vertices) else np.zeros(3)
        self.scene = EmbreeScene()
        standing = np.array([verdict.state is not State.ABSENT for verdict in report.verdicts])
        self.standing = np.flatnonzero(standing[self.mesh.element])
        if len(self.standing):
            # embree computes in float32: near the origin it keeps millimetres.
            TriangleMesh(self.scene, (self.mesh.corners[self.standing] - self.offset).astype(np.float32))

    def camera(self, elements: Sequence[int]) -> Camera:
        """Of cameras all around, the one that sees most of the elements and stands back far enough."""
        corners = self._corners(elements)
        if not len(corners):
            return _looking(np.array([0.0, -10.0, 5.0]), np.zeros(3))
        points = corners.reshape(-1, 3)
        centre = 0.5 * (points.min(axis=0) + points.max(axis=0))
        reach = max(0.5 * float(np.linalg.norm(np.ptp(points, axis=0))), 0.5) / np.tan(0.5 * FIELD_OF_VIEW_RAD)
        targets = corners.mean(axis=1)[:: max(len(corners) // 40, 1)]
        cameras = np.array([centre + distance * reach * way for distance, _, way in _STANDS])
        share = self._seen(cameras, targets, elements) * np.array([weight for _, weight, _ in _STANDS])
        return _looking(cameras[int(np.argmax(share))], centre)

    def snapshot(self, elements: Sequence[int], camera: Camera) -> bytes:
        """The elements in the colour of their state; what hides them is drawn as glass."""
        states = [
            verdict.state if i in set(elements) else State.UNSEEN for i, verdict in enumerate(self.report.verdicts)
        ]
        shown, _ = paint(self.report.building, states)
        mine = np.isin(self.mesh.element, elements)
        shown.alpha[mine], shown.alpha[~mine] = 1.0, 0.12
        shown.pattern[~mine] = 0
        return png(draw(self.mesh.corners, shown, ~mine, camera, WIDTH, HEIGHT))

    def _corners(self, elements: Sequence[int]) -> FloatArray:
        return np.concatenate([self.mesh.corners[self.mesh.of(i)] for i in elements])

    def _seen(self, cameras: FloatArray, targets: FloatArray, elements: Sequence[int]) -> FloatArray:
        """Share (C,) of the targets (N, 3) that each camera (C, 3) sees."""
        if not len(self.standing):
            return np.ones(len(cameras))
        ray = targets[None] - cameras[:, None]
        distance = np.linalg.norm(ray, axis=2).reshape(-1)
        origin = np.broadcast_to(cameras[:, None] - self.offset, ray.shape).reshape(-1, 3)
        direction = ray.reshape(-1, 3) / distance[:, None]
        hit = self.scene.run(origin.astype(np.float32), direction.astype(np.float32), query="INTERSECT", output=True)
        struck = hit["primID"]
        own = np.isin(self.mesh.element[self.standing[np.maximum(struck, 0)]], elements) & (struck >= 0)
        free = own | (struck < 0) | (hit["tfar"] > distance - 0.02)
        share: FloatArray = free.reshape(ray.shape[:2]).mean(axis=1)
        return share


def _stands() -> list[tuple[float, float, FloatArray]]:
    """Distance factors, weights and directions of the cameras to try: level views from afar are the best to read."""
    ways = []
    for distance, weight in ((1.25, 1.0), (0.8, 0.9), (0.5, 0.7)):
        for height, plain in ((0.35, 1.0), (0.8, 0.9), (-0.3, 0.8), (2.5, 0.7)):
            for turn in np.arange(12) * np.pi / 6 + np.pi / 8:
                way = np.array([np.cos(turn), np.sin(turn), height])
                ways.append((distance, weight * plain, way / np.linalg.norm(way)))
    return ways


_STANDS = _stands()


def _looking(position: FloatArray, at: FloatArray) -> Camera:
    direction = (at - position) / np.linalg.norm(at - position)
    right = np.cross(direction, [0.0, 0.0, 1.0])
    up = np.cross(right / np.linalg.norm(right), direction)
    return Camera(position, direction, up, float(FIELD_OF_VIEW_RAD))


def _topic(report: Report, topic: Topic, number: int, date: datetime, seen: _Sight) -> bcf.Topic:
    sources = sorted({report.building.elements[i].source for i in topic.elements})
    return bcf.Topic(
        guid=str(topic.guid),
        title=f"{topic.title.en} / {topic.title.zh}",
        type=TYPES[topic.state],
        status="Open",
        creation_date=date.astimezone(UTC).replace(microsecond=0),
        creation_author=AUTHOR,
        priority="High" if topic.state is State.DISPLACED else "Normal",
        index=number,
        labels=topic.labels,
        description=f"{topic.description.en}\n\n{topic.description.zh}",
        files=tuple(bcf.ModelFile(filename=_file_name(report.building.sources[source].path)) for source in sources),
        viewpoints=(_viewpoint(report, topic, seen),),
    )


def _viewpoint(report: Report, topic: Topic, seen: _Sight) -> bcf.Viewpoint:
    camera = seen.camera(topic.elements)
    guids = [report.building.elements[i].global_id for i in topic.elements]
    shown = tuple(bcf.Component(guid) for guid in guids if _GUID.fullmatch(guid))
    colour = LOOKS[topic.state].fill.removeprefix("#").upper()
    return bcf.Viewpoint(
        guid=str(uuid5(topic.guid, "viewpoint")),
        camera=bcf.Camera(
            kind="perspective",
            position_m=_rounded(camera.position_m),
            direction=_rounded(camera.direction),
            up=_rounded(camera.up),
            extent=round(float(np.degrees(FIELD_OF_VIEW_RAD)), 3),
            aspect_ratio=round(WIDTH / HEIGHT, 6),
        ),
        selection=shown,
        coloring=(bcf.Coloring(colour, shown),) if shown else (),
        snapshot=seen.snapshot(topic.elements, camera),
        index=0,
    )


def _rounded(vector: FloatArray) -> Vector:
    x, y, z = np.round(vector, 6).tolist()
    return x + 0.0, y + 0.0, z + 0.0


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]
