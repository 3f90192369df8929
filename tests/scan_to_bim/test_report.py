"""What a comparison leaves behind: JSON, a table, a page, BCF topics and coloured models."""

import hashlib
import io
import json
import re
import struct
import zipfile
from base64 import b64encode
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from uuid import UUID
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from bim.errors import BadInput
from bim.frames import is_rigid, rigid
from bim.mesh import Mesh
from bim.model import Building, Element, Source, Storey
from bim.verdict import Deviation, Evidence, Reason, State, Verdict
from scan_to_bim.pipeline import TOLERANCES
from scan_to_bim.report.bcf import MAX_SINGLE, TYPES, to_bcf, topics
from scan_to_bim.report.contract import json_bytes, to_json
from scan_to_bim.report.deviation_maps import colour, deviation_maps
from scan_to_bim.report.glb import to_glb
from scan_to_bim.report.outputs import ifc_targets, write_outputs
from scan_to_bim.report.page import to_html
from scan_to_bim.report.plans import plans
from scan_to_bim.report.progress import by_class, by_storey, progress
from scan_to_bim.report.render import Camera, Paint, draw
from scan_to_bim.report.sections import section
from scan_to_bim.report.summary import percent, sure
from scan_to_bim.report.table import table
from scan_to_bim.report.words import LOOKS, rgb
from scan_to_bim.result import Candidate, Input, Outcome, Registration, Report, Samples, Unexplained, Viewpoint

DATE = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
BOX = np.array([
    [0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7], [0, 1, 5], [0, 5, 4],
    [1, 2, 6], [1, 6, 5], [2, 3, 7], [2, 7, 6], [3, 0, 4], [3, 4, 7],
])  # fmt: skip
CORNERS = np.array(
    [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]], dtype=float
)
ROOM = [
    ("IfcSlab", "ground", [0, 0, -0.2], [6, 4, 0], State.BUILT),
    ("IfcWall", "ground", [0, 0, 0], [6, 0.2, 3], State.DISPLACED),
    ("IfcWall", "ground", [0, 3.8, 0], [6, 4, 3], State.PARTIAL),
    ("IfcDoor", "ground", [5.8, 1, 0], [6, 2, 2], State.ABSENT),
    ("IfcSlab", "upper", [0, 0, 3], [6, 4, 3.2], State.UNSEEN),
    ("IfcDuctSegment", "upper", [1, 1, 5.5], [5, 1.3, 5.8], State.ABSENT),
    ("IfcColumn", "", [7, 1, 0], [7.3, 1.3, 3], State.BUILT),
]
COMPLETION = {
    State.BUILT: (1.0, 0.95, 1.0),
    State.DISPLACED: (1.0, 1.0, 1.0),
    State.PARTIAL: (0.5, 0.45, 0.6),
    State.ABSENT: (0.0, 0.0, 0.0),
    State.UNSEEN: (None, 0.0, 1.0),
}


def guid(i: int) -> str:
    return f"{i:022d}"


def verdict(i: int, state: State, confidence: float = 0.97) -> Verdict:
    completion, low, high = COMPLETION[state]
    shift = Deviation((0.0, 0.031, 0.0), (0.0, 0.0, 0.0), 0.0012, 0.031, 0.033, False)
    return Verdict(
        guid(i), state, completion, low, high, 0.8, confidence, Evidence(40, 5, 3, 2),
        shift if state is State.DISPLACED else None, Reason(f"Because {state.value}.", "有依据。"),
    )  # fmt: skip


