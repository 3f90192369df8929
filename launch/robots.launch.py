"""`ros2 launch launch/robots.launch.py fleet:=FILE.yaml data:=DIR`: the orchestrator, and robots played on request.

Where ROS is not installed, `sitewright robots --data DIR --fleet FILE.yaml` starts the same from the same file.
"""

import json

import yaml
from launch.actions import DeclareLaunchArgument, ExecuteProcess, OpaqueFunction
from launch.substitutions import LaunchConfiguration

from launch import LaunchContext, LaunchDescription


def processes(context: LaunchContext) -> list[ExecuteProcess]:
    """The orchestrator; with simulate:=true a process that plays each robot of the file whose adapter is ros2."""
    fleet, data = (LaunchConfiguration(name).perform(context) for name in ("fleet", "data"))
    command = ["sitewright", "robots", "--data", data, "--fleet", fleet]
    started = [ExecuteProcess(cmd=command, output="screen", respawn=True, respawn_delay=1.0)]
    if LaunchConfiguration("simulate").perform(context) == "true":
        with open(fleet, encoding="utf-8") as stream:
            robots = [line for line in yaml.safe_load(stream)["robots"] if line["adapter"] == "ros2"]
        started += [_simulated(line, data) for line in robots]
    return started


def _simulated(line: dict, data: str) -> ExecuteProcess:
    values = {"robot_id": line["robot_id"], "tools": line["tools"], "memory": f"{data}/memories/{line['robot_id']}"}
    return ExecuteProcess(cmd=["python3", "-m", "robots.simulated.ros_robot", json.dumps(values)], respawn=True)


def generate_launch_description() -> LaunchDescription:
    """What `ros2 launch` asks for."""
    return LaunchDescription(
        [
            DeclareLaunchArgument("fleet", description="The fleet file (docs/guide/robots.md)."),
            DeclareLaunchArgument(
                "data", default_value="robots-data", description="Folder for journal, keys and record."
            ),
            DeclareLaunchArgument("simulate", default_value="false", description="Play the robots too."),
            OpaqueFunction(function=processes),
        ]
    )
