"""Element, Storey, Building: what should be there. Frozen values in metres, in the site frame (Z up)."""

from dataclasses import dataclass

from bim.mesh import Mesh


@dataclass(frozen=True, slots=True)
class Storey:
    """A level of the building; `elevation_m` is that of its finished floor in the site frame."""

    global_id: str
    name: str
    elevation_m: float


@dataclass(frozen=True, slots=True)
class Element:
    """A physical element that carries geometry. `storey` is the storey's name, empty where the model gives none."""

    global_id: str
    ifc_class: str
    name: str
    storey: str
    system: str | None
    source: int
    """Index into `Building.sources`: the file that it comes from."""
    area_m2: float
    volume_m3: float
    predefined_type: str = ""
    """What kind of its class it is, such as STRIP_FOOTING of IfcFooting, or the model's own word; empty for neither."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model file that the building was read from."""

    path: str
    sha256: str
    schema: str
    elements: int


@dataclass(frozen=True)
class Building:
    """One building from one or several federated models.

    `mesh.element` indexes `elements`. `assumptions` are sentences about what the files left open and how it was
    settled (a duplicate GUID, a missing storey), for the report to show.
    """

    elements: tuple[Element, ...]
    storeys: tuple[Storey, ...]
    mesh: Mesh
    sources: tuple[Source, ...]
    assumptions: tuple[str, ...] = ()