def building(
    parts: list[tuple[str, str, list[float], list[float], State]], names: dict[int, str] | None = None
) -> Building:
    vertices = [np.array(low) + CORNERS * (np.array(high) - np.array(low)) for _, _, low, high, _ in parts]
    mesh = Mesh(
        np.concatenate([np.empty((0, 3)), *vertices]),
        np.concatenate([np.empty((0, 3)), *(BOX + 8 * i for i in range(len(parts)))]).astype(np.int32),
        np.repeat(np.arange(len(parts)), 12).astype(np.int32),
    )
    elements = []
    for i, (ifc_class, storey, low, high, _) in enumerate(parts):
        x, y, z = np.array(high) - np.array(low)
        name = (names or {}).get(i, f"Part {i}")
        elements.append(Element(guid(i), ifc_class, name, storey, None, 0, 2 * (x * y + y * z + z * x), x * y * z))
    storeys = (Storey("s" * 22, "ground", 0.0), Storey("t" * 22, "upper", 3.2))
    return Building(tuple(elements), storeys, mesh, (Source("models/room.ifc", "ab" * 32, "IFC4", len(parts)),))


def samples(model: Building, verdicts: tuple[Verdict, ...]) -> Samples:
    """A grid on every triangle, moved as the verdict says."""
    steps = np.array([(a, b) for a in np.arange(0.05, 1, 0.1) for b in np.arange(0.05, 1, 0.1) if a + b < 1])
    c = model.mesh.corners
    xyz = (
        c[:, None, 0] + steps[:, :1] * (c[:, None, 1] - c[:, None, 0]) + steps[:, 1:] * (c[:, None, 2] - c[:, None, 0])
    ).reshape(-1, 3)
    element = np.repeat(model.mesh.element, len(steps))
    normal = np.repeat(model.mesh.normals, len(steps), axis=0)
    outcomes = {State.ABSENT: Outcome.ABSENT, State.UNSEEN: Outcome.OCCLUDED}
    outcome = np.array([outcomes.get(v.state, Outcome.PRESENT) for v in verdicts], dtype=np.uint8)[element]
    shift = np.array([v.deviation.translation_m if v.deviation else (0, 0, 0) for v in verdicts]).reshape(-1, 3)[
        element
    ]
    deviation = np.where(outcome == Outcome.PRESENT, (normal * shift).sum(axis=1), np.nan).astype(np.float32)
    area = np.repeat(model.mesh.areas / len(steps), len(steps)).astype(np.float32)
    return Samples(xyz, normal.astype(np.float32), element, area, outcome, deviation)


def report(parts=ROOM, names: dict[int, str] | None = None) -> Report:  # type: ignore[no-untyped-def]
    model = building(parts, names)
    verdicts = tuple(verdict(i, state) for i, (*_, state) in enumerate(parts))
    pose = rigid(np.array([0.001, -0.002, 0.7]), np.array([12.3456789, -4.5, 0.25]))
    return Report(
        building=model,
        inputs=(
            Input("scans/room.laz", "cd" * 32, points=12345),
            Input("models/room.ifc", "ab" * 32, elements=len(parts)),
        ),
        registration=Registration(
            pose, "auto", 0.003, 0.0009, 0.0001, 0.87, 0.998, False, (Candidate(np.eye(4), 0.4, "mirrored"),)
        ),
        stations_site_m=np.array([[3.0, 2.0, 1.6], [-40.0, 2.0, 1.6]]),
        samples=samples(model, verdicts),
        verdicts=verdicts,
        unexplained=(Unexplained("scaffold", ((0.0, 0.0, 0.0), (1.0, 1.0, 3.0)), 812),),
        next_viewpoints=(Viewpoint((3.0, 2.0, 4.8), "upper", (guid(4),)),),
        tolerances=TOLERANCES,
        assumptions=("The scan has no scanner origins.",),
        timing_s={"total": 1.25},
        peak_memory_bytes=1024,
    )


@pytest.fixture(scope="module")
def room() -> Report:
    return report()


@pytest.fixture(scope="module")
def page(room: Report) -> str:
    return to_html(room, DATE).decode()


HOSTILE = '</script><script>alert(1)</script><img src=x onerror="alert(2)">]]>&{{7*7}}[bold]\x00\x1b\ud800\u2028'


@pytest.fixture(scope="module")
def hostile() -> Report:
    return report(names=dict.fromkeys(range(len(ROOM)), HOSTILE))


