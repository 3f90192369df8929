"""The vocabulary of `bim.bcf` as a BCF 3.0 archive (buildingSMART, BCF-XML release 3.0)."""

import re
import zipfile
from collections.abc import Callable, Sequence
from datetime import datetime
from io import BytesIO
from typing import TypeVar
from xml.etree.ElementTree import Element as Node
from xml.etree.ElementTree import SubElement, indent, tostring

from bim.bcf import (
    Bcf,
    Bitmap,
    ClippingPlane,
    Coloring,
    Comment,
    Component,
    DocumentReference,
    Line,
    ModelFile,
    Snippet,
    Topic,
    Viewpoint,
)
from bim.bcf_visualization import GUID, PNG
from bim.errors import BadInput
from bim.verdict import Vector

T = TypeVar("T")

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def archive_bytes(issues: Bcf) -> bytes:
    """The archive; the same issues give the same bytes. Raises BadInput for issues that BCF 3.0 cannot hold."""
    _check(issues)
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        _put(archive, "bcf.version", _xml(Node("Version", VersionId="3.0")))
        if issues.project_id:
            _put(archive, "project.bcfp", _xml(_project(issues)))
        _put(archive, "extensions.xml", _xml(_extensions(issues)))
        if issues.documents:
            _put(archive, "documents.xml", _xml(_documents(issues)))
        for document in issues.documents:
            _put(archive, f"documents/{document.guid}", document.data)
        for topic in issues.topics:
            _put_topic(archive, topic)
    return out.getvalue()


def _check(issues: Bcf) -> None:
    groups = [[topic.guid for topic in issues.topics], [document.guid for document in issues.documents]]
    groups += [[view.guid for view in topic.viewpoints] for topic in issues.topics]
    for names in groups:
        if len(set(names)) < len(names):
            raise BadInput("two topics, viewpoints or documents have one GUID", "a GUID each", "give each its own")
        for name in names:
            if not re.fullmatch(GUID, name):
                raise BadInput(f"{name!r} is no GUID", "letters, digits and hyphens", "use a UUID")
    for topic in issues.topics:
        if not all((topic.title, topic.type, topic.status, topic.creation_author)):
            raise BadInput(
                f"topic {topic.guid} lacks a title, type, status or author", "all four, as BCF 3.0 demands", "give them"
            )


def _put_topic(archive: zipfile.ZipFile, topic: Topic) -> None:
    folder = topic.guid
    _put(archive, f"{folder}/markup.bcf", _xml(_markup(topic)))
    if topic.snippet and topic.snippet.data is not None:
        _put(archive, f"{folder}/{_snippet_name(topic.snippet)}", topic.snippet.data)
    for view in topic.viewpoints:
        _put(archive, f"{folder}/{view.guid}.bcfv", _xml(_viewpoint(view)))
        if view.snapshot is not None:
            _put(archive, f"{folder}/{_snapshot_name(view, view.snapshot)}", view.snapshot)
        for number, bitmap in enumerate(view.bitmaps):
            _put(archive, f"{folder}/{_bitmap_name(view, number)}", bitmap.data)


def _snapshot_name(view: Viewpoint, snapshot: bytes) -> str:
    return f"{view.guid}.{'png' if snapshot.startswith(PNG) else 'jpg'}"


def _snippet_name(snippet: Snippet) -> str:
    """The name that it came as, where that is one and no file of BCF's own."""
    plain = re.fullmatch(r"\w[\w. -]{0,99}", snippet.reference) and not snippet.reference.endswith((".bcf", ".bcfv"))
    return snippet.reference if plain else "snippet"


def _bitmap_name(view: Viewpoint, number: int) -> str:
    return f"{view.guid}-{number}.{view.bitmaps[number].format}"


# --- The project ------------------------------------------------------------------------------------------------------


def _project(issues: Bcf) -> Node:
    root = Node("ProjectInfo")
    _say(SubElement(root, "Project", ProjectId=issues.project_id), "Name", issues.project_name)
    return root


