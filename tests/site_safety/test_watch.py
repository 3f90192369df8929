"""The loop from frames to stops, hazards and clips; a camera that dies is an alarm; a site's own heads."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest

from bim.errors import BadInput
from site_safety.camera_health import CameraState
from site_safety.cameras import Camera, Trouble
from site_safety.detector import Detection
from site_safety.detector_models import Picture
from site_safety.equipment import PIECES, Equipment, EquipmentJudge, shipped_heads
from site_safety.label import Examples, examples_of, read_answers, retrain
from site_safety.rules_policy import default_policy
from site_safety.rules_scene import Alarm, Phase, StopWish
from site_safety.streams import Frame
from site_safety.tracks import Box, Kind, Worn
from site_safety.watch import Eye, Watch
from site_safety.zones import Zone, ZoneKind
from sitewright.cli import run
from tests.site_safety.test_calibration import camera as calibrated_camera
from tests.site_safety.test_calibration import marks_of
from tests.site_safety.test_camera_health import boxes

START = datetime(2026, 4, 30, 12, 0, tzinfo=UTC)
STOREY = "Ground floor"
ROOM = Zone("cell-1", "Cell 1", ZoneKind.ROBOT, STOREY, ((8.0, -2.0), (16.0, -2.0), (16.0, 4.0), (8.0, 4.0)))


class Walkers:
    """A detector that is told who stands where (a real protocol implementation, no model)."""

    name = "told"

    def __init__(self) -> None:
        self.people: list[Box] = []

    def detect(self, picture: Picture, least_score: float = 0.05) -> tuple[Detection, ...]:
        return tuple(Detection(Kind.PERSON, box, 0.9) for box in self.people)


class NobodyTells(EquipmentJudge):
    """Equipment that is never told."""

    def __init__(self) -> None: ...

    def judge(self, picture: Picture, people: Sequence[Box]) -> list[Equipment]:
        return [Equipment() for _ in people]


class Recorder:
    """Robots that write down what they are told."""

    def __init__(self) -> None:
        self.stops: list[StopWish] = []
        self.said: list[tuple[list[str], list[str]]] = []

    def stop(self, wish: StopWish, alarm: Alarm) -> None:
        self.stops.append(wish)

    def people(self, watched: Sequence[str], occupied: Sequence[str]) -> None:
        self.said.append((list(watched), list(occupied)))


class Film:
    """Frames one after another."""

    def __init__(self) -> None:
        self.next: Frame | None = None

    trouble = Trouble.NONE

    def newest(self) -> Frame | None:
        frame, self.next = self.next, None
        return frame

    def keep_alive(self) -> bool:
        return False


class Site:
    """One camera over a robot's zone, driven by hand at five frames a second."""

    def __init__(self, folder: Path, zones: tuple[Zone, ...] = (ROOM,)) -> None:
        self.robots, self.detector, self.film = Recorder(), Walkers(), Film()
        self.truth = calibrated_camera()
        setting = Camera("north", "North", "unused", STOREY, guards=("cell-1",))
        eye = Eye(setting, self.detector, NobodyTells(), self.truth)
        self.watch = Watch([eye], {"north": self.film}, zones, default_policy(), self.robots, folder, START)
        self.at, self.rng = START, np.random.default_rng(0)
        self.view = cv2.resize(boxes(1), (1280, 720))

    def stands(self, x: float, y: float) -> None:
        low, high = self.truth.project(np.array([[x, y, 0.0], [x, y, 1.75]]))
        self.detector.people = [(low[0] - 25.0, high[1], low[0] + 25.0, low[1])]

    def tick(self, seconds: float, *, frames: bool = True) -> list[Alarm]:
        alarms: list[Alarm] = []
        for _ in range(round(5 * seconds)):
            self.at += timedelta(seconds=0.2)
            if frames:
                noise = self.rng.integers(0, 4, self.view.shape, dtype=np.uint8)
                self.film.next = Frame(cv2.add(self.view, noise), self.at, 1, 0.0)
            alarms += self.watch.tick(lambda: self.at)
        return alarms


