"""Progress against a plan: how long it takes on a real plan, and on 50,000 tasks with 100,000 relations."""

import datetime as dt
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from bim.ifc import read_building
from bim.isolation import Limits
from bim.schedule.advance import Progress, advance
from bim.schedule.linking import Links, link
from bim.schedule.network import dates, network
from bim.schedule.observations import end_of, observed
from bim.schedule.plan import HOUR_S, Kind, Plan, Relation, Task
from bim.schedule.reading import read_plan
from bim.schedule.rules import default_rules, read_rules
from bim.schedule.soundness import examined
from bim.verdict import Evidence, Reason, State, Verdict
from sitewright.progress_outputs import json_bytes
from sitewright.progress_page import html_bytes

TASKS, RELATIONS = 50_000, 100_000
DATE = end_of(dt.date(2015, 6, 30))
MODELS = ("masonry", "floors", "steel")
RULES = """
[[rule]]
task = "*metselwerk*"
class = "IfcWall"
name = "buitenblad"

[[rule]]
task = ["*kalkzandsteen*"]
nth = 1
class = "IfcWall"
storey = "00*"

[[rule]]
task = ["*kalkzandsteen elementen*"]
class = "IfcWall"
storey = "01*"

[[rule]]
task = ["*stalen*", "*staal*"]
class = ["IfcBeam", "IfcColumn", "IfcMember"]

[[rule]]
task = ["*kanaalplaat*"]
class = "IfcSlab"
"""


def measure(shared: Path) -> dict[str, Any]:
    """Seconds by the clock, everything imported and compiled before; figures of the real plan."""
    models = [shared / "data" / "ifc" / f"Schependomlaan_{name}.ifc" for name in MODELS]
    plan = shared / "data" / "schedule" / "Schependomlaan_msproject.xml"
    elements = read_building(models).elements
    _real(plan, elements)
    real_s, found = _timed(lambda: _real(plan, elements))
    large = large_plan(2 * TASKS // 1000)
    dates(network(large))
    large = large_plan(TASKS)
    path_s, critical = _timed(lambda: dates(network(large)).critical.sum())
    whole_s, _ = _timed(lambda: advance(large, NO_LINKS, [], end_of(dt.date(2030, 1, 1))))
    return {
        "real_plan": {
            "tasks": len(found.plan.tasks),
            "linked_share": found.links.linked_share,
            "import_link_report_s": real_s,
        },
        "large_plan": {
            "tasks": len(large.tasks),
            "relations": len(large.relations),
            "critical": int(critical),
            "critical_path_s": path_s,
            "critical_path_and_earned_value_s": whole_s,
            "examine_s": _timed(lambda: examined(large))[0],
        },
    }


NO_LINKS = Links((), {}, 0.0, 0.0, ())


def _real(path: Path, elements: Any) -> Progress:
    """Import, link by rules, advance, and write the JSON and the page."""
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as rules:
        rules.write(RULES)
        rules.flush()
        plan = read_plan(path, Limits())
        links = link(plan, elements, read_rules(Path(rules.name)), default_rules())
    built = [_built(e.global_id) for e in elements if e.storey.startswith("00")]
    progress = advance(plan, links, [observed(DATE, built)], DATE)
    json_bytes(progress)
    html_bytes(progress)
    return progress


def _built(guid: str) -> Verdict:
    return Verdict(guid, State.BUILT, 1.0, 0.8, 1.0, 0.8, 0.95, Evidence(8, 0, 2, 0), None, Reason("", ""))


def large_plan(count: int, seed: int = 1) -> Plan:
    """A plan of `count` tasks in a random acyclic network with twice as many relations of all types."""
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, count, (int(2.2 * count), 2)), axis=1)
    # Most relations are between neighbours in the plan, as they are on site.
    ends[:, 0] = np.maximum(ends[:, 1] - 1 - rng.integers(0, 200, len(ends)), 0)
    pairs = np.unique(ends[ends[:, 0] < ends[:, 1]], axis=0)
    kinds, lags = rng.choice(4, len(pairs), p=[0.85, 0.08, 0.06, 0.01]), rng.integers(-2, 6, len(pairs)) * HOUR_S
    kept = np.sort(rng.permutation(len(pairs))[: 2 * count])
    every = list(Kind)
    start = dt.datetime(2026, 1, 5, 8)
    tasks = [
        Task(f"T{n}", f"Task {n}", start=start if n == 0 else None, duration_s=float(hours * HOUR_S), cost=float(hours))
        for n, hours in enumerate(rng.integers(1, 24, count))
    ]
    relations = [Relation(f"T{pairs[k, 0]}", f"T{pairs[k, 1]}", every[kinds[k]], float(lags[k])) for k in kept.tolist()]
    return Plan("large", "benchmark", tuple(tasks), tuple(relations))


def _timed(work: Any) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result
