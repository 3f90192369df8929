"""A building written in code: a small vocabulary that makes a valid IFC file.

    model = Author("Office", schema="IFC4")
    ground = model.storey("00 Ground floor", 0.0)
    model.wall(ground, "Exterior wall", (0, 0), (6, 0), height_m=3.0, thickness_m=0.3,
               openings=[Opening("window", "Window", at_m=1.0, sill_m=0.9, width_m=1.2, height_m=1.4)])
    model.write(Path("office.ifc"))

Lengths are metres whatever the file's own unit is. Every product is named by its GlobalId, which follows from the
project's name and the order of creation: the same calls write the same bytes.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import ifcopenshell
import ifcopenshell.guid
import numpy as np

Schema = Literal["IFC2X3", "IFC4", "IFC4X3_ADD2"]
Point2 = tuple[float, float]
Point3 = tuple[float, float, float]

NAMESPACE = uuid.UUID("5f1d7f6e-7a0e-5b6f-9a53-3f9f3a6a2c41")
WRITTEN = datetime(2026, 1, 1)
"""The time stamp of every file, so that the same model is the same bytes."""
FRAME_M = 0.07
"""Width and depth of a door's or window's frame."""
LEAF_M, PANE_M = 0.05, 0.024
WAIST_M = 0.16
"""Thickness of a flight under its steps."""
RAIL_RADIUS_M = 0.021
SHEET_M = 0.001
UP = (0.0, 0.0, 1.0)
CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))
UNITS = (
    ("LENGTHUNIT", "METRE"),
    ("AREAUNIT", "SQUARE_METRE"),
    ("VOLUMEUNIT", "CUBIC_METRE"),
    ("PLANEANGLEUNIT", "RADIAN"),
    ("TIMEUNIT", "SECOND"),
)


@dataclass(frozen=True, slots=True)
class Opening:
    """A hole in a wall and what fills it: `at_m` along the wall's axis to its near side, `sill_m` above the base."""

    filling: Literal["door", "window", "none"]
    name: str
    at_m: float
    width_m: float
    height_m: float
    sill_m: float = 0.0


@dataclass(frozen=True, slots=True)
class WallParts:
    """GlobalIds of a wall and of what fills its openings, in their order."""

    wall: str
    fillings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """A task of the schedule; `follows` are the ids of tasks that finish before it starts."""

    id: str
    name: str
    start: datetime
    finish: datetime
    follows: tuple[str, ...] = ()
    products: tuple[str, ...] = ()