@pytest.fixture
def site(tmp_path: Path):  # type: ignore[no-untyped-def]
    found = Site(tmp_path)
    with found.watch:
        yield found


# --- From a frame to a stop -----------------------------------------------------------------------------------------


def test_nobody_on_site_stops_nothing_and_the_zone_is_said_to_be_watched(site: Site) -> None:
    assert site.tick(5.0) == []
    assert site.robots.stops == []
    assert set(map(str, site.robots.said)) == {"(['cell-1'], [])"}


def test_a_person_in_a_robots_zone_stops_its_robots_within_a_second(site: Site) -> None:
    site.tick(2.0)
    site.stands(12.0, 1.0)
    alarms = site.tick(1.0)
    assert [alarm.rule for alarm in alarms if alarm.phase is Phase.RAISED] == ["person_in_robot_zone"]
    assert {(wish.scope, wish.ref) for wish in site.robots.stops} == {("zone", "cell-1")}
    assert site.robots.said[-1] == (["cell-1"], ["cell-1"])


def test_a_person_beside_the_zone_stops_nothing(site: Site) -> None:
    site.stands(12.0, 9.0)
    site.tick(3.0)
    assert site.robots.stops == []


def test_a_camera_that_dies_leaves_its_zone_unwatched_and_is_a_hazard(site: Site) -> None:
    site.tick(2.0)
    alarms = site.tick(8.0, frames=False)
    assert site.robots.said[-1][0] == []
    assert any(alarm.camera_id == "north" for alarm in alarms)
    assert any(hazard.camera_id == "north" for hazard in site.watch.register.hazards.values())


def test_a_picture_of_another_shape_places_nobody_and_is_told(site: Site) -> None:
    site.tick(2.0)
    site.view = site.view[:, :900]
    alarms = site.tick(8.0)
    assert site.robots.said[-1][0] == []
    assert any(alarm.camera_id == "north" for alarm in alarms)


def test_a_picture_of_another_size_and_the_same_shape_stops_as_before(site: Site) -> None:
    site.tick(2.0)
    site.view = cv2.resize(site.view, (640, 360))
    site.stands(12.0, 1.0)
    site.detector.people = [(x1 / 2, y1 / 2, x2 / 2, y2 / 2) for x1, y1, x2, y2 in site.detector.people]
    site.tick(2.0)
    assert ("zone", "cell-1") in {(wish.scope, wish.ref) for wish in site.robots.stops}


class Fails(NobodyTells):
    """A detector and heads that no picture suits."""

    name = "fails"

    def detect(self, picture: Picture, least_score: float = 0.05) -> tuple[Detection, ...]:
        raise RuntimeError("no such shape")

    def judge(self, picture: Picture, people: Sequence[Box]) -> list[Equipment]:
        raise RuntimeError("no such shape")


@pytest.mark.parametrize("part", ["detector", "heads"])
def test_a_camera_whose_pictures_cannot_be_judged_is_blind_and_the_others_see(tmp_path: Path, part: str) -> None:
    site = Site(tmp_path)
    broken, film = Camera("south", "South", "unused", STOREY, guards=("cell-2",)), Film()
    detector = Fails() if part == "detector" else site.detector
    eyes = [Eye(broken, detector, Fails()), *site.watch._eyes]
    streams = {"south": film, "north": site.film}
    site.watch = Watch(eyes, streams, (ROOM,), default_policy(), site.robots, tmp_path, START)
    site.stands(12.0, 1.0)
    alarms = []
    with site.watch:
        for _ in range(20):
            film.next = Frame(
                cv2.add(site.view, site.rng.integers(0, 4, site.view.shape, dtype=np.uint8)), site.at, 1, 0.0
            )
            alarms += site.tick(0.2)
        states = [(each.camera_id, each.state) for each in site.watch.health(site.at)]
    assert states == [("south", CameraState.STALE), ("north", CameraState.LIVE)]
    assert {alarm.camera_id for alarm in alarms if alarm.rule == "camera_blind"} == {"south"}
    assert site.robots.said[-1] == (["cell-1"], ["cell-1"])


