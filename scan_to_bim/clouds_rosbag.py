"""rosbag2 recordings, SQLite or MCAP: their PointCloud2 messages, moved by /tf and /tf_static where these are there.

Lengths are metres (ROS REP 103). A bag is read twice: first where the sensor was at each cloud, then the clouds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.storage_mcap import McapReader
from rosbags.rosbag2.storage_sqlite3 import Sqlite3Reader
from rosbags.typesys import Stores, get_typestore

from bim.errors import BadScan
from bim.frames import FloatArray, rigid, transform
from scan_to_bim.clouds_e57 import quaternion_matrix
from scan_to_bim.clouds_source import NO_STATION, Cloud, PointBlock, block, columns, room_for

CLOUD, TRANSFORMS = "sensor_msgs/msg/PointCloud2", "tf2_msgs/msg/TFMessage"
FLOATS = {7: "f4", 8: "f8"}
"""sensor_msgs/PointField: FLOAT32, FLOAT64."""
METRES = (1.0, 1.0, 1.0)
STILL_M = 0.01
MOST_SETUPS = 32
MOST_JOINTS = 100
UNMOVED = "it has no transforms; its clouds were taken to be in one frame"
MOVING = "its sensor moves; points were taken as seen from unknown positions"
Header = Any
Message = Any


@dataclass
class _Joint:
    """A frame in its parent over time: seconds, translations (N, 3) and quaternions (N, 4) in the order w, x, y, z."""

    parent: str
    times_s: list[float] = field(default_factory=list)
    places_m: list[list[float]] = field(default_factory=list)
    turns: list[list[float]] = field(default_factory=list)

    def at(self, time_s: float) -> FloatArray:
        """T_parent_frame (4, 4), between the two nearest records."""
        order = np.argsort(self.times_s, kind="stable")
        times = np.array(self.times_s)[order]
        after = int(np.clip(np.searchsorted(times, time_s), 1, max(len(times) - 1, 1)))
        a, b = order[after - 1], order[min(after, len(times) - 1)]
        span_s = self.times_s[b] - self.times_s[a]
        share = float(np.clip((time_s - self.times_s[a]) / span_s, 0.0, 1.0)) if span_s > 0 else 0.0
        first, last = np.array(self.turns[a]), np.array(self.turns[b])
        turn = (1 - share) * first + share * last * (1.0 if first @ last >= 0 else -1.0)
        T = rigid(np.zeros(3), (1 - share) * np.array(self.places_m[a]) + share * np.array(self.places_m[b]))
        T[:3, :3] = quaternion_matrix(turn / max(float(np.linalg.norm(turn)), 1e-9))
        return T


@dataclass
class _Track:
    """Where the sensor was at each cloud: T_fixed_sensor of each, and the number of its position."""

    poses: list[FloatArray | None]
    stations: list[int]
    origins: dict[int, tuple[float, float, float]]
    remarks: tuple[str, ...]


def open_rosbag(path: Path) -> Cloud:
    """The clouds of a recording, a file or its folder, in the frame at the root of its transforms. Raises BadScan."""
    store = get_typestore(Stores.ROS2_HUMBLE)
    _refuse_unpacking(path)
    joints: dict[str, _Joint] = {}
    seen: list[tuple[str, float]] = []
    points = 0
    for kind, message in _messages(path, store, {CLOUD, TRANSFORMS}):
        if kind == TRANSFORMS:
            _learn(joints, message)
        else:
            seen.append((message.header.frame_id, _seconds(message.header)))
            points += message.width * message.height
    if not seen:
        raise BadScan(f"{path.name} holds no PointCloud2", "a recording of a lidar", "record its topic of points")
    track = _track(joints, seen)
    return Cloud("rosbag2", points, _blocks(path, store, track), METRES, track.origins, remarks=track.remarks)


def _blocks(path: Path, store: Any, track: _Track) -> Iterator[PointBlock]:
    for i, (_, message) in enumerate(_messages(path, store, {CLOUD})):
        xyz = _points(message)
        pose = track.poses[i]
        yield block(xyz if pose is None else transform(pose, xyz), track.stations[i])


def _points(message: Message) -> FloatArray:
    """Points (N, 3) of a message, which may lie in its data with gaps. Raises BadScan."""
    offsets = {f.name: (f.offset, FLOATS.get(f.datatype), f.count) for f in message.fields}
    if not {"x", "y", "z"} <= set(offsets):
        raise BadScan(f"a cloud with the fields {', '.join(offsets)}"[:200], "x, y and z", "record a cloud with them")
    rows, room = message.width * message.height, len(message.data)
    order = ">" if message.is_bigendian else "<"
    row_step = message.row_step if message.height > 1 else message.width * message.point_step
    room_for(message.height, row_step, room, "rows of points")
    room_for(message.width, message.point_step, row_step, "points a row")
    axes = [_axis(message, order, row_step, *offsets[axis]) for axis in "xyz"]
    return columns(*axes) if rows else np.empty((0, 3))


def _axis(
    message: Message, order: str, row_step: int, offset: int, kind: str | None, count: int
) -> npt.NDArray[np.generic]:
    if kind is None or count > 1 or offset + np.dtype(kind).itemsize > message.point_step:
        raise BadScan("a coordinate that is no FLOAT32 or FLOAT64 in its point", "one of these", "record it again")
    shape, steps = (message.height, message.width), (row_step, message.point_step)
    return np.ndarray(shape, order + kind, message.data, offset, steps).ravel() if 0 not in shape else np.empty(0)


# --- Transforms ------------------------------------------------------------------------------------------------------


def _learn(joints: dict[str, _Joint], message: Message) -> None:
    for each in message.transforms:
        joint = joints.setdefault(each.child_frame_id, _Joint(each.header.frame_id))
        t, r = each.transform.translation, each.transform.rotation
        if joint.parent != each.header.frame_id:
            raise BadScan(
                f"frame {each.child_frame_id} has two parents"[:200], "a tree of transforms", "record it again"
            )
        if not np.isfinite([t.x, t.y, t.z, r.w, r.x, r.y, r.z]).all():
            raise BadScan("a transform that is not a number", "finite ones", "record it again")
        joint.times_s.append(_seconds(each.header))
        joint.places_m.append([t.x, t.y, t.z])
        joint.turns.append([r.w, r.x, r.y, r.z])


def _track(joints: dict[str, _Joint], seen: list[tuple[str, float]]) -> _Track:
    roots = {_root(joints, frame) for frame, _ in seen}
    if len(roots) > 1:
        raise BadScan(f"clouds in the frames {', '.join(sorted(roots))}"[:200], "transforms between them", "record /tf")
    if not any(frame in joints for frame, _ in seen):
        return _Track([None] * len(seen), [NO_STATION] * len(seen), {}, (UNMOVED,))
    poses = [_pose(joints, frame, time_s) for frame, time_s in seen]
    stations, places = _setups([pose[:3, 3] for pose in poses])
    if len(places) > MOST_SETUPS:
        return _Track(list(poses), [NO_STATION] * len(seen), {}, (MOVING,))
    # A cloud that was recorded in the fixed frame itself does not say where its sensor was.
    numbers = [n if frame in joints else NO_STATION for n, (frame, _) in zip(stations, seen, strict=True)]
    return _Track(list(poses), numbers, {n: places[n] for n in set(numbers) - {NO_STATION}}, ())


def _setups(places: list[FloatArray]) -> tuple[list[int], dict[int, tuple[float, float, float]]]:
    """A number for each place, the same for places that are closer than `STILL_M`, and the first place of each."""
    found: dict[int, tuple[float, float, float]] = {}
    numbers = []
    for place in places:
        near = (n for n, other in found.items() if np.linalg.norm(place - other) < STILL_M)
        number = next(near, len(found))
        if number == len(found) and len(found) <= MOST_SETUPS:
            x, y, z = place.tolist()
            found[number] = (x, y, z)
        numbers.append(number)
    return numbers, found


def _root(joints: dict[str, _Joint], frame: str) -> str:
    for _ in range(MOST_JOINTS):
        if frame not in joints:
            return frame
        frame = joints[frame].parent
    raise BadScan("transforms that go round in a circle", "a tree of transforms", "record /tf again")


def _pose(joints: dict[str, _Joint], frame: str, time_s: float) -> FloatArray:
    T_fixed_frame = np.eye(4)
    while frame in joints:
        T_fixed_frame = joints[frame].at(time_s) @ T_fixed_frame
        frame = joints[frame].parent
    return T_fixed_frame


def _seconds(header: Header) -> float:
    return float(header.stamp.sec) + 1e-9 * float(header.stamp.nanosec)


# --- The recording ---------------------------------------------------------------------------------------------------


def _messages(path: Path, store: Any, kinds: set[str]) -> Iterator[tuple[str, Message]]:
    reader = _reader(path)
    reader.open()
    try:
        wanted = [c for c in reader.connections if c.msgtype in kinds]
        for connection, _, raw in reader.messages(wanted) if wanted else ():
            yield connection.msgtype, store.deserialize_cdr(raw, connection.msgtype)
    finally:
        reader.close()


def _reader(path: Path) -> Any:
    if path.is_dir():
        return Reader(path)
    with path.open("rb") as file:
        return Sqlite3Reader(path) if file.read(6) == b"SQLite" else McapReader(path)


def _refuse_unpacking(path: Path) -> None:
    """Files compressed as a whole would be unpacked onto the disk."""
    about = path / "metadata.yaml"
    if about.is_file() and "compression_mode: file" in about.read_text(encoding="utf-8", errors="replace").lower():
        raise BadScan(f"{path.name} is compressed file by file", "a bag as recorded", "run ros2 bag convert on it")
