"""What works beside the server in the live demo: rovers that scan, and wait for a person to approve the rest.

comparison done -> `sitewright tasks` -> `sitewright robots`, as on a real site, each in a process of its own.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

POLL_S = 1.0
RULES = """\
# The rules of the demo: what only looks needs no approval; what marks and drills waits for a person.
kinds:
  scan: {approve: true}
  inspect: {approve: true}
"""
FLEET = """\
# The rovers of the demo: two on the ground floor, two on the first. They are simulated.
robots:
- {robot_id: rover_1, name: Rover 1, kind: rover, adapter: simulated, tools: [marker, lidar, drill],
   home: [1.5, 3.0, 0.0, 0.0], certified_stop: true}
- {robot_id: rover_2, name: Rover 2, kind: rover, adapter: simulated, tools: [lidar, camera],
   home: [3.0, 3.0, 0.0, 0.0], certified_stop: true}
- {robot_id: rover_3, name: Rover 3, kind: rover, adapter: simulated, tools: [marker, drill],
   home: [1.5, 3.0, 3.2, 0.0], certified_stop: true}
- {robot_id: rover_4, name: Rover 4, kind: rover, adapter: simulated, tools: [lidar, camera],
   home: [3.0, 3.0, 3.2, 0.0], certified_stop: true}
stop_port: 0
"""


@dataclass(frozen=True)
class Desk:
    """Where the companions find the demo's files, and the server that they report to with a token of their own."""

    folder: Path
    address: str
    site_id: str
    token: str
    model: Path
    schedule: Path
    day: str


@contextlib.contextmanager
def companions(desk: Desk) -> Iterator[None]:
    """Work beside the server until the block ends; nothing that was started outlives it."""
    ended = threading.Event()
    threads = [threading.Thread(target=work, args=(desk, ended)) for work in (_robots_at_work, _cameras_at_work)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()


def _robots_at_work(desk: Desk, ended: threading.Event) -> None:
    names = ("fleet.yaml", "rules.yaml", "verdicts.json", "tasks.json")
    fleet, rules, verdicts, tasks = (desk.folder / name for name in names)
    fleet.write_text(FLEET, encoding="utf-8")
    rules.write_text(RULES, encoding="utf-8")
    if not _fetched(desk, verdicts, ended):
        return
    plan = [
        "tasks",
        desk.model,
        "--verdicts",
        verdicts,
        "--fleet",
        fleet,
        "--rules",
        rules,
        "--schedule",
        desk.schedule,
        "--date",
        desk.day,
    ]
    _run([*plan, "--permit", "drilling", "--json", tasks, "--quiet"], {}, ended)
    at_server = ["--server", desk.address, "--site", desk.site_id]
    known = ["--tasks", tasks, "--permit", "drilling"]  # what stands, the server says, also after more comparisons
    work = ["robots", "--data", desk.folder / "robots", "--fleet", fleet, *known, *at_server, "--quiet"]
    _run(work, {"SITEWRIGHT_TOKEN": desk.token}, ended)


def _cameras_at_work(desk: Desk, ended: threading.Event) -> None:
    from site_safety.records import from_json
    from site_safety.zones import Zone
    from sitewright.demo_cameras import CAMERA, NAME, cameras_at_work
    from sitewright.watch_link import WatchLink
    from web.demo_site import ZONES

    zones = tuple(
        from_json(Zone, {"zone_id": ref, **body, "storey": body["storey"] or None}) for ref, body in ZONES.items()
    )
    link = WatchLink(desk.address, desk.site_id, desk.token, {CAMERA: NAME})
    cameras_at_work(desk.folder / "watch", link, zones, ended)


def _fetched(desk: Desk, target: Path, ended: threading.Event) -> bool:
    """The verdicts of the demo's comparison, when it is done; False where the demo ends before."""
    headers = {"Authorization": f"Bearer {desk.token}"}
    with httpx.Client(base_url=f"{desk.address}/api/v1/sites/{desk.site_id}", headers=headers) as client:
        while not ended.wait(POLL_S):
            with contextlib.suppress(httpx.HTTPError):
                for comparison in client.get("/comparisons").raise_for_status().json()["items"]:
                    answer = client.get(f"/comparisons/{comparison['comparison_id']}/files/json")
                    if answer.is_success:
                        target.write_text(json.dumps(answer.json()), encoding="utf-8")
                        return True
    return False


def _run(arguments: Sequence[object], environment: dict[str, str], ended: threading.Event) -> None:
    """A command of Sitewright in a process of its own, ended with the demo."""
    command = [sys.executable, "-m", "sitewright", *map(str, arguments)]
    process = subprocess.Popen(command, env=os.environ | environment)  # noqa: S603
    while process.poll() is None and not ended.wait(0.2):
        pass
    if process.poll() is None:
        process.terminate()
        process.wait()