# --- JSON


def test_json_has_the_keys_of_the_contract(room: Report) -> None:
    document = to_json(room)
    assert {
        "sitewright", "schema", "inputs", "registration", "elements", "unexplained", "progress", "assumptions",
        "timing_s", "peak_memory_bytes",
    } <= document.keys()  # fmt: skip
    assert {
        "T_site_scan", "method", "rmse_m", "sigma_m", "sigma_rad", "inlier_share", "confidence", "ambiguous",
        "alternatives",
    } <= document["registration"].keys()  # fmt: skip
    assert {
        "global_id", "ifc_class", "name", "storey", "system", "state", "completion", "observable", "confidence",
        "evidence", "deviation", "reason",
    } <= document["elements"][0].keys()  # fmt: skip
    assert document["elements"][0]["evidence"].keys() == {"present", "absent", "occluded", "not_covered"}
    assert document["elements"][1]["deviation"].keys() == {
        "translation_m", "rotation_rad", "sigma_m", "rms_m", "p95_m", "within_tolerance", "clause",
    }  # fmt: skip
    assert document["inputs"][0].keys() == {"path", "sha256", "points", "elements"}
    assert document["unexplained"][0].keys() == {"kind", "bbox_site_m", "points"}
    assert document["progress"].keys() == {"by_storey", "by_class", "total"}


def test_an_element_that_was_not_seen_has_no_completion_and_an_absent_one_has_zero(room: Report) -> None:
    by_state = {element["state"]: element["completion"] for element in to_json(room)["elements"]}
    assert by_state["unseen"] is None
    assert by_state["absent"] == 0.0


def test_json_never_holds_what_json_cannot_say(room: Report) -> None:
    wild = Deviation((0.0, float("nan"), 0.1), (0.0, 0.0, -0.0), float("inf"), 0.1, 0.1, False)
    verdicts = (replace(room.verdicts[0], deviation=wild), *room.verdicts[1:])
    text = json_bytes(replace(room, verdicts=verdicts)).decode()
    document = json.loads(text, parse_constant=lambda constant: pytest.fail(f"{constant} in JSON"))
    assert document["elements"][0]["deviation"]["translation_m"] == [0.0, None, 0.1]
    assert document["elements"][0]["deviation"]["sigma_m"] is None
    assert "-0.0" not in re.findall(r"-0\.0\b(?!\d)", text)


def test_the_pose_in_json_is_still_a_rotation_when_read_back(room: Report) -> None:
    assert is_rigid(np.array(json.loads(json_bytes(room))["registration"]["T_site_scan"]), tolerance=1e-10)


def test_names_that_no_text_file_could_hold_still_make_valid_json(hostile: Report) -> None:
    assert json.loads(json_bytes(hostile))["elements"][0]["name"] == HOSTILE


# --- progress

states = st.lists(
    st.tuples(st.sampled_from(list(State)), st.sampled_from(["ground", "upper", "", "elsewhere"]), st.floats(0, 1e4)),
    max_size=30,
)


@given(states)
def test_storeys_and_classes_add_up_to_the_total(chosen: list[tuple[State, str, float]]) -> None:
    members = [
        (Element(guid(i), ("IfcWall", "IfcSlab")[i % 2], "", storey, None, 0, area, 0.1 * area), verdict(i, state))
        for i, (state, storey, area) in enumerate(chosen)
    ]
    total = progress("", members)
    for parts in (by_storey(members, ["ground", "upper"]), by_class(members)):
        assert sum(part.elements for part in parts) == total.elements == sum(total.counts.values())
        assert all(sum(part.counts[state] for part in parts) == total.counts[state] for state in State)
        assert sum(part.area_m2.total for part in parts) == pytest.approx(total.area_m2.total)
        assert sum(part.volume_m3.built for part in parts) == pytest.approx(total.volume_m3.built)
    assert total.area_m2.judged + total.area_m2.unseen == pytest.approx(total.area_m2.total)
    assert total.area_m2.built <= total.area_m2.judged + 1e-6
    assert 0.0 <= total.percent_low <= total.percent_high + 1e-9 <= 100.0 + 1e-6


