"""What was sent and heard can be read again with any rosbag2 reader."""

from pathlib import Path

import pytest

from bim.verdict import Reason
from robots.now import utc
from robots.robot import Mode, RobotState

pytest.importorskip("sitewright_interfaces", reason="needs robots/interfaces, which ./run builds")


def test_a_recorded_state_is_read_back_whole(tmp_path: Path) -> None:
    from rclpy.serialization import serialize_message
    from rosbags.rosbag2 import Reader
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    from robots.ros2_messages import read_state, state_message
    from robots.ros2_record import Bag

    why = Reason("Its wheel slips.", "车轮打滑。")
    state = RobotState("r1", "i", 7, Mode.BUSY, (1.0, 2.0, 3.0), 0.5, "L1", 0.9, 0.1, utc(), "a", 3, 1, ("s",), (why,))
    with Bag(tmp_path) as bag:
        for _ in range(3):
            bag.write("/site/robots/r1/state", "RobotState", serialize_message(state_message(state)))
    (recorded,) = tmp_path.iterdir()
    types = get_typestore(Stores.ROS2_KILTED)
    for file in (Path(__file__).parents[2] / "robots" / "interfaces" / "msg").glob("*.msg"):
        types.register(get_types_from_msg(file.read_text(encoding="utf-8"), f"sitewright_interfaces/msg/{file.stem}"))
    with Reader(recorded) as reader:
        (connection,) = reader.connections
        heard = [types.deserialize_cdr(data, connection.msgtype) for _, _, data in reader.messages()]
    assert connection.topic == "/site/robots/r1/state"
    assert len(heard) == 3
    again = read_state(heard[0])
    assert (again.position_m, again.mode, again.errors, again.stops) == (state.position_m, Mode.BUSY, (why,), ("s",))
    assert again.heading_rad == pytest.approx(0.5)
