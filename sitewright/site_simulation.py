"""`sitewright simulate`: hours of a site in moments. Compare, plan, drive, work, scan, compare again; no hardware.

Rovers drive in the physics of what really stands, by maps of what the comparison knows; links drop at will. What they
scan is a file that `sitewright compare` reads. The same seed gives the same site, but for the clock in the records.
"""

import asyncio
import contextlib
import json as json_text
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import numpy as np

    from bim.model import Building
    from robots.simulated.rover import Rover
    from robots.site_plan import Crew, SitePlan
    from robots.site_state import SiteState
    from robots.tasks import Task, TaskSpec
    from scan_to_bim.result import Report
    from scan_to_bim.simulated_site import Truth

SCAN_STEP_RAD = 0.0075
DROP_S = (1.0, 20.0)
"""How long a link is lost."""
HOMES = ((3.0, 5.9), (5.0, 5.9), (7.0, 5.9), (9.0, 5.9), (11.0, 5.9))
TRADES = (("marker", "layout"), ("drill", "drill"), ("lidar", "scan"), ("camera", "inspect"), ("manipulator", "rework"))


def simulate(
    hours: Annotated[float, typer.Option(min=0.01, max=24.0, help="Site time in hours.")] = 1.0,
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where the files go.")] = Path("site-simulation"),
    fleet: Annotated[
        Path | None, typer.Option(metavar="FLEET.yaml", help="The rovers; five of them when left out.")
    ] = None,
    link_drops: Annotated[float, typer.Option(min=0.0, help="Lost links an hour for each robot.")] = 4.0,
    seed: Annotated[int, typer.Option(help="Of everything that is left to chance.")] = 1,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the summary as JSON.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Run a building site with robots for some hours, headless, and tell what came of it."""
    from robots.fleet import read_fleet
    from sitewright.cli import _check_files
    from sitewright.console import shown_steps

    _check_files([fleet] if fleet else [], [json])
    robots = read_fleet(fleet).robots if fleet else rovers()
    with shown_steps(quiet=quiet) as steps:
        summary = simulated(folder, robots, hours, link_drops, seed, steps)
    text = json_text.dumps(summary, ensure_ascii=False, indent=1)
    if json:
        json.write_text(text + "\n", encoding="utf-8")
    if not quiet:
        print(text)


def rovers() -> tuple[Any, ...]:
    """One rover a trade, on the ground floor of the demo building."""
    from robots.robot import Profile
    from robots.tasks import Kind, Target

    return tuple(
        Profile(
            robot_id=f"{tool}_1",
            name=f"{tool.capitalize()} 1",
            kind="rover",
            adapter="simulated",
            tools=frozenset({tool}),
            kinds=frozenset({Kind(kind)}),
            radius_m=0.35,
            home=Target(*home, 0.0, 0.0),
            certified_stop=True,
        )
        for (tool, kind), home in zip(TRADES, HOMES, strict=True)
    )


@dataclass(frozen=True)
class _Site:
    """The demo's building, what really stands, and what the comparison says of it."""

    building: "Building"
    truths: "tuple[Truth, ...]"
    report: "Report"
    known: "SiteState"


def simulated(
    folder: Path, robots: Sequence[Any], hours: float, link_drops: float, seed: int, steps: Any
) -> dict[str, Any]:
    """The method, a line a step: site, tasks, plan, hours of work, scan, comparison, summary."""
    import numpy as np

    from robots.fleet import Fleet
    from robots.from_model import propose_tasks
    from robots.navigation import storey_maps
    from robots.now import utc
    from robots.simulated.site_time import run_simulated
    from robots.site_plan import plan_tasks
    from sitewright.plan_tasks import crews_of

    began = time.perf_counter()
    steps("building a site, scanning it and comparing", 0.0)
    site = _site(folder)
    steps("proposing and planning tasks", 0.4)
    crews = crews_of(Fleet(tuple(robots)), site.building, hours)
    maps = {radius: storey_maps(site.known, radius) for radius in {crew.profile.radius_m for crew in crews}}
    specs = [each.spec for each in propose_tasks(site.known, next(iter(maps.values())))]
    plan = plan_tasks(specs, crews, maps, site.known, utc(), permits=("drilling",))
    steps("robots at work", 0.45)
    rng = np.random.default_rng(seed)
    shift = _Shift(folder, site, crews, maps, specs, plan, rng)
    run_simulated(shift.work(3600.0 * hours, link_drops))
    steps("scanning and comparing again", 0.8)
    return {
        "hours": hours,
        "robots": len(crews),
        **shift.summary(plan),
        **_looked_again(folder, site, shift.done(), rng),
        "wall_s": round(time.perf_counter() - began, 1),
    }


def _site(folder: Path) -> _Site:
    import numpy as np

    from bim.ifc import read_building
    from robots.site_state import Seen, SiteState
    from scan_to_bim.pipeline import compare
    from sitewright.demo import SEED, make_demo_site, state_of_works
    from sitewright.demo_building import write_building

    demo = make_demo_site(folder)
    building = read_building([demo.model])
    truths = state_of_works(building, write_building(demo.model), np.random.default_rng(SEED))
    report = compare(building, [demo.scan], demo.stations)
    seen = {
        verdict.global_id: Seen(verdict.state, verdict.deviation.translation_m if verdict.deviation else None)
        for verdict in report.verdicts
    }
    return _Site(building, truths, report, SiteState(building, seen))


class _Shift:
    """Robots, their world and their orchestrator for some hours of simulated time."""

    def __init__(
        self,
        folder: Path,
        site: _Site,
        crews: "Sequence[Crew]",
        maps: Any,
        specs: "Sequence[TaskSpec]",
        plan: "SitePlan",
        rng: "np.random.Generator",
    ) -> None:
        from robots.orchestrator import Orchestrator
        from robots.simulated.rover import Rover
        from robots.simulated.world import Rover as Body
        from robots.simulated.world import World
        from robots.site_state import Seen, SiteState

        real = SiteState(
            site.building,
            {e.global_id: Seen(t.state) for e, t in zip(site.building.elements, site.truths, strict=True)},
        )
        bodies = [Body(c.profile.robot_id, *c.place[:3], c.profile.radius_m) for c in crews]
        world = World(real, bodies)
        self.effects: Counter[tuple[str, int]] = Counter()
        self.robots: dict[str, Rover] = {
            crew.profile.robot_id: Rover(crew.profile, world, maps[crew.profile.radius_m], None, self._did)
            for crew in crews
        }
        data = folder / f"shift-{time.time_ns()}"
        data.mkdir()
        self.orchestrator = Orchestrator(data, [crew.profile for crew in crews], self.robots)
        self.orchestrator.dispatcher.know(
            permits=("drilling",),
            verified=[v.global_id for v in site.report.verdicts if v.state.value == "built"],
            plan={visit.job_id: visit.robot_id for visit in plan.plan.visits},
            charge_before=[visit.job_id for visit in plan.plan.visits if visit.charge_s],
        )
        planned = {visit.job_id: visit.start_s for visit in plan.plan.visits}
        self._specs = sorted((s for s in specs if s.task_id in planned), key=lambda s: planned[s.task_id])
        self._rng, self.drops = rng, 0

    def _did(self, task_id: str, target: int) -> None:
        self.effects[task_id, target] += 1

    async def work(self, seconds: float, link_drops: float) -> None:
        """Hand in every planned task, and let the time pass."""
        from bim.verdict import Reason

        running = asyncio.create_task(self.orchestrator.run())
        links = [asyncio.create_task(self._drop_links(robot, link_drops)) for robot in self.robots.values()]
        for spec in self._specs:
            await self.orchestrator.submit(spec, Reason("planned", "已计划"), "simulation")
        await asyncio.wait([running], timeout=seconds)
        for task in (running, *links):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(running, *links)

    async def _drop_links(self, robot: "Rover", an_hour: float) -> None:
        while an_hour > 0.0:
            await asyncio.sleep(float(self._rng.exponential(3600.0 / an_hour)))
            robot.link_up = False
            self.drops += 1
            await asyncio.sleep(float(self._rng.uniform(*DROP_S)))
            robot.link_up = True

    def tasks(self) -> "list[Task]":
        """Every task as it is now."""
        return list(self.orchestrator.dispatcher.tasks.values())

    def done(self) -> "list[TaskSpec]":
        """What was done."""
        return [task.spec for task in self.tasks() if task.state.value == "done"]

    def summary(self, plan: "SitePlan") -> dict[str, Any]:
        """What the robots did, in counts."""
        done = self.done()
        return {
            "tasks": {"planned": len(self._specs), "waiting": len(plan.waits), "done": len(done)},
            "states": dict(sorted(Counter(task.state.value for task in self.tasks()).items())),
            "done_by_kind": dict(sorted(Counter(spec.kind.value for spec in done).items())),
            "targets": {"worked": len(self.effects), "twice": sum(count > 1 for count in self.effects.values())},
            "driven_m": {name: round(robot.driven_m, 1) for name, robot in self.robots.items()},
            "battery": {name: round(robot.state.battery, 3) for name, robot in self.robots.items()},
            "gave_up": sum(robot.gave_up for robot in self.robots.values()),
            "link_drops": self.drops,
            "plan": {"finish_s": plan.plan.finish_s, "gap": plan.plan.gap, "travel_s": plan.plan.travel_s},
        }


def _looked_again(folder: Path, site: _Site, done: "Sequence[TaskSpec]", rng: "np.random.Generator") -> dict[str, Any]:
    """The scans of the shift, written as a case, compared, and what they settle."""
    import numpy as np

    from bim.verdict import State
    from robots.rework import unproven
    from robots.scanning import EYE_M
    from robots.site_state import Seen, SiteState
    from robots.tasks import Kind
    from scan_to_bim.pipeline import compare
    from scan_to_bim.simulate import SimulatedScanner
    from scan_to_bim.simulated_case import write_case
    from scan_to_bim.simulated_site import Truth, stand, terrain

    scans = [spec for spec in done if spec.kind is Kind.SCAN]
    reworked = {name for spec in done if spec.kind is Kind.REWORK for name in spec.element_ids}
    if not scans:
        return {"scans": 0}
    truths = tuple(
        Truth(State.BUILT) if element.global_id in reworked else truth
        for element, truth in zip(site.building.elements, site.truths, strict=True)
    )
    stations = np.array([spec.targets[0][:3] for spec in scans]) + np.array([0.0, 0.0, EYE_M])
    stands = stand(site.building, truths)
    case = folder / "scanned"
    truth = write_case(
        case, site.building, truths, stands + terrain(stands, -0.15), stations, SimulatedScanner(SCAN_STEP_RAD), rng
    )
    # A rover knows where it scans: its pose is good to a few millimetres.
    pose = np.array(truth["scan_to_model"])
    report = compare(site.building, [case / "scan.laz"], case / "stations.csv", pose=pose)
    now = SiteState(site.building, {v.global_id: Seen(v.state) for v in report.verdicts})
    was_unseen = {v.global_id for v in site.report.verdicts if v.state is State.UNSEEN}
    moved = [spec for spec in done if spec.kind is Kind.REWORK]
    return {
        "scans": len(scans),
        "scan": str(case / "scan.laz"),
        "unseen_before": len(was_unseen),
        "seen_now": sum(v.global_id in was_unseen and v.state is not State.UNSEEN for v in report.verdicts),
        "rework": {"done": len(moved), "closed_by_scan": len(moved) - len(unproven(moved, now))},
    }
