"""What is displaced or missing as BCF 3.0 topics, each with a viewpoint that shows the element."""

import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from uuid import NAMESPACE_URL, UUID, uuid5
from xml.etree.ElementTree import Element as Node
from xml.etree.ElementTree import SubElement, indent, tostring

import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene

from bim.frames import FloatArray
from bim.verdict import State
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
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


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
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        _put(archive, "bcf.version", _xml(Node("Version", VersionId="3.0")))
        _put(archive, "project.bcfp", _xml(_project(report)))
        _put(archive, "extensions.xml", _xml(_extensions(issues)))
        for number, topic in enumerate(issues):
            camera = seen.camera(topic.elements)
            _put(archive, f"{topic.guid}/markup.bcf", _xml(_markup(report, topic, number, date)))
            _put(archive, f"{topic.guid}/viewpoint.bcfv", _xml(_viewpoint(report, topic, camera)))
            _put(archive, f"{topic.guid}/snapshot.png", seen.snapshot(topic.elements, camera))
    return out.getvalue()


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
    return tuple(label for label in (ifc_class, _text(storey).strip()) if label)


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


def _project(report: Report) -> Node:
    names = " ".join(source.sha256 for source in report.building.sources)
    root = Node("ProjectInfo")
    project = SubElement(root, "Project", ProjectId=str(uuid5(_NAMESPACE, names)))
    _say(project, "Name", ", ".join(_file_name(source.path) for source in report.building.sources) or "Sitewright")
    return root


def _extensions(issues: Sequence[Topic]) -> Node:
    root = Node("Extensions")
    labels = sorted({label for topic in issues for label in topic.labels})
    lists = {
        "TopicTypes": ("TopicType", list(TYPES.values())),
        "TopicStatuses": ("TopicStatus", ["Open", "Closed"]),
        "Priorities": ("Priority", ["High", "Normal"]),
        "TopicLabels": ("TopicLabel", labels),
        "Users": ("User", [AUTHOR]),
        "SnippetTypes": ("SnippetType", []),
        "Stages": ("Stage", []),
    }
    for name, (item, values) in lists.items():
        parent = SubElement(root, name)
        for value in values:
            _say(parent, item, value)
    return root


def _markup(report: Report, topic: Topic, number: int, date: datetime) -> Node:
    root = Node("Markup")
    files = SubElement(SubElement(root, "Header"), "Files")
    for source in sorted({report.building.elements[i].source for i in topic.elements}):
        path = report.building.sources[source].path
        _say(SubElement(files, "File", IsExternal="true"), "Filename", _file_name(path))
    status = {"Guid": str(topic.guid), "TopicType": TYPES[topic.state], "TopicStatus": "Open"}
    node = SubElement(root, "Topic", status)
    _say(node, "Title", f"{topic.title.en} / {topic.title.zh}")
    _say(node, "Priority", "High" if topic.state is State.DISPLACED else "Normal")
    _say(node, "Index", str(number))
    labels = SubElement(node, "Labels")
    for label in topic.labels:
        _say(labels, "Label", label)
    _say(node, "CreationDate", date.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _say(node, "CreationAuthor", AUTHOR)
    _say(node, "Description", f"{topic.description.en}\n\n{topic.description.zh}")
    viewpoint = SubElement(SubElement(node, "Viewpoints"), "ViewPoint", Guid=_viewpoint_guid(topic))
    for name, value in (("Viewpoint", "viewpoint.bcfv"), ("Snapshot", "snapshot.png"), ("Index", "0")):
        _say(viewpoint, name, value)
    return root


def _viewpoint(report: Report, topic: Topic, camera: Camera) -> Node:
    root = Node("VisualizationInfo", Guid=_viewpoint_guid(topic))
    components = SubElement(root, "Components")
    guids = [report.building.elements[i].global_id for i in topic.elements]
    known = [guid for guid in guids if _GUID.fullmatch(guid)]
    if known:
        _components(SubElement(components, "Selection"), known)
    visibility = SubElement(components, "Visibility", DefaultVisibility="true")
    hidden = {"SpacesVisible": "false", "SpaceBoundariesVisible": "false", "OpeningsVisible": "false"}
    SubElement(visibility, "ViewSetupHints", hidden)
    if known:
        colour = LOOKS[topic.state].fill.removeprefix("#").upper()
        coloured = SubElement(SubElement(components, "Coloring"), "Color", Color=colour)
        _components(SubElement(coloured, "Components"), known)
    view = SubElement(root, "PerspectiveCamera")
    vectors = {"CameraViewPoint": camera.position_m, "CameraDirection": camera.direction, "CameraUpVector": camera.up}
    for name, vector in vectors.items():
        point = SubElement(view, name)
        for axis, value in zip("XYZ", vector.tolist(), strict=True):
            _say(point, axis, f"{value + 0.0:.6f}")
    _say(view, "FieldOfView", f"{np.degrees(FIELD_OF_VIEW_RAD):.3f}")
    _say(view, "AspectRatio", f"{WIDTH / HEIGHT:.6f}")
    return root


def _viewpoint_guid(topic: Topic) -> str:
    return str(uuid5(topic.guid, "viewpoint"))


def _components(parent: Node, guids: Sequence[str]) -> None:
    for guid in guids:
        SubElement(parent, "Component", IfcGuid=guid)


def _say(parent: Node, name: str, text: str) -> None:
    SubElement(parent, name).text = _text(text)


def _text(text: str) -> str:
    """Without the characters that XML cannot hold, which a model's names may have."""
    return _NOT_XML.sub("\ufffd", text)


def _file_name(path: str) -> str:
    return path.replace("\\", "/").rsplit("/", 1)[-1]


def _xml(root: Node) -> bytes:
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _ZIP_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)