def _extensions(issues: Bcf) -> Node:
    """The words that the project allows, and those that its topics use."""
    words, topics = issues.extensions, issues.topics
    people = [person for each in topics for person in (each.creation_author, each.modified_author, each.assigned_to)]
    people += [person for each in topics for said in each.comments for person in (said.author, said.modified_author)]
    snippets = [each.snippet.type for each in topics if each.snippet]
    labels = [label for each in topics for label in each.labels]
    root = Node("Extensions")
    for name, item, values in (
        ("TopicTypes", "TopicType", [*words.topic_types, *(each.type for each in topics)]),
        ("TopicStatuses", "TopicStatus", [*words.topic_statuses, *(each.status for each in topics)]),
        ("Priorities", "Priority", [*words.priorities, *(each.priority for each in topics)]),
        ("TopicLabels", "TopicLabel", [*words.topic_labels, *labels]),
        ("Users", "User", [*words.users, *people]),
        ("SnippetTypes", "SnippetType", [*words.snippet_types, *snippets]),
        ("Stages", "Stage", [*words.stages, *(each.stage for each in topics)]),
    ):
        node = SubElement(root, name)
        for value in dict.fromkeys(values):
            _say(node, item, value)
    return root


def _documents(issues: Bcf) -> Node:
    root = Node("DocumentInfo")
    listed = SubElement(root, "Documents")
    for document in issues.documents:
        node = SubElement(listed, "Document", Guid=document.guid)
        _say(node, "Filename", document.filename)
        _say(node, "Description", document.description)
    return root


# --- A topic ----------------------------------------------------------------------------------------------------------


def _markup(topic: Topic) -> Node:
    root = Node("Markup")
    if topic.files:
        _group(SubElement(root, "Header"), "Files", topic.files, _model_file)
    node = SubElement(root, "Topic", Guid=topic.guid, TopicType=_clean(topic.type), TopicStatus=_clean(topic.status))
    if topic.server_assigned_id:
        node.set("ServerAssignedId", _clean(topic.server_assigned_id))
    _list(node, "ReferenceLinks", "ReferenceLink", topic.reference_links)
    _say(node, "Title", topic.title)
    _say(node, "Priority", topic.priority)
    _say(node, "Index", "" if topic.index is None else str(topic.index))
    _list(node, "Labels", "Label", topic.labels)
    _say(node, "CreationDate", _date(topic.creation_date))
    _say(node, "CreationAuthor", topic.creation_author)
    _say(node, "ModifiedDate", _date(topic.modified_date))
    _say(node, "ModifiedAuthor", topic.modified_author)
    _say(node, "DueDate", _date(topic.due_date))
    _say(node, "AssignedTo", topic.assigned_to)
    _say(node, "Stage", topic.stage)
    _say(node, "Description", topic.description)
    if topic.snippet:
        _snippet(node, topic.snippet)
    _group(node, "DocumentReferences", topic.document_references, _document_reference)
    _group(node, "RelatedTopics", topic.related_topics, _related_topic)
    _group(node, "Comments", topic.comments, _comment)
    _group(node, "Viewpoints", topic.viewpoints, _view)
    return root


def _related_topic(parent: Node, guid: str) -> None:
    SubElement(parent, "RelatedTopic", Guid=guid)


def _model_file(parent: Node, file: ModelFile) -> None:
    node = SubElement(parent, "File", IsExternal=_bool(file.is_external))
    for name, value in (
        ("IfcProject", file.ifc_project),
        ("IfcSpatialStructureElement", file.ifc_spatial_structure_element),
    ):
        if value:
            node.set(name, _clean(value))
    _say(node, "Filename", file.filename)
    _say(node, "Date", _date(file.date))
    _say(node, "Reference", file.reference)


def _snippet(parent: Node, snippet: Snippet) -> None:
    inside = snippet.data is not None
    node = SubElement(parent, "BimSnippet", SnippetType=_clean(snippet.type), IsExternal=_bool(not inside))
    _say(node, "Reference", _snippet_name(snippet) if inside else snippet.reference)
    _say(node, "ReferenceSchema", snippet.schema)


def _document_reference(parent: Node, reference: DocumentReference) -> None:
    node = SubElement(parent, "DocumentReference", Guid=reference.guid)
    _say(node, "DocumentGuid", reference.document)
    _say(node, "Url", reference.url)
    _say(node, "Description", reference.description)


def _comment(parent: Node, comment: Comment) -> None:
    node = SubElement(parent, "Comment", Guid=comment.guid)
    _say(node, "Date", _date(comment.date))
    _say(node, "Author", comment.author)
    _say(node, "Comment", comment.text)
    if comment.viewpoint:
        SubElement(node, "Viewpoint", Guid=comment.viewpoint)
    _say(node, "ModifiedDate", _date(comment.modified_date))
    _say(node, "ModifiedAuthor", comment.modified_author)


