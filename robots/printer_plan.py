"""PrintPlan: a wall as layers of beads with their times. Values only; robots/slicer.py makes them."""

from dataclasses import dataclass

import numpy as np
import shapely

from bim.errors import BadInput
from bim.frames import FloatArray
from bim.model import Building
from bim.verdict import Reason
from robots.printer_profiles import PrinterProfile


@dataclass(frozen=True, eq=False)
class Body:
    """One element's closed surface: `corners` (T, 3, 3) in the site frame."""

    global_id: str
    name: str
    corners: FloatArray


@dataclass(frozen=True, eq=False)
class LintelBed:
    """A lintel of the model, and the layer before which it is laid."""

    global_id: str
    name: str
    footprint: shapely.Polygon
    low_m: float
    high_m: float
    before_layer: int


@dataclass(frozen=True, slots=True)
class LayerTime:
    """Where the time of a layer goes, from its begin to the begin of the next."""

    bead_s: float
    travel_s: float
    pump_s: float
    lintel_s: float = 0.0
    wait_s: float = 0.0

    @property
    def total_s(self) -> float:
        """The time that every point waits for the bead above it."""
        return self.bead_s + self.travel_s + self.pump_s + self.lintel_s + self.wait_s


@dataclass(frozen=True, eq=False)
class PrintLayer:
    """One layer. `runs` are (N, 2) in the site frame: beads without a stop."""

    top_m: float
    """Height of the beads' upper face, at which the nozzle goes."""
    height_m: float
    section: shapely.MultiPolygon
    runs: tuple[FloatArray, ...]
    widths_m: tuple[float, ...]
    """Of the beads of each run."""
    time: LayerTime

    @property
    def length_m(self) -> float:
        """Length of beads."""
        return sum(map(length_m, self.runs))

    @property
    def volume_m3(self) -> float:
        """Material laid: beads of rectangular section."""
        return self.height_m * sum(length_m(run) * width for run, width in zip(self.runs, self.widths_m, strict=True))

    @property
    def goes_on(self) -> bool:
        """Whether the pump runs on into the next layer."""
        return self.time.pump_s == 0.0


@dataclass(frozen=True, eq=False)
class PrintPlan:
    """A print, or why it cannot be one. In the site frame; `T_machine_site` places the machine."""

    profile: PrinterProfile
    elements: tuple[str, ...]
    layers: tuple[PrintLayer, ...]
    lintels: tuple[LintelBed, ...]
    T_machine_site: FloatArray
    refusals: tuple[Reason, ...] = ()
    assumptions: tuple[Reason, ...] = ()

    @property
    def base_m(self) -> float:
        """What the first layer lies on."""
        return self.layers[0].top_m - self.layers[0].height_m

    @property
    def length_m(self) -> float:
        """Length of beads."""
        return sum(layer.length_m for layer in self.layers)

    @property
    def volume_m3(self) -> float:
        """Material laid."""
        return sum(layer.volume_m3 for layer in self.layers)

    @property
    def time_s(self) -> float:
        """From the first bead to the last, waits and lintels included."""
        return sum(layer.time.total_s for layer in self.layers)


def length_m(run: FloatArray) -> float:
    """Length of a run (N, 2)."""
    return float(np.hypot(*np.diff(run, axis=0).T).sum())


def bodies(building: Building, global_ids: tuple[str, ...]) -> tuple[Body, ...]:
    """The bodies of elements by GlobalId. Raises BadInput for one that the model does not hold (any more)."""
    index = {element.global_id: n for n, element in enumerate(building.elements)}
    if missing := [each for each in global_ids if each not in index]:
        raise BadInput(f"no element {missing[0]} in the model", "elements with geometry", "look them up with `inspect`")
    return tuple(
        Body(each, building.elements[index[each]].name, building.mesh.corners[building.mesh.of(index[each])])
        for each in global_ids
    )
