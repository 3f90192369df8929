"""BCF 2.0, 2.1 and 3.0 archives into the vocabulary of `bim.bcf`, which is what others call. Runs in a child process.

Where the versions nest differently, both forms are looked for; so a file that mixes them comes in too.
"""

import posixpath
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar
from uuid import NAMESPACE_URL, uuid5
from xml.etree.ElementTree import Element as Node

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from bim.bcf import (
    Bcf,
    Comment,
    Document,
    DocumentReference,
    Extensions,
    ModelFile,
    Snippet,
    Topic,
    Viewpoint,
)
from bim.bcf_archive import Archive, open_archive
from bim.bcf_visualization import GUID, JPEG, PNG, flag, number, refusing, viewpoint
from bim.errors import BadInput

T = TypeVar("T", Topic, Viewpoint)

VERSIONS = ("2.0", "2.1", "3.0")
UNSAID = "Unspecified"
"""Stands for what BCF 3.0 demands and an older file left out."""
_EXTENSIONS = {
    "topic_types": ("TopicType", "TopicType"),
    "topic_statuses": ("TopicStatus", "TopicStatus"),
    "priorities": ("Priority", "Priority"),
    "topic_labels": ("TopicLabel", "TopicLabel"),
    "users": ("User", "UserIdType"),
    "snippet_types": ("SnippetType", "SnippetType"),
    "stages": ("Stage", "Stage"),
}
"""Field -> its element in extensions.xml (3.0), its type in extensions.xsd (2.x)."""


def read_archive(path: Path) -> Bcf:
    """All issues of an archive. Raises BadInput."""
    archive = open_archive(path)
    with refusing(path.name):
        return _Reader(archive).bcf()