def test_a_hazard_carries_a_clip_of_ten_seconds(site: Site, tmp_path: Path) -> None:
    site.tick(6.0)
    site.stands(12.0, 1.0)
    site.tick(7.0)
    site.watch.__exit__()  # Twice is once.
    (hazard,) = [h for h in site.watch.register.hazards.values() if h.rule == "person_in_robot_zone"]
    (evidence,) = hazard.evidence
    assert evidence.kind == "clip"
    path = site.watch.register.evidence.file(evidence)
    assert path is not None
    film = cv2.VideoCapture(str(path))
    frames = 0
    while film.grab():
        frames += 1
    assert 9.0 <= frames / film.get(cv2.CAP_PROP_FPS) <= 11.0


def test_the_time_from_frame_to_judgement_is_measured(site: Site) -> None:
    site.tick(2.0)
    assert len(site.watch.latencies_s) == 10


# --- Replay, watch ----------------------------------------------------------------------------------------------------


def test_replay_of_an_empty_road_raises_nothing(shared_data: Path, tmp_path: Path) -> None:
    out = tmp_path / "alarms.json"
    film = shared_data / "safety/videos/intel-car-detection.mp4"
    assert run(["replay", str(film), "--fps", "2", "--json", str(out), "--quiet"]) == 0
    assert json.loads(out.read_text()) == []


def test_replay_says_who_wears_no_helmet(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    film = shared_data / "safety/videos/intel-one-by-one-person.mp4"
    assert run(["replay", str(film), "--fps", "2.5"]) == 0
    assert "A person wears no helmet" in capsys.readouterr().out


def test_replay_refuses_what_shows_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "film.mp4").write_bytes(bytes(3000))
    assert run(["replay", str(tmp_path / "film.mp4")]) == 2
    assert "shows nothing" in capsys.readouterr().err


