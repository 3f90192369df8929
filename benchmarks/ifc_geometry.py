"""CPU time of reading a model's geometry: first time, from the cache, and by the plain ifcopenshell iterator."""

import multiprocessing
import resource
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ifcopenshell
import ifcopenshell.geom

import bim.ifc_reader  # noqa: F401  loaded before the clock starts, as ifcopenshell is
from bim.ifc import read_building

MODELS = ("AC20-FZK-Haus", "Duplex_A", "Duplex_Electrical", "BimWhale_LargeBuilding", "bim2sim_hvac_heating")
ROUNDS = 3


def measure(shared: Path) -> dict[str, Any]:
    """CPU seconds of each way, the median of three processes, and how many times faster than the iterator it is."""
    figures = {name: _figures(shared / "data" / "ifc" / f"{name}.ifc") for name in MODELS}
    return figures | {"median_times_faster": statistics.median(each["times_faster"] for each in figures.values())}


def _figures(path: Path) -> dict[str, Any]:
    global_ids = [element.global_id for element in read_building([path], cache=None).elements]
    with tempfile.TemporaryDirectory() as folder:
        read_building([path], cache=Path(folder))
        iterator_s = _cpu_s(_iterate, path, global_ids)
        first_s = _cpu_s(read_building, [path], None)
        cached_s = _cpu_s(read_building, [path], Path(folder))
    return {
        "elements": len(global_ids),
        "iterator_cpu_s": iterator_s,
        "first_cpu_s": first_s,
        "cached_cpu_s": cached_s,
        "times_faster": iterator_s / first_s,
    }


def _iterate(path: Path, global_ids: list[str]) -> None:
    """The same elements by the library's default kernel on one thread, in the site frame."""
    model = ifcopenshell.open(str(path))
    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)
    elements = [model.by_guid(global_id) for global_id in global_ids]
    iterator = ifcopenshell.geom.iterator(settings, model, 1, include=elements)
    if iterator.initialize():
        while iterator.next():
            pass


def _cpu_s(work: Callable[..., object], *args: object) -> float:
    """CPU seconds of `work`, its own child processes included; the median of processes that do nothing else."""
    with multiprocessing.get_context("fork").Pool(1, maxtasksperchild=1) as pool:
        return statistics.median(pool.apply(_spent_s, (work, *args)) for _ in range(ROUNDS))


def _spent_s(work: Callable[..., object], *args: object) -> float:
    before = _used_s()
    work(*args)
    return _used_s() - before


def _used_s() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