class Author:
    """One project with one site and one building; storeys, products, systems and a schedule are added to it."""

    def __init__(self, name: str, schema: Schema = "IFC4", unit: Literal["m", "mm"] = "m") -> None:
        self._file: Any = ifcopenshell.file(schema=schema)
        self._schema = schema
        self._per_m = 1.0 if unit == "m" else 1000.0
        self._namespace = uuid.uuid5(NAMESPACE, name)
        self._made = 0
        self._owner = self._owner_history() if schema == "IFC2X3" else None
        self._storeys: list[Any] = []
        self._contained: dict[str, list[Any]] = defaultdict(list)
        self._start(name, unit)

    # --- the building and its parts -----------------------------------------------------------------------------

    def storey(self, name: str, elevation_m: float) -> str:
        """A level whose finished floor is at `elevation_m`; products of a storey give heights above it."""
        placement = self._placement(self._building.ObjectPlacement, (0.0, 0.0, elevation_m))
        storey = self._root(
            "IfcBuildingStorey",
            Name=name,
            ObjectPlacement=placement,
            CompositionType="ELEMENT",
            Elevation=elevation_m * self._per_m,
        )
        self._storeys.append(storey)
        return str(storey.GlobalId)

    def wall(
        self,
        storey: str,
        name: str,
        start: Point2,
        end: Point2,
        height_m: float,
        thickness_m: float,
        base_m: float = 0.0,
        openings: Sequence[Opening] = (),
    ) -> WallParts:
        """A straight wall about its axis from `start` to `end`, with its openings, doors and windows."""
        along = np.subtract(end, start)
        length = float(np.linalg.norm(along))
        placement = self._storey_placement(storey, (*start, base_m), (*(along / length), 0.0))
        body = self._extrusion(self._rectangle(length, thickness_m, (length / 2, 0.0)), height_m)
        wall = self._product("IfcWall", storey, name, [body], placement)
        fillings = [self._opening(storey, wall, opening, thickness_m) for opening in openings]
        return WallParts(wall.GlobalId, tuple(filling for filling in fillings if filling))

    def slab(
        self,
        storey: str,
        name: str,
        outline: Sequence[Point2],
        thickness_m: float,
        top_m: float = 0.0,
        openings: Sequence[Sequence[Point2]] = (),
        kind: Literal["FLOOR", "ROOF", "LANDING", "BASESLAB"] = "FLOOR",
    ) -> str:
        """A level slab below `top_m`; each opening is an outline that is cut through it."""
        low = top_m - thickness_m
        body = self._extrusion(self._polygon(outline), thickness_m)
        placement = self._storey_placement(storey, (0.0, 0.0, low))
        slab = self._product("IfcSlab", storey, name, [body], placement, PredefinedType=kind)
        for outline_of_hole in openings:
            hole = self._extrusion(self._polygon(outline_of_hole), thickness_m)
            self._void(slab, f"{name} opening", hole, self._placement(slab.ObjectPlacement, (0.0, 0.0, 0.0)))
        return str(slab.GlobalId)

    def roof(self, storey: str, name: str, outline: Sequence[Point2], thickness_m: float, top_m: float = 0.0) -> str:
        """A flat roof, whose slab carries the geometry; returns the slab."""
        slab = self.slab(storey, f"{name} slab", outline, thickness_m, top_m, kind="ROOF")
        self._whole("IfcRoof", storey, name, self._all([slab]), "FLAT_ROOF")
        return slab

    def column(self, storey: str, name: str, at: Point2, size_m: Point2, height_m: float, base_m: float = 0.0) -> str:
        """A rectangular column about its axis."""
        body = self._extrusion(self._rectangle(*size_m), height_m)
        placement = self._storey_placement(storey, (*at, base_m))
        return str(self._product("IfcColumn", storey, name, [body], placement).GlobalId)

    def footing(self, storey: str, name: str, at: Point2, size_m: Point2, depth_m: float, top_m: float) -> str:
        """A pad under a column."""
        body = self._extrusion(self._rectangle(*size_m), depth_m)
        placement = self._storey_placement(storey, (*at, top_m - depth_m))
        return str(self._product("IfcFooting", storey, name, [body], placement, PredefinedType="PAD_FOOTING").GlobalId)

    def beam(self, storey: str, name: str, start: Point3, end: Point3, size_m: Point2) -> str:
        """A rectangular beam, width by depth, about its axis."""
        return self._run("IfcBeam", storey, name, self._rectangle(*size_m), start, end)

    def pipe(self, storey: str, name: str, start: Point3, end: Point3, diameter_m: float) -> str:
        """A straight run of pipe."""
        profile = self._profile(
            "IfcCircleHollowProfileDef", Radius=diameter_m / 2, WallThickness=min(0.003, diameter_m / 8)
        )
        return self._run(self._segment("Pipe"), storey, name, profile, start, end)

    def duct(self, storey: str, name: str, start: Point3, end: Point3, size_m: Point2) -> str:
        """A straight run of rectangular sheet-metal duct, width by height."""
        return self._run(self._segment("Duct"), storey, name, self._tube(size_m, SHEET_M), start, end)

    def stair(
        self, storey: str, name: str, start: Point3, heading: Point2, width_m: float, steps: int, step_m: Point2
    ) -> str:
        """One straight flight from the middle of its lowest riser, `step_m` going by rise; returns the flight."""
        going, rise = step_m
        # The last riser is the edge of the floor that the flight leads to.
        treads = [(k * going, (k + up) * rise) for k in range(steps) for up in (0, 1)][:-1]
        underside = [(treads[-1][0], treads[-1][1] - WAIST_M), (WAIST_M * going / rise, 0.0)]
        # The profile stands upright, its x along the heading, and is extruded from the left side to the right.
        right = (heading[1], -heading[0], 0.0)
        upright = self._axes((-right[0] * width_m / 2, -right[1] * width_m / 2, 0.0), right, (*heading, 0.0))
        body = self._solid(self._polygon([*treads, *underside]), upright, width_m)
        placement = self._storey_placement(storey, start)
        flight = self._product("IfcStairFlight", storey, f"{name} flight", [body], placement)
        self._whole("IfcStair", storey, name, [flight], "STRAIGHT_RUN_STAIR")
        return str(flight.GlobalId)

    def railing(self, storey: str, name: str, path: Sequence[Point3], height_m: float = 1.0) -> str:
        """Posts at the corners of a path, a handrail and a middle rail."""
        rod = self._profile("IfcCircleProfileDef", Radius=RAIL_RADIUS_M)
        posts = [self._rod(rod, p, (p[0], p[1], p[2] + height_m)) for p in path]
        rails = [
            self._rod(rod, (a[0], a[1], a[2] + share * height_m), (b[0], b[1], b[2] + share * height_m))
            for share in (0.5, 1.0)
            for a, b in pairwise(path)
        ]
        placement = self._storey_placement(storey, (0.0, 0.0, 0.0))
        return str(self._product("IfcRailing", storey, name, posts + rails, placement).GlobalId)

    def system(self, name: str, products: Iterable[str]) -> None:
        """The products that serve one purpose together."""
        kind = "IfcSystem" if self._schema == "IFC2X3" else "IfcDistributionSystem"
        system = self._root(kind, Name=name)
        self._root("IfcRelAssignsToGroup", RelatedObjects=self._all(products), RelatingGroup=system)
        self._root("IfcRelServicesBuildings", RelatingSystem=system, RelatedBuildings=[self._building])

    # --- where and when -----------------------------------------------------------------------------------------

    def map_conversion(self, crs: str, eastings_m: float, northings_m: float, height_m: float, turn_rad: float) -> None:
        """Where the site frame lies on a map, `crs` as in "EPSG:25832"; `turn_rad` from grid east to the site's x."""
        self._need_ifc4("a map conversion")
        self._file.create_entity(
            "IfcMapConversion",
            SourceCRS=self._context,
            TargetCRS=self._file.create_entity("IfcProjectedCRS", Name=crs),
            Eastings=eastings_m * self._per_m,
            Northings=northings_m * self._per_m,
            OrthogonalHeight=height_m * self._per_m,
            XAxisAbscissa=float(np.cos(turn_rad)),
            XAxisOrdinate=float(np.sin(turn_rad)),
        )

    def schedule(self, name: str, tasks: Sequence[PlannedTask]) -> None:
        """A work schedule: tasks with dates, what follows what, and the products that each task brings about."""
        self._need_ifc4("a work schedule")
        start, finish = min(task.start for task in tasks), max(task.finish for task in tasks)
        plan = self._root(
            "IfcWorkSchedule",
            Name=name,
            CreationDate=WRITTEN.isoformat(),
            StartTime=start.isoformat(),
            FinishTime=finish.isoformat(),
            PredefinedType="PLANNED",
        )
        made = {task.id: self._task(task) for task in tasks}
        self._root("IfcRelAssignsToControl", RelatedObjects=list(made.values()), RelatingControl=plan)
        self._root("IfcRelDeclares", RelatingContext=self._project, RelatedDefinitions=[plan])
        for task in tasks:
            for before in task.follows:
                self._root(
                    "IfcRelSequence",
                    RelatingProcess=made[before],
                    RelatedProcess=made[task.id],
                    SequenceType="FINISH_START",
                )
            for product in self._all(task.products):
                self._root("IfcRelAssignsToProduct", RelatedObjects=[made[task.id]], RelatingProduct=product)

    def write(self, path: Path) -> None:
        """Write the file with all that was added; nothing can be added after that."""
        self._root("IfcRelAggregates", RelatingObject=self._building, RelatedObjects=self._storeys)
        for storey, products in self._contained.items():
            level = self._file.by_guid(storey)
            self._root("IfcRelContainedInSpatialStructure", RelatedElements=products, RelatingStructure=level)
        header = self._file.header.file_name
        header.name, header.time_stamp = path.name, WRITTEN.isoformat()
        self._file.write(str(path))

    # --- how it is said in IFC ----------------------------------------------------------------------------------

    def _start(self, name: str, unit: Literal["m", "mm"]) -> None:
        self._context = self._file.create_entity(
            "IfcGeometricRepresentationContext",
            ContextType="Model",
            CoordinateSpaceDimension=3,
            Precision=1e-6 * self._per_m,
            WorldCoordinateSystem=self._axes((0.0, 0.0, 0.0)),
        )
        self._body = self._file.create_entity(
            "IfcGeometricRepresentationSubContext",
            ContextIdentifier="Body",
            ContextType="Model",
            ParentContext=self._context,
            TargetView="MODEL_VIEW",
        )
        units = [
            self._file.create_entity(
                "IfcSIUnit", UnitType=kind, Name=si, Prefix="MILLI" if kind == "LENGTHUNIT" and unit == "mm" else None
            )
            for kind, si in UNITS
        ]
        self._project = self._root(
            "IfcProject",
            Name=name,
            RepresentationContexts=[self._context],
            UnitsInContext=self._file.create_entity("IfcUnitAssignment", units),
        )
        site = self._root(
            "IfcSite", Name="Site", ObjectPlacement=self._placement(None, (0.0, 0.0, 0.0)), CompositionType="ELEMENT"
        )
        self._building = self._root(
            "IfcBuilding",
            Name=name,
            ObjectPlacement=self._placement(site.ObjectPlacement, (0.0, 0.0, 0.0)),
            CompositionType="ELEMENT",
        )
        self._root("IfcRelAggregates", RelatingObject=self._project, RelatedObjects=[site])
        self._root("IfcRelAggregates", RelatingObject=site, RelatedObjects=[self._building])

    def _owner_history(self) -> Any:
        """IFC2X3 wants to know who wrote every object."""
        make = self._file.create_entity
        person, firm = make("IfcPerson", FamilyName="Sitewright"), make("IfcOrganization", Name="Sitewright")
        return make(
            "IfcOwnerHistory",
            OwningUser=make("IfcPersonAndOrganization", person, firm),
            OwningApplication=make("IfcApplication", firm, "1", "Sitewright", "sitewright"),
            ChangeAction="ADDED",
            CreationDate=int((WRITTEN - datetime(1970, 1, 1)).total_seconds()),
        )

    def _need_ifc4(self, what: str) -> None:
        if self._schema == "IFC2X3":
            raise ValueError(f"{what} cannot be written in IFC2X3; use IFC4 or IFC4X3_ADD2")

    def _root(self, kind: str, **attributes: Any) -> Any:
        """Anything with a GlobalId, which follows from the order of creation."""
        self._made += 1
        guid = ifcopenshell.guid.compress(uuid.uuid5(self._namespace, str(self._made)).hex)
        return self._file.create_entity(kind, GlobalId=guid, OwnerHistory=self._owner, **attributes)

    def _product(self, kind: str, storey: str, name: str, items: list[Any], placement: Any, **attributes: Any) -> Any:
        product = self._with_shape(kind, name, items, placement, **attributes)
        self._contained[storey].append(product)
        return product

    def _with_shape(self, kind: str, name: str, items: list[Any], placement: Any, **attributes: Any) -> Any:
        shape = self._file.create_entity("IfcShapeRepresentation", self._body, "Body", "SweptSolid", items)
        shapes = self._file.create_entity("IfcProductDefinitionShape", None, None, [shape])
        return self._root(kind, Name=name, ObjectPlacement=placement, Representation=shapes, **attributes)

    def _whole(self, kind: str, storey: str, name: str, parts: list[Any], shape: str) -> None:
        """An assembly that its parts give the geometry of; the storey then contains the whole, not the parts."""
        attribute = "ShapeType" if self._schema == "IFC2X3" else "PredefinedType"
        placement = self._storey_placement(storey, (0.0, 0.0, 0.0))
        whole = self._root(kind, Name=name, ObjectPlacement=placement, **{attribute: shape})
        self._root("IfcRelAggregates", RelatingObject=whole, RelatedObjects=parts)
        self._contained[storey] = [*(p for p in self._contained[storey] if p not in parts), whole]

    def _opening(self, storey: str, wall: Any, opening: Opening, thickness_m: float) -> str | None:
        """Cut an opening into a wall and fill it; the GlobalId of what fills it."""
        middle = opening.at_m + opening.width_m / 2
        placement = self._placement(wall.ObjectPlacement, (middle, 0.0, opening.sill_m))
        body = self._extrusion(self._rectangle(opening.width_m, thickness_m + 0.1), opening.height_m)
        hole = self._void(wall, f"{opening.name} opening", body, placement)
        if opening.filling == "none":
            return None
        items = self._door(opening, thickness_m) if opening.filling == "door" else self._window(opening)
        size = {"OverallHeight": opening.height_m * self._per_m, "OverallWidth": opening.width_m * self._per_m}
        kind = "IfcDoor" if opening.filling == "door" else "IfcWindow"
        within = self._placement(hole.ObjectPlacement, (0.0, 0.0, 0.0))
        filling = self._product(kind, storey, opening.name, items, within, **size)
        self._root("IfcRelFillsElement", RelatingOpeningElement=hole, RelatedBuildingElement=filling)
        return str(filling.GlobalId)

    def _void(self, host: Any, name: str, body: Any, placement: Any) -> Any:
        hole = self._with_shape("IfcOpeningElement", name, [body], placement)
        self._root("IfcRelVoidsElement", RelatingBuildingElement=host, RelatedOpeningElement=hole)
        return hole

    def _door(self, opening: Opening, depth_m: float) -> list[Any]:
        """Two jambs as deep as the wall, a head, and a leaf that clears the floor."""
        w, h, f = opening.width_m, opening.height_m, FRAME_M
        jambs = [self._box((side * (w - f) / 2, 0.0, 0.0), (f, depth_m, h)) for side in (-1, 1)]
        head = self._box((0.0, 0.0, h - f), (w - 2 * f, depth_m, f))
        return [*jambs, head, self._box((0.0, 0.0, 0.005), (w - 2 * f, LEAF_M, h - f - 0.005))]

    def _window(self, opening: Opening) -> list[Any]:
        """A frame of four bars and a pane."""
        w, h, f = opening.width_m, opening.height_m, FRAME_M
        jambs = [self._box((side * (w - f) / 2, 0.0, 0.0), (f, f, h)) for side in (-1, 1)]
        rails = [self._box((0.0, 0.0, z), (w - 2 * f, f, f)) for z in (0.0, h - f)]
        return [*jambs, *rails, self._box((0.0, 0.0, f), (w - 2 * f, PANE_M, h - 2 * f))]

    def _box(self, base: Point3, size_m: Point3) -> Any:
        return self._solid(self._rectangle(size_m[0], size_m[1]), self._axes(base), size_m[2])

    def _run(self, kind: str, storey: str, name: str, profile: Any, start: Point3, end: Point3) -> str:
        """A straight member that is one profile from start to end."""
        along = tuple(float(v) for v in np.subtract(end, start))
        body = self._rod(profile, (0.0, 0.0, 0.0), (along[0], along[1], along[2]))
        return str(self._product(kind, storey, name, [body], self._storey_placement(storey, start)).GlobalId)

    def _rod(self, profile: Any, start: Point3, end: Point3) -> Any:
        """A profile extruded from start to end, its x level."""
        along = np.subtract(end, start)
        length = float(np.linalg.norm(along))
        axis = along / length
        level = np.cross(UP, axis) if abs(axis[2]) < 0.99 else np.array([1.0, 0.0, 0.0])
        return self._solid(profile, self._axes(start, list(axis), list(level / np.linalg.norm(level))), length)

    def _segment(self, what: str) -> str:
        return "IfcFlowSegment" if self._schema == "IFC2X3" else f"Ifc{what}Segment"

    def _extrusion(self, profile: Any, height_m: float) -> Any:
        return self._solid(profile, self._axes((0.0, 0.0, 0.0)), height_m)

    def _solid(self, profile: Any, position: Any, depth_m: float) -> Any:
        upward = self._file.create_entity("IfcDirection", UP)
        return self._file.create_entity("IfcExtrudedAreaSolid", profile, position, upward, depth_m * self._per_m)

    def _rectangle(self, x_m: float, y_m: float, centre: Point2 = (0.0, 0.0)) -> Any:
        position = self._file.create_entity("IfcAxis2Placement2D", self._point(centre))
        return self._profile("IfcRectangleProfileDef", position, XDim=x_m, YDim=y_m)

    def _profile(self, kind: str, position: Any = None, **sizes_m: float) -> Any:
        at = position or self._file.create_entity("IfcAxis2Placement2D", self._point((0.0, 0.0)))
        sizes = {name: size * self._per_m for name, size in sizes_m.items()}
        return self._file.create_entity(kind, ProfileType="AREA", Position=at, **sizes)

    def _tube(self, size_m: Point2, sheet_m: float) -> Any:
        rings = [
            self._curve([(sx * (size_m[0] / 2 - t), sy * (size_m[1] / 2 - t)) for sx, sy in CORNERS])
            for t in (0.0, sheet_m)
        ]
        return self._file.create_entity("IfcArbitraryProfileDefWithVoids", "AREA", None, rings[0], rings[1:])

    def _polygon(self, outline: Sequence[Point2]) -> Any:
        return self._file.create_entity("IfcArbitraryClosedProfileDef", "AREA", None, self._curve(outline))

    def _curve(self, outline: Sequence[Point2]) -> Any:
        points = [self._point(p) for p in outline]
        return self._file.create_entity("IfcPolyline", [*points, points[0]])

    def _point(self, xyz_m: Sequence[float]) -> Any:
        return self._file.create_entity("IfcCartesianPoint", [float(v) * self._per_m for v in xyz_m])

    def _axes(self, origin: Point3, axis: Sequence[float] = UP, x: Sequence[float] = (1.0, 0.0, 0.0)) -> Any:
        z, ref = (self._file.create_entity("IfcDirection", [float(v) for v in d]) for d in (axis, x))
        return self._file.create_entity("IfcAxis2Placement3D", self._point(origin), z, ref)

    def _placement(self, parent: Any, origin: Point3, x: Sequence[float] = (1.0, 0.0, 0.0)) -> Any:
        return self._file.create_entity("IfcLocalPlacement", parent, self._axes(origin, UP, x))

    def _storey_placement(self, storey: str, origin: Point3, x: Sequence[float] = (1.0, 0.0, 0.0)) -> Any:
        return self._placement(self._file.by_guid(storey).ObjectPlacement, origin, x)

    def _all(self, products: Iterable[str]) -> list[Any]:
        return [self._file.by_guid(product) for product in products]

    def _task(self, task: PlannedTask) -> Any:
        time = self._file.create_entity(
            "IfcTaskTime",
            ScheduleStart=task.start.isoformat(),
            ScheduleFinish=task.finish.isoformat(),
            ScheduleDuration=f"P{(task.finish - task.start).days}D",
        )
        return self._root(
            "IfcTask",
            Name=task.name,
            Identification=task.id,
            IsMilestone=False,
            TaskTime=time,
            PredefinedType="CONSTRUCTION",
        )
