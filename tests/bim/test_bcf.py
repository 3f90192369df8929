"""BCF: every version comes in, 3.0 goes out, nothing is lost on the way, and no archive does harm."""

import contextlib
import io
import random
import re
import stat
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import bcf.bcfxml
import pytest
from bcf.v2.bcfxml import BcfXml as PeerBcf
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.bcf import (
    Bcf,
    Bitmap,
    Camera,
    ClippingPlane,
    Coloring,
    Comment,
    Component,
    Document,
    DocumentReference,
    Extensions,
    Line,
    ModelFile,
    Snippet,
    Topic,
    Viewpoint,
    Visibility,
    bcf_bytes,
    read_bcf,
    write_bcf,
)
from bim.bcf_reader import read_archive
from bim.errors import BadInput

PNG = b"\x89PNG\r\n\x1a\n" + b"picture"
DATE = datetime(2026, 3, 14, 9, 26, 53, tzinfo=UTC)
TOPIC, VIEW, COMMENT, OTHER = (f"{digit * 8}-1111-4111-8111-111111111111" for digit in "abcd")


def archive(path: Path, files: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return path


def topic(**changed: object) -> Topic:
    known = {
        "guid": TOPIC, "title": "Wall off", "type": "Clash", "status": "Open", "creation_date": DATE,
        "creation_author": "anna@example.org",
    }  # fmt: skip
    return Topic(**(known | changed))  # type: ignore[arg-type]


EVERYTHING = Bcf(
    topics=(
        topic(
            priority="High", index=3, labels=("structure", "墙"), modified_date=DATE, modified_author="bo",
            due_date=DATE, assigned_to="cy", stage="Design", description="Two lines\nof <text> & more",
            server_assigned_id="42", reference_links=("https://example.org/1",), related_topics=(OTHER,),
            document_references=(
                DocumentReference(OTHER, document=COMMENT, description="drawing"),
                DocumentReference(VIEW, url="https://example.org/plan.pdf"),
            ),
            snippet=Snippet("ifc", "part.ifc", "https://example.org/ifc.xsd", b"ISO-10303-21;"),
            files=(ModelFile("house.ifc", DATE, "house.ifc", "0" * 22, "1" * 22, False),),
            comments=(Comment(COMMENT, DATE, "anna", "Look", VIEW, DATE, "bo"),),
            viewpoints=(
                Viewpoint(
                    VIEW, Camera("perspective", (1.0, 2.0, 3.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0), 60.0, 1.5),
                    (Component("2" * 22, "Revit", "4711"),),
                    Visibility(False, (Component("3" * 22),), True, False, True),
                    (Coloring("FF00AA", (Component("2" * 22),)),),
                    (Line((0.0, 0.0, 0.0), (1.0, 0.0, 0.5)),), (ClippingPlane((0.0, 0.0, 1.2), (0.0, 0.0, 1.0)),),
                    (Bitmap("png", PNG, (0.0,) * 3, (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), 2.0),), PNG, 1,
                ),
                Viewpoint(OTHER, Camera("orthogonal", (0.0,) * 3, (0.0, 0.0, -1.0), (0.0, 1.0, 0.0), 12.0, 1.0)),
            ),
        ),
    ),
    project_id="p1", project_name="House",
    extensions=Extensions(("Clash",), ("Open", "Closed"), ("High",), ("structure",), ("anna",), ("ifc",), ("Design",)),
    documents=(Document(COMMENT, "plan.pdf", b"%PDF", "the plan"),),
)  # fmt: skip


def read(data: bytes, tmp_path: Path) -> Bcf:
    path = tmp_path / "issues.bcf"
    path.write_bytes(data)
    return read_bcf(path)


# --- Round trips ------------------------------------------------------------------------------------------------------


def test_the_real_file_of_bcf_2_0_comes_in(shared_data: Path) -> None:
    issues = read_bcf(shared_data / "schedule/Schependomlaan_walls.bcfzip")
    assert issues.version == "2.0"
    assert [each.title for each in issues.topics] == ["Opmerking", "Opmerking"]
    first = issues.topics[0]
    assert first.creation_author == "Ligtvoet Joep"
    assert first.creation_date.date().isoformat() == "2015-03-20"
    assert first.comments[0].text.startswith("#01 Speling rondom sparingen")
    assert [file.filename for file in first.files][-1] == "XELLA-Begane grond.ifc"
    [view] = first.viewpoints
    assert view.snapshot is not None
    assert len(view.snapshot) == 298_304
    assert len(view.clipping_planes) == 2
    assert any("read as BCF 2.0" in note for note in issues.assumptions)


def test_the_real_file_survives_being_written_and_read_again(shared_data: Path, tmp_path: Path) -> None:
    issues = read_bcf(shared_data / "schedule/Schependomlaan_walls.bcfzip")
    again = read(bcf_bytes(issues), tmp_path)
    assert again.topics == issues.topics
    assert again.assumptions == ()


def test_everything_that_bcf_knows_survives_being_written_and_read(tmp_path: Path) -> None:
    again = read(bcf_bytes(EVERYTHING), tmp_path)
    assert again.topics == EVERYTHING.topics
    assert (again.project_id, again.project_name, again.documents) == ("p1", "House", EVERYTHING.documents)
    assert set(EVERYTHING.extensions.topic_statuses) <= set(again.extensions.topic_statuses)


def test_the_same_issues_are_the_same_bytes() -> None:
    assert bcf_bytes(EVERYTHING) == bcf_bytes(EVERYTHING)


def test_another_reader_understands_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "issues.bcf"
    write_bcf(EVERYTHING, path)
    peer = bcf.bcfxml.load(path)
    assert peer is not None
    handler = peer.topics[TOPIC]
    assert (handler.topic.title, handler.topic.topic_status, handler.topic.stage) == ("Wall off", "Open", "Design")
    assert handler.topic.labels.label == ["structure", "墙"]
    assert [comment.comment for comment in handler.comments] == ["Look"]
    scene = handler.viewpoints[f"{VIEW}.bcfv"].visualization_info
    assert scene.perspective_camera.field_of_view == 60.0
    assert scene.components.coloring.color[0].components.component[0].ifc_guid == "2" * 22
    assert len(scene.lines.line) == len(scene.clipping_planes.clipping_plane) == len(scene.bitmaps.bitmap) == 1


def test_what_another_writer_wrote_as_2_1_comes_in(tmp_path: Path) -> None:
    peer = PeerBcf.create_new("House")
    made = peer.add_topic("Wall off", "moved", "anna", "Clash", "Open")
    made.topic.labels = ["structure"]
    path = tmp_path / "peer.bcfzip"
    peer.save(path)
    issues = read_bcf(path)
    assert (issues.version, issues.project_name) == ("2.1", "House")
    [only] = issues.topics
    assert (only.title, only.description, only.type, only.labels) == ("Wall off", "moved", "Clash", ("structure",))


texts = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=20)
said = texts.filter(bool)
numbers = st.floats(-1e6, 1e6)
vectors = st.tuples(numbers, numbers, numbers)
guids = st.uuids().map(str)
times = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
components = st.lists(st.builds(Component, said, texts, texts), max_size=2).map(tuple)
cameras = st.builds(Camera, st.sampled_from(["perspective", "orthogonal"]), vectors, vectors, vectors, numbers, numbers)
views = st.builds(
    Viewpoint,
    guids,
    st.none() | cameras,
    components,
    st.builds(Visibility, st.booleans(), components, st.booleans(), st.booleans(), st.booleans()),
    st.lists(st.builds(Coloring, st.just("00FF00"), components), max_size=2).map(tuple),
    st.lists(st.builds(Line, vectors, vectors), max_size=2).map(tuple),
    st.lists(st.builds(ClippingPlane, vectors, vectors), max_size=2).map(tuple),
    st.just(()),
    st.none() | st.just(PNG),
    st.none() | st.integers(0, 9),
)
topics = st.builds(
    Topic,
    guids, said, said, said, times, said, texts, st.none() | st.integers(0, 99), st.lists(said, max_size=2).map(tuple),
    st.none() | times, texts, st.none() | times, texts, texts, texts, texts, st.lists(said, max_size=2).map(tuple),
    st.lists(guids, max_size=2).map(tuple), st.just(()), st.none(), st.just(()),
    st.lists(st.builds(Comment, guids, times, said, texts), max_size=2).map(tuple),
    st.lists(views, max_size=2).map(tuple),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(made=st.lists(topics, max_size=3))
def test_any_topics_survive_being_written_and_read(made: list[Topic], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("bcf") / "issues.bcf"
    write_bcf(Bcf(tuple(made)), path)
    assert read_archive(path).topics == tuple(made)


# --- Older versions ---------------------------------------------------------------------------------------------------

SCENE_2_0 = """<VisualizationInfo><Components>
<Component IfcGuid="s" Selected="true"/><Component IfcGuid="h" Visible="false"/><Component IfcGuid="c" Color="FF0000"/>
</Components><OrthogonalCamera><CameraViewPoint><X>1</X><Y>2</Y><Z>3</Z></CameraViewPoint>
<CameraDirection><X>0</X><Y>0</Y><Z>-1</Z></CameraDirection><CameraUpVector><X>0</X><Y>1</Y><Z>0</Z></CameraUpVector>
<ViewToWorldScale>10</ViewToWorldScale></OrthogonalCamera></VisualizationInfo>"""
MARKUP_2 = f"""<Markup><Topic Guid="{TOPIC}" TopicType="Clash" TopicStatus="Open"><ReferenceLink>x</ReferenceLink>
<Title>T</Title><Labels>a</Labels><Labels>b</Labels><CreationDate>2026-03-14T09:26:53</CreationDate>
<CreationAuthor>anna</CreationAuthor>
<DocumentReferences Guid="{OTHER}" isExternal="false"><ReferencedDocument>..\\plan.pdf</ReferencedDocument>
<Description>plan</Description></DocumentReferences><RelatedTopics Guid="{OTHER}"/></Topic>
<Viewpoints Guid="{VIEW}"><Viewpoint>v.bcfv</Viewpoint></Viewpoints></Markup>"""


def test_what_2_0_says_otherwise_is_translated(tmp_path: Path) -> None:
    files = {f"{TOPIC}/markup.bcf": MARKUP_2, f"{TOPIC}/v.bcfv": SCENE_2_0, "plan.pdf": b"%PDF"}
    issues = read_bcf(archive(tmp_path / "old.bcfzip", files))
    [only] = issues.topics
    assert (only.labels, only.related_topics, only.reference_links) == (("a", "b"), (OTHER,), ("x",))
    [view] = only.viewpoints
    assert view.selection == (Component("s"),)
    assert view.visibility.exceptions == (Component("h"),)
    assert view.coloring == (Coloring("FF0000", (Component("c"),)),)
    assert view.camera is not None
    assert (view.camera.kind, view.camera.extent) == ("orthogonal", 10.0)
    [document] = issues.documents
    assert (document.filename, document.data) == ("plan.pdf", b"%PDF")
    assert only.document_references == (DocumentReference(OTHER, document.guid, description="plan"),)
    assert any("UTC" in note for note in issues.assumptions)


def test_a_document_that_two_topics_refer_to_is_one_document(tmp_path: Path) -> None:
    files = {f"{guid}/markup.bcf": MARKUP_2.replace(TOPIC, guid) for guid in (TOPIC, COMMENT)} | {"plan.pdf": "%PDF"}
    issues = read_bcf(archive(tmp_path / "old.bcfzip", files))
    [document] = issues.documents
    assert {reference.document for each in issues.topics for reference in each.document_references} == {document.guid}
    assert read(bcf_bytes(issues), tmp_path).topics == issues.topics


def test_words_of_an_extensions_schema_come_in(tmp_path: Path) -> None:
    schema = """<schema xmlns="http://www.w3.org/2001/XMLSchema"><redefine schemaLocation="markup.xsd">
    <simpleType name="Priority"><restriction base="Priority"><enumeration value="Hot"/></restriction></simpleType>
    </redefine></schema>"""
    files = {
        "bcf.version": '<Version VersionId="2.1"/>',
        "extensions.xsd": schema,
        f"{TOPIC}/markup.bcf": MARKUP_2,
    }
    assert read_bcf(archive(tmp_path / "old.bcfzip", files)).extensions.priorities == ("Hot",)


# --- Hostile archives -------------------------------------------------------------------------------------------------

BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><Markup><Topic Guid="x"><Title>&b;</Title></Topic></Markup>'
)
HOSTILE: dict[str, dict[str, str | bytes]] = {
    "a path that climbs": {"../../evil.sh": "x"},
    "an absolute path": {"/tmp/evil.sh": "x"},
    "a path of Windows": {"C:\\evil.bat": "x"},
    "a path that climbs with backslashes": {"a\\..\\..\\evil": "x"},
    "a zip bomb": {"bomb.png": b"\0" * 50_000_000},
    "entities": {f"{TOPIC}/markup.bcf": BOMB},
    "broken XML": {f"{TOPIC}/markup.bcf": "<Markup>"},
    "another version": {"bcf.version": '<Version VersionId="9.9"/>'},
    "no topics": {"hello.txt": "hello"},
    "a GUID that is a path": {f"{TOPIC}/markup.bcf": '<Markup><Topic Guid="../x"><Title>t</Title></Topic></Markup>'},
    "a date that is none": {f"{TOPIC}/markup.bcf": MARKUP_2.replace("2026-03-14T09:26:53", "soon")},
    "a camera without a place": {
        f"{TOPIC}/markup.bcf": MARKUP_2,
        f"{TOPIC}/v.bcfv": SCENE_2_0.replace("<X>1</X>", "<X>nan</X>"),
    },
}


@pytest.mark.parametrize("files", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_archive_is_refused_with_one_sentence(files: dict[str, str | bytes], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"bad\.bcf"):
        read_bcf(archive(tmp_path / "bad.bcf", files))
    assert [each.name for each in tmp_path.iterdir()] == ["bad.bcf"]


def test_a_link_and_an_encrypted_entry_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo(f"{TOPIC}/markup.bcf")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "bad.bcf", "w") as opened:
        opened.writestr(link, "/etc/passwd")
    with pytest.raises(BadInput, match="link"):
        read_bcf(tmp_path / "bad.bcf")
    data = bytearray(bcf_bytes(EVERYTHING))
    data[data.rfind(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(BadInput, match="encrypted"):
        read(bytes(data), tmp_path)


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip" * 100], ids=["empty", "cut off", "something else"])
def test_what_is_no_archive_is_refused(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="broken archive"):
        read(data, tmp_path)


def test_a_damaged_archive_never_gets_further_than_a_refusal(tmp_path: Path) -> None:
    sound = bcf_bytes(EVERYTHING)
    for place in range(0, len(sound), len(sound) // 25):
        damaged = bytearray(sound)
        damaged[place] ^= 0xFF
        with contextlib.suppress(BadInput):
            read(bytes(damaged), tmp_path)


def test_no_mutant_of_its_files_meets_anything_but_a_refusal(tmp_path: Path) -> None:
    rng = random.Random(4)
    with zipfile.ZipFile(io.BytesIO(bcf_bytes(EVERYTHING))) as opened:
        sound = {name: opened.read(name) for name in opened.namelist()}
    for _ in range(300):
        name = rng.choice([each for each in sound if not each.endswith(".png")])
        parts = re.findall(rb'"[^"]*"|<[^>]*>|[^<>"]+', sound[name])
        parts[rng.randrange(len(parts))] = rng.choice([b"", b"..", b"nan", b"<x/>", b"1e999", b"2026-13-99", b"\xff"])
        path = archive(tmp_path / "mutant.bcf", sound | {name: b"".join(parts)})
        with contextlib.suppress(BadInput):
            read_archive(path)


def test_a_snapshot_that_is_no_picture_is_left_out_and_said(tmp_path: Path) -> None:
    data = bcf_bytes(EVERYTHING)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, b"<script>" if name.endswith(f"{VIEW}.png") else old.read(name))
    issues = read(out.getvalue(), tmp_path)
    assert issues.topics[0].viewpoints[0].snapshot is None
    assert any("neither PNG nor JPEG" in note for note in issues.assumptions)


@pytest.mark.parametrize(
    "bad",
    [Bcf((topic(title=""),)), Bcf((topic(), topic())), Bcf((topic(guid="../x"),))],
    ids=["no title", "two of one GUID", "a GUID that is a path"],
)
def test_what_bcf_cannot_hold_is_not_written(bad: Bcf) -> None:
    with pytest.raises(BadInput):
        bcf_bytes(bad)