@given(st.floats(0, 100), st.floats(0, 100))
def test_a_range_in_percent_is_never_narrower_than_what_is_known(a: float, b: float) -> None:
    low, high = sorted((a, b))
    shown = [int(n) for n in re.findall(r"\d+", percent(low, high))]
    assert shown[0] <= low + 1e-5
    assert shown[-1] >= high - 1e-5


def test_nothing_is_called_certain_that_is_not() -> None:
    assert sure(0.999) == "99 %"
    assert sure(1.0) == "100 %"


# --- table


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_table_names_what_is_displaced_with_its_figures(room: Report, language: str) -> None:
    text = printed(room, language)
    assert "31 mm ± 1.2 (Y +31)" in text
    assert LOOKS[State.DISPLACED].word.to(language) in text  # type: ignore[arg-type]
    assert "±0.9" in text
    assert "The scan has no scanner origins." in text


def test_markup_in_a_name_is_only_text(hostile: Report) -> None:
    text = printed(hostile, "en")
    assert "[bold]" in text
    assert "\x1b" not in text


def printed(value: Report, language: str) -> str:
    console = Console(file=io.StringIO(), width=300)
    console.print(table(value, language))  # type: ignore[arg-type]
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


# --- page


class Outline(HTMLParser):
    """Tags, attributes and the text of each tag's kind, as a browser would find them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data


def test_the_page_needs_nothing_from_outside(page: str) -> None:
    for tag, attributes in Outline(page).tags:
        for name, value in attributes.items():
            assert not name.startswith("on"), (tag, name)
            if name in ("src", "href", "xlink:href"):
                assert (value or "").startswith(("data:image/png;base64,", "#")), (tag, value)
            assert name != "style", "the policy forbids inline styles"


def test_the_policy_allows_the_pages_own_script_and_style_and_no_other(page: str) -> None:
    outline = Outline(page)
    policy = next(a["content"] for tag, a in outline.tags if a.get("http-equiv") == "Content-Security-Policy")
    script = page[page.rindex("<script>") + 8 : page.rindex("</script>")]
    for kind, text in (("script-src", script), ("style-src", outline.text["style"])):
        digest = b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{kind} 'sha256-{digest}'" in (policy or "")
    assert "default-src 'none'" in (policy or "")


def test_a_hostile_name_stays_text(hostile: Report) -> None:
    text = to_html(hostile, DATE).decode()
    tags = [tag for tag, _ in Outline(text).tags]
    assert tags.count("script") == 2
    assert "img" not in tags
    assert "{{" not in text.replace("{{7*7}}", "")
    assert "49" not in re.findall(r"&amp;(.{2})", text)


def test_the_pages_data_reads_back_as_the_models_words(hostile: Report) -> None:
    data = re.search(r'id="data">(.*?)</script>', to_html(hostile, DATE).decode(), re.DOTALL)
    assert data
    name = json.loads(data.group(1))["rows"][0]["name"]
    assert name == HOSTILE.replace("\ud800", "?")


def test_everything_is_said_in_both_languages(page: str) -> None:
    english = re.findall(r'<span class="en" lang="en">(.*?)</span>', page)
    chinese = re.findall(r'<span class="zh" lang="zh-CN">(.*?)</span>', page)
    assert len(english) == len(chinese) > 100
    assert all(text.strip() for text in english + chinese)
    assert any(re.search(r"[\u4e00-\u9fff]", text) for text in chinese)


def test_every_element_is_in_a_plan_and_in_the_table(room: Report, page: str) -> None:
    for element in room.building.elements:
        assert f'data-guid="{element.global_id}"' in page
        assert f'"guid":"{element.global_id}"' in page


def test_the_same_report_gives_the_same_bytes(room: Report) -> None:
    again = report()
    assert json_bytes(again) == json_bytes(room)
    assert to_html(again, DATE) == to_html(room, DATE)
    assert to_bcf(again, DATE) == to_bcf(room, DATE)
    assert to_glb(again) == to_glb(room)


@pytest.mark.parametrize("state", list(State))
def test_the_words_of_a_state_have_a_contrast_of_seven_to_one(state: State) -> None:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb(LOOKS[state].ink)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 7.0


def test_a_report_without_elements_is_still_a_report() -> None:
    nothing = report(parts=[])
    empty = replace(nothing, stations_site_m=np.empty((0, 3)), next_viewpoints=())
    assert to_json(empty)["progress"]["total"]["elements"] == 0
    assert b"<!DOCTYPE html>" in to_html(empty, DATE)
    assert zipfile.ZipFile(io.BytesIO(to_bcf(empty, DATE))).testzip() is None
    assert to_glb(empty)[:4] == b"glTF"
    assert printed(empty, "en")


# --- plans and maps


@given(st.floats(0.05, 2.95))
@settings(max_examples=20)
def test_a_section_of_a_box_is_its_outline_at_any_height(z_m: float) -> None:
    segments, owner = section(building(ROOM[1:2]).mesh, z_m)
    assert np.linalg.norm(segments[:, 0] - segments[:, 1], axis=1).sum() == pytest.approx(2 * (6 + 0.2))
    assert set(owner.tolist()) == {0}


def test_a_plan_tells_what_is_cut_from_what_lies_below_and_above(room: Report) -> None:
    drawn = {plan.storey: {shape.element: shape.layer for shape in plan.shapes} for plan in plans(room)}
    assert drawn["ground"] == {0: "below", 1: "cut", 2: "cut", 3: "cut", 6: "cut"}
    assert drawn["upper"] == {4: "below", 5: "above"}
    assert list(drawn) == ["ground", "upper", ""]


def test_a_scanner_outside_the_plan_is_marked_at_its_border(room: Report) -> None:
    ground = next(plan for plan in plans(room) if plan.storey == "ground")
    assert [mark.inside for mark in ground.stations] == [True, False]
    assert 0.0 < ground.stations[1].x < 1.0


def test_only_storeys_with_elements_in_doubt_show_what_was_not_seen(room: Report) -> None:
    assert {plan.storey for plan in plans(room) if plan.unseen} == {"upper"}


def test_the_colours_of_a_deviation_jump_at_the_tolerance() -> None:
    inside, outside, minus = colour(np.array([0.0149, 0.0151, -0.0151]), 0.015, 0.03).astype(int)
    assert np.abs(outside - inside).max() > 80
    assert outside[0] > outside[2]
    assert minus[2] > minus[0]


def test_a_map_shows_every_measured_side_of_a_displaced_wall(room: Report) -> None:
    worst = deviation_maps(room)[0]
    assert worst.element == 1
    assert worst.limit_m == pytest.approx(0.035)
    assert {face.title.en for face in worst.faces} >= {"side facing +Y", "side facing −Y"}
    front = next(face for face in worst.faces if face.title.en == "side facing +Y")
    assert (front.width_m, front.height_m) == (pytest.approx(6.0, abs=0.8), pytest.approx(3.0, abs=0.5))


def test_what_stands_in_front_hides_what_is_behind_unless_it_is_a_ghost() -> None:
    model = building(
        [("IfcWall", "", [-1, 0, -1], [1, 0.1, 1], State.BUILT), ("IfcWall", "", [-1, 5, -1], [1, 6, 1], State.ABSENT)]
    )
    fill = np.array([[255, 0, 0], [0, 0, 255]], dtype=np.uint8)[model.mesh.element]
    paint = Paint(
        fill,
        fill,
        np.where(model.mesh.element == 0, 0.5, 1.0).astype(np.float32),
        np.zeros(24, dtype=np.uint8),
        model.mesh.element,
    )
    camera = Camera(np.array([0.0, -5.0, 0.0]), np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0]), 0.5)
    hidden = draw(model.mesh.corners, paint, np.zeros(24, dtype=bool), camera, 60, 40)[20, 30]
    shown = draw(model.mesh.corners, paint, model.mesh.element == 0, camera, 60, 40)[20, 30]
    assert hidden[0] > hidden[2]
    assert shown[0] < hidden[0]


# --- BCF


def archive(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


TOPIC_ORDER = [
    "ReferenceLinks", "Title", "Priority", "Index", "Labels", "CreationDate", "CreationAuthor", "ModifiedDate",
    "ModifiedAuthor", "DueDate", "AssignedTo", "Stage", "Description", "BimSnippet", "DocumentReferences",
    "RelatedTopics", "Comments", "Viewpoints",
]  # fmt: skip


def assert_bcf_3(files: dict[str, bytes]) -> None:
    """The structure that BCF 3.0 asks for: files, element order, required attributes, references that resolve."""
    assert ElementTree.fromstring(files["bcf.version"]).get("VersionId") == "3.0"
    project = ElementTree.fromstring(files["project.bcfp"]).find("Project")
    assert project is not None
    assert project.get("ProjectId")
    extensions = ElementTree.fromstring(files["extensions.xml"])
    assert [child.tag for child in extensions] == [
        "TopicTypes", "TopicStatuses", "Priorities", "TopicLabels", "Users", "SnippetTypes", "Stages",
    ]  # fmt: skip
    known = {child.tag: {item.text for item in child} for child in extensions}
    folders = {name.split("/")[0] for name in files if "/" in name}
    for folder in folders:
        markup = ElementTree.fromstring(files[f"{folder}/markup.bcf"])
        assert [child.tag for child in markup] == ["Header", "Topic"]
        topic = markup.find("Topic")
        assert topic is not None
        assert topic.get("Guid") == folder == str(UUID(folder))
        order = [TOPIC_ORDER.index(child.tag) for child in topic]
        assert order == sorted(set(order))
        assert topic.get("TopicType") in known["TopicTypes"]
        assert topic.get("TopicStatus") in known["TopicStatuses"]
        assert topic.findtext("CreationAuthor") in known["Users"]
        assert topic.findtext("Priority") in known["Priorities"]
        assert {label.text for label in topic.findall("Labels/Label")} <= known["TopicLabels"]
        assert topic.findtext("CreationDate") == "2026-03-04T09:30:00Z"
        assert (topic.findtext("Title") or "").strip()
        for point in topic.findall("Viewpoints/ViewPoint"):
            assert_viewpoint(
                ElementTree.fromstring(files[f"{folder}/{point.findtext('Viewpoint')}"]), point.get("Guid")
            )
            assert files[f"{folder}/{point.findtext('Snapshot')}"].startswith(b"\x89PNG")


def assert_viewpoint(view: ElementTree.Element, identifier: str | None) -> None:
    assert view.get("Guid") == identifier
    assert [child.tag for child in view] == ["Components", "PerspectiveCamera"]
    components = view.find("Components")
    assert components is not None
    assert [child.tag for child in components] == ["Selection", "Visibility", "Coloring"]
    for component in view.iter("Component"):
        assert re.fullmatch(r"[0-9A-Za-z_$]{22}", component.get("IfcGuid", ""))
    assert re.fullmatch(r"[0-9A-F]{6}", components.find("Coloring/Color").get("Color"))  # type: ignore[union-attr,arg-type]
    camera = view.find("PerspectiveCamera")
    assert camera is not None
    assert [child.tag for child in camera] == [
        "CameraViewPoint", "CameraDirection", "CameraUpVector", "FieldOfView", "AspectRatio",
    ]  # fmt: skip
    direction, up = vector(camera, "CameraDirection"), vector(camera, "CameraUpVector")
    assert np.linalg.norm(direction) == pytest.approx(1.0, abs=1e-5)
    assert direction @ up == pytest.approx(0.0, abs=1e-5)
    assert up[2] > 0.0


def vector(camera: ElementTree.Element, name: str) -> np.ndarray:  # type: ignore[type-arg]
    return np.array([float(camera.findtext(f"{name}/{axis}") or "nan") for axis in "XYZ"])


def test_topics_have_the_structure_of_bcf_3(room: Report) -> None:
    files = archive(to_bcf(room, DATE))
    assert_bcf_3(files)
    assert len([name for name in files if name.endswith("markup.bcf")]) == 3


def test_names_that_xml_cannot_hold_do_not_break_a_topic(hostile: Report) -> None:
    assert_bcf_3(archive(to_bcf(hostile, DATE)))


def test_each_camera_looks_at_its_element(room: Report) -> None:
    files = archive(to_bcf(room, DATE))
    for topic in topics(room):
        (view,) = [name for name in files if name.startswith(f"{topic.guid}/") and name.endswith(".bcfv")]
        camera = ElementTree.fromstring(files[view]).find("PerspectiveCamera")
        assert camera is not None
        corners = room.building.mesh.corners[room.building.mesh.of(topic.elements[0])].reshape(-1, 3)
        way = 0.5 * (corners.min(axis=0) + corners.max(axis=0)) - vector(camera, "CameraViewPoint")
        assert way @ vector(camera, "CameraDirection") == pytest.approx(np.linalg.norm(way), rel=1e-4)


def test_an_absence_that_is_not_sure_is_no_topic(room: Report) -> None:
    verdicts = tuple(replace(v, confidence=0.6) for v in room.verdicts)
    assert [topic.state for topic in topics(replace(room, verdicts=verdicts))] == [State.DISPLACED]


def test_hundreds_of_absent_elements_become_one_topic_a_storey_and_class() -> None:
    parts = [
        ("IfcColumn", ("ground", "upper")[i % 2], [i, 0, 0], [i + 0.3, 0.3, 3], State.ABSENT)
        for i in range(MAX_SINGLE + 1)
    ]
    found = list(topics(report(parts)))
    assert [topic.title.en for topic in found] == ["51 × Column absent: ground", "50 × Column absent: upper"]
    assert sorted(i for topic in found for i in topic.elements) == list(range(MAX_SINGLE + 1))


def test_another_program_reads_the_topics(room: Report, tmp_path: Path) -> None:
    bcfxml = pytest.importorskip("bcf.v3.bcfxml", reason="needs bcf-client")
    path = tmp_path / "topics.bcf"
    path.write_bytes(to_bcf(room, DATE))
    read = bcfxml.BcfXml.load(path)
    assert {topic.topic.topic_type for topic in read.topics.values()} == set(TYPES.values())
    selected = {
        component.ifc_guid
        for topic in read.topics.values()
        for view in topic.viewpoints.values()
        for component in view.visualization_info.components.selection.component
    }
    assert selected == {guid(1), guid(3), guid(5)}


# --- GLB


def test_the_glb_holds_every_triangle_in_the_primitive_of_its_storey_and_state(room: Report) -> None:
    trimesh = pytest.importorskip("trimesh")
    scene = trimesh.load(io.BytesIO(to_glb(room)), file_type="glb", process=False)
    assert len(scene.geometry) == 7
    assert sum(len(mesh.faces) for mesh in scene.geometry.values()) == len(room.building.mesh.triangles)
    low, high = scene.bounds
    offset = np.array(gltf(to_glb(room))["scenes"][0]["extras"]["offset_site_m"])
    site = np.array([[low[0], -high[2], low[1]], [high[0], -low[2], high[1]]]) + offset
    np.testing.assert_allclose(site, [[0, 0, -0.2], [7.3, 4, 5.8]], atol=1e-5)


def test_each_vertex_of_the_glb_knows_its_element(room: Report) -> None:
    data = to_glb(room)
    document = gltf(data)
    binary = data[20 + struct.unpack_from("<I", data, 12)[0] + 8 :]
    guids = document["scenes"][0]["extras"]["global_ids"]
    for mesh in document["meshes"]:
        (primitive,) = mesh["primitives"]
        accessor = document["accessors"][primitive["attributes"]["_FEATURE_ID_0"]]
        view = document["bufferViews"][accessor["bufferView"]]
        for feature in set(np.frombuffer(binary, "<f4", accessor["count"], view["byteOffset"]).tolist()):
            element, found = room.building.elements[int(feature)], room.verdicts[int(feature)]
            assert guids[int(feature)] == element.global_id
            assert primitive["extras"] == {"storey": element.storey, "state": found.state.value}
            assert document["materials"][primitive["material"]]["name"] == found.state.value


def test_coordinates_far_from_the_origin_keep_their_millimetres_in_the_glb(room: Report) -> None:
    mesh = room.building.mesh
    far = replace(mesh, vertices=mesh.vertices + np.array([4.6e6, 5.2e6, 300.0]))
    moved, near = to_glb(replace(room, building=replace(room.building, mesh=far))), to_glb(room)
    for a, b in zip(gltf(moved)["accessors"], gltf(near)["accessors"], strict=True):
        np.testing.assert_allclose(
            np.subtract(a.get("max", 0), a.get("min", 0)), np.subtract(b.get("max", 0), b.get("min", 0)), atol=1e-5
        )


def gltf(data: bytes) -> dict:  # type: ignore[type-arg]
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON"
    return json.loads(data[20 : 20 + size])  # type: ignore[no-any-return]


# --- files


def test_every_file_that_is_asked_for_is_written(room: Report, tmp_path: Path) -> None:
    targets = {kind: tmp_path / f"out.{kind}" for kind in ("json", "html", "bcf", "glb")}
    assert write_outputs(room, **targets, date=DATE) == list(targets.values())
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in targets.values())
    assert targets["json"].read_bytes() == json_bytes(room)


def test_when_one_file_cannot_be_written_none_is(room: Report, tmp_path: Path) -> None:
    kept = tmp_path / "out.json"
    kept.write_text("as it was")
    with pytest.raises(BadInput, match="a folder that exists"):
        write_outputs(room, json=kept, glb=tmp_path / "nowhere" / "out.glb")
    assert kept.read_text() == "as it was"
    assert list(tmp_path.iterdir()) == [kept]


def test_a_folder_in_the_place_of_a_target_is_refused(room: Report, tmp_path: Path) -> None:
    (tmp_path / "out.json").mkdir()
    with pytest.raises(BadInput, match="it is a folder"):
        write_outputs(room, glb=tmp_path / "out.glb", json=tmp_path / "out.json")
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


class Interrupted(tuple):  # type: ignore[type-arg]
    """Values at whose reading the user presses Ctrl-C."""

    def __iter__(self):  # type: ignore[no-untyped-def]
        raise KeyboardInterrupt


def test_an_interrupt_leaves_nothing_half_written(room: Report, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_outputs(
            replace(room, unexplained=Interrupted()),
            glb=tmp_path / "a.glb",
            html=tmp_path / "a.html",
            bcf=tmp_path / "a.bcf",
            json=tmp_path / "a.json",
        )
    assert list(tmp_path.iterdir()) == []


def test_of_several_models_each_is_written_under_its_own_name() -> None:
    target = Path("out/site.ifc")
    assert ifc_targets(target, ["a/walls.ifc"]) == [target]
    assert ifc_targets(target, ["a/walls.ifc", "b/steel.ifc"]) == [
        Path("out/site-walls.ifc"),
        Path("out/site-steel.ifc"),
    ]
    assert ifc_targets(target, ["a/m.ifc", "b/m.ifc"]) == [Path("out/site-m-1.ifc"), Path("out/site-m-2.ifc")]