def site_files(folder: Path, storey: str = STOREY, camera_id: str = "north") -> Path:
    """A film as a camera, its calibration, and cameras.toml."""
    film = cv2.VideoWriter(str(folder / "north.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 10.0, (640, 360))
    for i in range(30):
        film.write(cv2.add(boxes(1), np.full((360, 640, 3), i % 5, dtype=np.uint8)))
    film.release()
    rows = ["u,v,x,y,z", *(",".join(map(str, (*m.picture_px, *m.site_m))) for m in marks_of(calibrated_camera()))]
    (folder / "marks.csv").write_text("\n".join(rows))
    options = ["--camera", camera_id, "--size", "1280x720", "--storey", f"{storey}=0", "--quiet"]
    assert run(["calibrate", str(folder / "marks.csv"), *options, "--out", str(folder / "north.json")]) == 0
    lines = ['[[camera]]\ncamera_id = "north"\nname = "North"\naddress = "north.avi"\ncalibration = "north.json"\n']
    (folder / "cameras.toml").write_text("".join([*lines, f'storey = "{STOREY}"\n']))
    return folder / "cameras.toml"


def test_a_camera_that_gives_no_picture_is_told_with_the_reason_and_the_others_are_watched(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cameras = site_files(tmp_path)
    (tmp_path / "south.mp4").write_bytes(b"no film")
    with cameras.open("a") as more:
        more.write('[[camera]]\ncamera_id = "south"\nname = "South"\naddress = "south.mp4"\n')
    assert run(["watch", str(cameras), "--data", str(tmp_path / "data"), "--seconds", "6"]) == 0
    said = capfd.readouterr().err
    assert "Camera south has sent nothing" in said
    assert "It cannot be opened" in said
    (log,) = (tmp_path / "data").glob("cameras-*.jsonl")
    entries = [json.loads(line)["entry"] for line in log.read_text().splitlines()]
    assert [each["state"] for each in entries if each["camera_id"] == "north"][-1] == "live"


def test_watch_runs_a_sites_cameras_and_writes_down_their_states(tmp_path: Path) -> None:
    cameras = site_files(tmp_path)
    data = tmp_path / "data"
    assert run(["watch", str(cameras), "--data", str(data), "--seconds", "3", "--quiet"]) == 0
    (log,) = data.glob("cameras-*.jsonl")
    states = [json.loads(line)["entry"]["state"] for line in log.read_text().splitlines()]
    assert states[-1] == "live"


@pytest.mark.parametrize(
    ("wrong", "says"), [({"camera_id": "south"}, "is of camera south"), ({"storey": "Roof"}, "sees storey")]
)
def test_a_calibration_for_another_camera_or_storey_is_refused(
    tmp_path: Path, wrong: dict[str, str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["watch", str(site_files(tmp_path, **wrong)), "--data", str(tmp_path / "data")]) == 2
    assert says in capsys.readouterr().err


# --- A site's own heads -----------------------------------------------------------------------------------------------


def examples_where_the_shipped_heads_fail(count: int = 120) -> Examples:
    """People of a site whose helmets are of a sort that the shipped heads call none."""
    rng, heads = np.random.default_rng(4), shipped_heads()
    worn = rng.random(count) < 0.5
    head = heads["helmet"]
    features = head.mean + 0.3 * head.deviation * rng.normal(size=(count, len(head.mean)))
    features[:, :20] += np.where(worn, 4.0, -4.0)[:, None] * head.deviation[:20]
    said = [Worn.YES if each else Worn.NO for each in worn]
    return Examples(features, dict.fromkeys(PIECES, said), np.arange(count))


def test_a_sites_answers_make_its_heads_better_and_both_scores_are_told() -> None:
    trained = retrain(examples_where_the_shipped_heads_fail(), shipped_heads())
    for each in trained.values():
        assert each.better
        assert each.after.accuracy > 0.9 > each.before.accuracy


def test_a_handful_of_answers_is_not_enough() -> None:
    with pytest.raises(BadInput, match="at least 20"):
        retrain(examples_where_the_shipped_heads_fail(12), shipped_heads())


def test_what_detect_wrote_can_be_put_right_and_learned_from() -> None:
    document = [{"image": "a.jpg", "people": [
        {"xyxy": [0, 0, 40, 90], "score": 0.9, "helmet": {"state": "yes", "score": 0.8}, "vest": {"state": "no"}}
    ]}]  # fmt: skip
    examples = examples_of(read_answers(document), lambda _: boxes(2))
    assert examples.features.shape == (1, 3840)
    assert examples.said == {"helmet": [Worn.YES], "vest": [Worn.NO]}


@pytest.mark.parametrize("document", [{}, [{"image": 3, "people": []}], [{"people": []}]])
def test_answers_of_another_shape_are_refused(document: object) -> None:
    with pytest.raises(BadInput):
        read_answers(document)


@pytest.mark.parametrize("answers", ["frames/answers.json", "answers.json"])
def test_label_finds_the_pictures_where_detect_found_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "frames").mkdir()
    cv2.imwrite(str(tmp_path / "frames/0.jpg"), boxes(1))
    monkeypatch.chdir(tmp_path)
    assert run(["detect", "frames/", "--json", answers, "--quiet"]) == 0
    (entry,) = json.loads(Path(answers).read_text())
    entry["people"] = [{"xyxy": [0, 0, 40, 90], "helmet": {"state": "yes"}, "vest": {"state": "no"}}]
    Path(answers).write_text(json.dumps([entry]))
    assert run(["label", answers, "--heads", "heads.npz"]) == 2
    assert "1 answers on the helmet" in capsys.readouterr().err


def test_label_needs_the_pictures_beside_the_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = {"xyxy": [0, 0, 9, 9], "helmet": {"state": "yes"}, "vest": {"state": "no"}}
    (tmp_path / "answers.json").write_text(json.dumps([{"image": "gone.jpg", "people": [person]}]))
    assert run(["label", str(tmp_path / "answers.json"), "--heads", str(tmp_path / "h.npz")]) == 2
    assert "no picture" in capsys.readouterr().err
