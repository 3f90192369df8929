"""What a model says for setting out: its grid lines, in the site frame. Read in a child process, as all of IFC."""

from dataclasses import dataclass
from pathlib import Path

from bim.arrays import Payload
from bim.errors import BadModel
from bim.ifc import MODEL_LIMITS
from bim.isolation import Limits, isolated

Point2 = tuple[float, float]


@dataclass(frozen=True, slots=True)
class GridLine:
    """A straight axis of an IfcGrid."""

    grid: str
    name: str
    start_m: Point2
    end_m: Point2


def read_grid(path: Path, limits: Limits = MODEL_LIMITS) -> tuple[GridLine, ...]:
    """The straight grid lines of a model; curved ones are left out. Raises BadModel."""
    payload = isolated(_read, str(path), limits=limits, failure=BadModel, what=f"model {path.name}")
    return tuple(GridLine(grid, name, (a, b), (c, d)) for grid, name, a, b, c, d in payload["lines"])


def _read(path: str) -> Payload:
    from bim.ifc_grid import grid_lines

    return {"lines": grid_lines(Path(path))}