class _Reader:
    """One archive, and what had to be settled while reading it."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.notes: dict[str, None] = {}
        self.documents: dict[str, Document] = {}

    def bcf(self) -> Bcf:
        folders = [name for name in self.archive.files if posixpath.basename(name) == "markup.bcf"]
        version = self._version()
        if not folders and "bcf.version" not in self.archive.files:
            raise BadInput(f"{self.archive.name} holds no markup.bcf", "a BCF archive", "export the issues again")
        self._read_documents()
        topics = self._distinct("topics", (self._topic(posixpath.dirname(name)) for name in folders))
        project = self._xml("project.bcfp")
        named = None if project is None else project.find("Project")
        return Bcf(
            topics=topics,
            project_id="" if named is None else named.get("ProjectId", ""),
            project_name=_text(named, "Name"),
            extensions=self._extensions(),
            documents=tuple(self.documents.values()),
            version=version,
            assumptions=tuple(self.notes),
        )

    def _note(self, sentence: str) -> None:
        self.notes[sentence] = None

    def _xml(self, name: str) -> Node | None:
        """The root of an XML file of the archive with names free of namespaces; None where there is no such file."""
        if name not in self.archive.files:
            return None
        try:
            root: Node = fromstring(self.archive.files[name], forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
            raise BadInput(
                f"{self.archive.name}: {name} is no plain XML ({type(error).__name__})",
                "XML without entities or document types",
                "export the issues again",
            ) from error
        for node in root.iter():
            node.tag = node.tag.rpartition("}")[2]
        return root

    def _version(self) -> str:
        root = self._xml("bcf.version")
        if root is None:
            self._note("no bcf.version: read as BCF 2.0")
            return "2.0"
        version = root.get("VersionId", "")
        if version not in VERSIONS:
            raise BadInput(
                f"{self.archive.name} is BCF {version or 'of no version'}",
                f"one of {', '.join(VERSIONS)}",
                "convert it",
            )
        return version

    def _extensions(self) -> Extensions:
        modern, schema = self._xml("extensions.xml"), self._xml("extensions.xsd")
        found = {}
        for field, (element, old_type) in _EXTENSIONS.items():
            values = [] if modern is None else [node.text or "" for node in modern.iter(element)]
            if schema is not None:
                kinds = [node for node in schema.iter("simpleType") if node.get("name") == old_type]
                values += [each.get("value", "") for node in kinds for each in node.iter("enumeration")]
            found[field] = tuple(value.strip() for value in values if value.strip())
        return Extensions(**found)

    def _read_documents(self) -> None:
        """The documents that a 3.0 archive lists."""
        root = self._xml("documents.xml")
        for node in () if root is None else root.iter("Document"):
            guid = _guid(node)
            data = self._file("documents", guid)
            if data is not None:
                name = _base_name(_text(node, "Filename"))
                self.documents[guid] = Document(guid, name, data, _text(node, "Description"))

    def _date(self, node: Node | None, name: str) -> datetime | None:
        stated = _text(node, name)
        if not stated:
            return None
        date = datetime.fromisoformat(stated)
        if date.tzinfo is None:
            self._note("times without a zone are taken as UTC")
        return date if date.tzinfo else date.replace(tzinfo=UTC)

    def _topic(self, folder: str) -> Topic:
        markup = self._xml(posixpath.join(folder, "markup.bcf"))
        node = None if markup is None else markup.find("Topic")
        if markup is None or node is None:
            raise ValueError(f"{folder}/markup.bcf has no topic")
        guid = _guid(node, posixpath.basename(folder))
        comments = tuple(self._comment(each, folder) for each in _nested(markup, node, "Comments", "Comment"))
        former = markup.findall("Comment")[-1:]  # BCF 2.0 keeps type and status there
        return Topic(
            guid=guid,
            title=self._said("title", _text(node, "Title")),
            type=self._said("type", node.get("TopicType", "") or "".join(_text(each, "Status") for each in former)),
            status=self._said(
                "status", node.get("TopicStatus", "") or "".join(_text(each, "VerbalStatus") for each in former)
            ),
            creation_date=self._date(node, "CreationDate") or self._first_date(comments, folder),
            creation_author=self._said("author", _text(node, "CreationAuthor") or _first_author(comments)),
            priority=_text(node, "Priority"),
            index=_whole(_text(node, "Index")),
            labels=tuple(_texts(node, "Labels", "Label")),
            modified_date=self._date(node, "ModifiedDate"),
            modified_author=_text(node, "ModifiedAuthor"),
            due_date=self._date(node, "DueDate"),
            assigned_to=_text(node, "AssignedTo"),
            stage=_text(node, "Stage"),
            description=_text(node, "Description"),
            server_assigned_id=node.get("ServerAssignedId", ""),
            reference_links=tuple(_texts(node, "ReferenceLinks", "ReferenceLink")),
            related_topics=tuple(_guid(each) for each in _related(node)),
            document_references=tuple(self._references(node, folder)),
            snippet=self._snippet(node.find("BimSnippet"), folder),
            files=tuple(self._model_file(each) for each in markup.findall("Header//File")),
            comments=comments,
            viewpoints=self._distinct("viewpoints", self._viewpoints(markup, node, folder, guid)),
        )

    def _said(self, what: str, value: str) -> str:
        if not value:
            self._note(f"topics without a {what} are given {UNSAID!r}")
        return value or UNSAID

    def _first_date(self, comments: tuple[Comment, ...], folder: str) -> datetime:
        self._note("topics without a date of creation are given that of their first comment, or of their file")
        return min((comment.date for comment in comments), default=self._written(folder))

    def _written(self, folder: str) -> datetime:
        return self.archive.written[posixpath.join(folder, "markup.bcf")]

    def _comment(self, node: Node, folder: str) -> Comment:
        about = node.find("Viewpoint")
        return Comment(
            guid=_guid(node),
            date=self._date(node, "Date") or self._written(folder),
            author=self._said("comment's author", _text(node, "Author")),
            text=_text(node, "Comment"),
            viewpoint="" if about is None else _guid(about),
            modified_date=self._date(node, "ModifiedDate"),
            modified_author=_text(node, "ModifiedAuthor"),
        )

    def _model_file(self, node: Node) -> ModelFile:
        return ModelFile(
            filename=_text(node, "Filename"),
            date=self._date(node, "Date"),
            reference=_text(node, "Reference"),
            ifc_project=node.get("IfcProject", ""),
            ifc_spatial_structure_element=node.get("IfcSpatialStructureElement", ""),
            is_external=flag(node.get("IsExternal", node.get("isExternal")), True),
        )

    def _snippet(self, node: Node | None, folder: str) -> Snippet | None:
        if node is None:
            return None
        reference = _text(node, "Reference")
        external = flag(node.get("IsExternal", node.get("isExternal")), False)
        data = None if external else self._file(folder, reference)
        name = reference if external else _base_name(reference)
        return Snippet(node.get("SnippetType", ""), name, _text(node, "ReferenceSchema"), data)

    def _file(self, folder: str, reference: str) -> bytes | None:
        """A file that a topic refers to, from inside the archive."""
        data = self.archive.files.get(_path(folder, reference))
        if data is None:
            self._note(f"{reference!r} is referred to and not in the archive")
        return data

    def _references(self, topic: Node, folder: str) -> Iterator[DocumentReference]:
        """References to documents; those that a 2.x topic carries itself become documents of the archive."""
        nodes = [each for each in topic.iter() if each.tag.startswith("DocumentReference")]
        for place, node in enumerate(each for each in nodes if each.find("DocumentReference") is None):
            found = DocumentReference(
                guid=_guid(node, _derived(folder, place)),
                document=_text(node, "DocumentGuid"),
                url=_text(node, "Url"),
                description=_text(node, "Description"),
            )
            address = _text(node, "ReferencedDocument")
            if address and flag(node.get("isExternal"), False):
                found = replace(found, url=address)
            elif address:
                found = replace(found, document=self._carried(folder, address))
            if found.document or found.url:
                yield found

    def _carried(self, folder: str, address: str) -> str:
        """GUID of a document that lies beside the topics; empty where it does not."""
        guid, data = _derived(_path(folder, address)), self._file(folder, address)
        if data is None:
            return ""
        self.documents[guid] = Document(guid, _base_name(address), data)
        return guid

    def _viewpoints(self, markup: Node, topic: Node, folder: str, guid: str) -> Iterator[Viewpoint]:
        listed = [*markup.findall("Viewpoints"), *topic.findall("Viewpoints/ViewPoint")]
        for node in listed or self._unlisted(folder):
            name = _text(node, "Viewpoint")
            scene = self._xml(posixpath.normpath(posixpath.join(folder, name))) if name else None
            within = "" if scene is None else scene.get("Guid", "")
            found = Viewpoint("") if scene is None else viewpoint(scene, lambda name: self._file(folder, name))
            yield replace(
                found,
                guid=_guid(node, within or _derived(guid, name)),
                snapshot=self._snapshot(folder, _text(node, "Snapshot")),
                index=_whole(_text(node, "Index")),
            )

    def _distinct(self, what: str, values: Iterable[T]) -> tuple[T, ...]:
        every = list(values)
        distinct = {each.guid: each for each in reversed(every)}
        if len(distinct) < len(every):
            self._note(f"two {what} have one GUID; the first counts")
        return tuple(reversed(distinct.values()))

    def _unlisted(self, folder: str) -> list[Node]:
        """BCF 2.0 need not list a viewpoint of the customary names."""
        node = Node("ViewPoint")
        for tag, name in (("Viewpoint", "viewpoint.bcfv"), ("Snapshot", "snapshot.png")):
            if posixpath.join(folder, name) in self.archive.files:
                child = Node(tag)
                child.text = name
                node.append(child)
        return [node] if len(node) else []

    def _snapshot(self, folder: str, name: str) -> bytes | None:
        data = self._file(folder, name) if name else None
        if data is None or data.startswith((PNG, JPEG)):
            return data
        self._note("snapshots that are neither PNG nor JPEG are left out")
        return None


def _text(node: Node | None, name: str) -> str:
    return "" if node is None else (node.findtext(name) or "").strip()


def _texts(node: Node, group: str, item: str) -> Iterator[str]:
    """Texts of a list, as 3.0 nests it or as 2.x repeats it."""
    for each in (*node.findall(f"{group}/{item}"), *node.findall(item), *node.findall(group)):
        if (text := (each.text or "").strip()) and not len(each):
            yield text


def _nested(markup: Node, topic: Node, group: str, item: str) -> list[Node]:
    return [*topic.findall(f"{group}/{item}"), *markup.findall(item)]


def _related(topic: Node) -> Iterator[Node]:
    """3.0 nests, 2.1 repeats RelatedTopic, 2.0 repeats RelatedTopics."""
    for each in topic.iter():
        if each.tag in ("RelatedTopic", "RelatedTopics") and each.get("Guid"):
            yield each


def _guid(node: Node, otherwise: str = "") -> str:
    guid = node.get("Guid", "") or otherwise
    if not re.fullmatch(GUID, guid):
        raise ValueError(f"{guid!r} is no GUID")
    return guid


def _derived(*parts: object) -> str:
    """A GUID for what an older file gives none, the same each time."""
    return str(uuid5(NAMESPACE_URL, " ".join(map(str, parts))))


def _path(folder: str, reference: str) -> str:
    """Where in the archive a topic's reference leads."""
    return posixpath.normpath(posixpath.join(folder, reference.replace("\\", "/")))


def _base_name(path: str) -> str:
    """The last part of a path, so that a document's name leads nowhere when it is saved."""
    return posixpath.basename(path.replace("\\", "/"))


def _whole(text: str) -> int | None:
    return int(number(text)) if text else None


def _first_author(comments: tuple[Comment, ...]) -> str:
    return comments[0].author if comments else ""
