"""The ROS 2 side of `sitewright robots`: made only when a robot speaks it."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bim.errors import BadInput

if TYPE_CHECKING:
    from robots.ros2 import RosLink


@contextlib.contextmanager
def ros_link(data: Path, record: bool) -> "Iterator[RosLink]":
    """A node, with a record of all that it sends and hears when asked for. Raises BadInput without the interfaces."""
    try:
        from robots.ros2 import RosLink
        from robots.ros2_record import Bag
    except ImportError as error:
        raise BadInput(
            f"ROS 2 is not complete here ({error})", "rclpy and sitewright_interfaces", "run `./run robots` once"
        ) from None
    with contextlib.ExitStack() as stack:
        bag = stack.enter_context(Bag(data / "bags")) if record else None
        link = RosLink("sitewright", bag.write if bag else None)
        stack.callback(link.close)
        yield link