def _view(parent: Node, view: Viewpoint) -> None:
    node = SubElement(parent, "ViewPoint", Guid=view.guid)
    _say(node, "Viewpoint", f"{view.guid}.bcfv")
    _say(node, "Snapshot", "" if view.snapshot is None else _snapshot_name(view, view.snapshot))
    _say(node, "Index", "" if view.index is None else str(view.index))


# --- A viewpoint ------------------------------------------------------------------------------------------------------


def _viewpoint(view: Viewpoint) -> Node:
    root = Node("VisualizationInfo", Guid=view.guid)
    _components(root, view)
    _camera(root, view)
    _group(root, "Lines", view.lines, _line)
    _group(root, "ClippingPlanes", view.clipping_planes, _clipping_plane)
    _group(root, "Bitmaps", list(enumerate(view.bitmaps)), lambda node, item: _bitmap(node, view, *item))
    return root


def _line(parent: Node, line: Line) -> None:
    _points(SubElement(parent, "Line"), StartPoint=line.start_m, EndPoint=line.end_m)


def _clipping_plane(parent: Node, plane: ClippingPlane) -> None:
    _points(SubElement(parent, "ClippingPlane"), Location=plane.location_m, Direction=plane.direction)


def _bitmap(parent: Node, view: Viewpoint, number: int, bitmap: Bitmap) -> None:
    node = SubElement(parent, "Bitmap")
    _say(node, "Format", bitmap.format)
    _say(node, "Reference", _bitmap_name(view, number))
    _points(node, Location=bitmap.location_m, Normal=bitmap.normal, Up=bitmap.up)
    _say(node, "Height", repr(bitmap.height_m))


def _components(root: Node, view: Viewpoint) -> None:
    parts, shown = SubElement(root, "Components"), view.visibility
    _group(parts, "Selection", view.selection, _component)
    visibility = SubElement(parts, "Visibility", DefaultVisibility=_bool(shown.default))
    hints = {"Spaces": shown.spaces, "SpaceBoundaries": shown.space_boundaries, "Openings": shown.openings}
    SubElement(visibility, "ViewSetupHints", {f"{name}Visible": _bool(value) for name, value in hints.items()})
    _group(visibility, "Exceptions", shown.exceptions, _component)
    _group(parts, "Coloring", view.coloring, _coloring)


def _coloring(parent: Node, coloring: Coloring) -> None:
    _group(SubElement(parent, "Color", Color=coloring.color), "Components", coloring.components, _component)


def _component(parent: Node, component: Component) -> None:
    node = SubElement(parent, "Component", {"IfcGuid": _clean(component.ifc_guid)} if component.ifc_guid else {})
    _say(node, "OriginatingSystem", component.originating_system)
    _say(node, "AuthoringToolId", component.authoring_tool_id)


def _camera(root: Node, view: Viewpoint) -> None:
    camera = view.camera
    if camera is None:
        return
    perspective = camera.kind == "perspective"
    node = SubElement(root, "PerspectiveCamera" if perspective else "OrthogonalCamera")
    _points(node, CameraViewPoint=camera.position_m, CameraDirection=camera.direction, CameraUpVector=camera.up)
    _say(node, "FieldOfView" if perspective else "ViewToWorldScale", repr(camera.extent))
    _say(node, "AspectRatio", repr(camera.aspect_ratio))


def _points(parent: Node, **points: Vector) -> None:
    for name, point in points.items():
        node = SubElement(parent, name)
        for axis, value in zip("XYZ", point, strict=True):
            _say(node, axis, repr(float(value)))


# --- XML and zip ------------------------------------------------------------------------------------------------------


def _group(parent: Node, name: str, values: Sequence[T], build: Callable[[Node, T], None]) -> None:
    """A list of what `build` makes of each value; none for no values."""
    if values:
        node = SubElement(parent, name)
        for value in values:
            build(node, value)


def _list(parent: Node, name: str, item: str, values: Sequence[str]) -> None:
    _group(parent, name, values, lambda node, value: _say(node, item, value))


def _say(parent: Node, name: str, text: str) -> None:
    """A child with a text; none for an empty text."""
    if text:
        SubElement(parent, name).text = _clean(text)


def _clean(text: str) -> str:
    """Without the characters that XML cannot hold."""
    return _NOT_XML.sub("\ufffd", text)


def _bool(value: bool) -> str:
    return "true" if value else "false"


def _date(date: datetime | None) -> str:
    return "" if date is None else date.isoformat().replace("+00:00", "Z")


def _xml(root: Node) -> bytes:
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _put(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    entry = zipfile.ZipInfo(name, _ZIP_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, data)
