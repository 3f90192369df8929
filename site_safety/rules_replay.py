"""Recorded scenes, a JSON line each: written while watching, judged again with other rules."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated
from site_safety.records import from_json, to_json
from site_safety.rules import Memory, step
from site_safety.rules_policy import Policy
from site_safety.rules_scene import Alarm, Phase, Scene

LIMITS = Limits(memory_bytes=4 * GIB, cpu_s=120.0, wall_s=240.0)


def write_scene(scene: Scene, file: IO[str]) -> None:
    """Append one scene to a recording."""
    file.write(json.dumps(to_json(scene), ensure_ascii=False, separators=(",", ":")) + "\n")


def read_scenes(path: Path) -> list[Scene]:
    """The scenes of a recording. Raises BadInput that names the line and the key."""
    if not path.is_file():
        raise BadInput(f"no file {path}", "a recording of scenes, a JSON line each", "check the path")
    lines = isolated(_lines, str(path), limits=LIMITS, failure=BadInput, what=f"recording {path.name}")["lines"]
    return [from_json(Scene, line, f"{path.name}:{number + 1}") for number, line in enumerate(lines)]


def _lines(path: str) -> Payload:
    lines = []
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines()):
        try:
            lines.append(json.loads(line))
        except ValueError as error:
            found = f"{Path(path).name}:{number + 1} is no JSON ({error})"
            raise BadInput(found, "a scene a line", "cut the file before it") from None
    return {"lines": lines}


def raised(scenes: Iterable[Scene], policy: Policy) -> Iterator[Alarm]:
    """The alarms that these rules raise over scenes, and where each ends."""
    memory = Memory()
    for scene in scenes:
        memory, alarms = step(memory, scene, policy)
        yield from (alarm for alarm in alarms if alarm.phase is not Phase.ONGOING)
