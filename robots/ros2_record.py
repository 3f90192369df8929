"""A rosbag2 (MCAP) of what was sent to the robots and received from them: `ros2 bag play` replays a day."""

import threading
import time
from pathlib import Path
from typing import Any, Self

from ament_index_python.packages import get_package_share_directory
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from robots.now import utc
from robots.ros2 import prepare_environment

PACKAGE = "sitewright_interfaces"


class Bag:
    """One folder a start. Use as `with`; `write` may be called from any thread."""

    def __init__(self, folder: Path) -> None:
        prepare_environment()
        self._types = get_typestore(Stores.ROS2_KILTED)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / utc().strftime("%Y%m%dT%H%M%S.%fZ")
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._connections: dict[str, Any] = {}
        self._lock = threading.Lock()
        for file in sorted((Path(get_package_share_directory(PACKAGE)) / "msg").glob("*.msg")):
            self._types.register(get_types_from_msg(file.read_text(encoding="utf-8"), f"{PACKAGE}/msg/{file.stem}"))

    def write(self, topic: str, kind: str, data: bytes) -> None:
        """One message of this type as CDR bytes, at the time of this machine."""
        with self._lock:
            connection = self._connections.get(topic) or self._connect(topic, kind)
            self._writer.write(connection, time.time_ns(), data)

    def __enter__(self) -> Self:
        self._writer.open()
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._writer.close()

    def _connect(self, topic: str, kind: str) -> Any:
        self._connections[topic] = self._writer.add_connection(topic, f"{PACKAGE}/msg/{kind}", typestore=self._types)
        return self._connections[topic]
