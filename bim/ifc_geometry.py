"""Shapes of IFC elements as triangles, in metres.

Shared representations are tessellated once and placed many times, faceted shapes are read straight from the file's
text, half-spaces and openings are cut from triangles; everything else is the library's kernel, item by item.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial

import ifcopenshell
import ifcopenshell.geom
import numpy as np
from ifcopenshell.util.placement import get_mappeditem_transformation
from manifold3d import CrossSection, Error, FillRule, Manifold, Mesh64, OpType

from bim.frames import FloatArray, invert, transform
from bim.ifc_extrusion import extruded
from bim.ifc_facesets import Entity, FaceSets, Surface, polygonal, triangulated

KERNELS = ("hybrid-cgal-simple-opencascade", "opencascade")
"""The second is slower and used where the first fails."""
GRID_M = 1e-7
"""Faces that are meant to touch do so exactly after rounding; a cut along them would leave a skin otherwise."""
MAX_MAPPING_DEPTH = 16
BODY = ("Body", "Facetation", "Tessellation")
NOT_BODY = {"Axis", "Box", "FootPrint", "Reference", "Clearance", "Lighting", "CoG", "Profile", "Plan", "Annotation"}
OPEN = {"IfcFaceBasedSurfaceModel", "IfcShellBasedSurfaceModel"}
"""Surfaces that enclose nothing: an opening takes nothing away from them."""


class CannotTessellate(Exception):
    """The shape has no surface that can be computed."""


def body(product: Entity) -> Entity | None:
    """The representation that shows the product's own surface, None when it has none."""
    representations = product.Representation.Representations if product.Representation else ()
    solid = [each for each in representations if each.RepresentationIdentifier not in NOT_BODY and not _is_flat(each)]
    preferred = {name: rank for rank, name in enumerate(BODY)}
    return min(solid, key=lambda each: preferred.get(each.RepresentationIdentifier, len(BODY)), default=None)


def _is_flat(representation: Entity) -> bool:
    return representation.RepresentationType in ("Curve2D", "Annotation2D", "GeometricCurveSet", "Curve3D", "Point")


class Tessellator:
    """The shapes of one model. `text` is the STEP file that `model` was read from, `unit_m` its length unit."""

    def __init__(self, model: ifcopenshell.file, text: bytes, unit_m: float) -> None:
        settings = ifcopenshell.geom.settings()
        settings.set("no-normals", True)
        settings.set("apply-default-materials", False)
        self._kernels = [ifcopenshell.geom.kernel(settings, model, name) for name in KERNELS]
        self._unit_m = unit_m
        # Each lives as long as the tessellator: for one model.
        self._item_surface = cache(self._tessellate)
        self._face_sets = cache(lambda: FaceSets(text, unit_m))
        self._matrix = cache(self._placement_matrix)

    def placement(self, product: Entity) -> FloatArray:
        """T_site_product (4, 4), translation in metres."""
        return self._matrix(product.ObjectPlacement) if product.ObjectPlacement else np.eye(4)

    def surface(self, product: Entity, openings: Iterable[Entity]) -> Surface:
        """The product's surface in the site frame, without what its openings take away. Raises CannotTessellate."""
        try:
            return self._assembled(product, openings)
        except (CannotTessellate, RuntimeError, AttributeError):
            return self._by_kernel(product)

    def _by_kernel(self, product: Entity) -> Surface:
        try:
            shape = self._kernels[1].create_shape(product)
        except RuntimeError as error:
            raise CannotTessellate(str(error)) from error
        return _joined([placed(_shape(shape.geometry), self.placement(product))])

    def _assembled(self, product: Entity, openings: Iterable[Entity]) -> Surface:
        T_site_product = self.placement(product)
        parts = self._parts(product)
        if voids := self._voids(openings, T_site_product):
            void = Manifold.batch_boolean(voids, OpType.Add)
            parts = [
                (item, part if item.is_a() in OPEN else _triangles(_manifold(part) - void)) for item, part in parts
            ]
        return placed(_joined([part for _, part in parts]), T_site_product)

    def _voids(self, openings: Iterable[Entity], T_site_product: FloatArray) -> list[Manifold]:
        """The openings in the product's own frame: in the site's, coordinates may be too far out for the rounding."""
        return [
            _manifold(placed(part, invert(T_site_product) @ self.placement(opening)))
            for opening in openings
            if body(opening) is not None
            for _, part in self._parts(opening)
        ]

    def _parts(self, product: Entity) -> list[tuple[Entity, Surface]]:
        representation = body(product)
        if representation is None:
            raise CannotTessellate("no body")
        return [(item, placed(self._item_surface(item), T)) for item, T in self._leaves(representation)]

    def _leaves(self, representation: Entity, depth: int = 0) -> Iterator[tuple[Entity, FloatArray]]:
        """The items of a representation through all mappings, each with T_product_item (4, 4)."""
        for item in representation.Items:
            if not item.is_a("IfcMappedItem"):
                yield item, np.eye(4)
            elif depth < MAX_MAPPING_DEPTH:
                T = _map_matrix(item, self._unit_m)
                for leaf, T_map_leaf in self._leaves(item.MappingSource.MappedRepresentation, depth + 1):
                    yield leaf, T @ T_map_leaf

    def _placement_matrix(self, placement: Entity) -> FloatArray:
        return np.array(self._kernels[0].create_shape(placement).matrix, float).reshape(4, 4).T

    def _tessellate(self, item: Entity) -> Surface:
        """A representation item in its own coordinates, by the first way that gives a sane surface."""
        for way in self._ways(item):
            try:
                surface = way(item)
            except (ValueError, KeyError, RuntimeError, CannotTessellate):
                continue
            inside_out = item.is_a("IfcSweptAreaSolid") and surface.volume_m3 <= 0.0
            if len(surface.triangles) and np.isfinite(surface.vertices).all() and not inside_out:
                return surface
        raise CannotTessellate(item.is_a())

    def _ways(self, item: Entity) -> Iterator[Callable[[Entity], Surface]]:
        own: dict[str, Callable[[Entity], Surface]] = {
            "IfcFacetedBrep": self._faceted_brep,
            "IfcFaceBasedSurfaceModel": lambda item: self._shells(item.FbsmFaces),
            "IfcShellBasedSurfaceModel": lambda item: self._shells(item.SbsmBoundary),
            "IfcExtrudedAreaSolid": self._extrusion,
            "IfcPolygonalFaceSet": lambda item: polygonal(item, self._unit_m),
            "IfcTriangulatedFaceSet": lambda item: triangulated(item, self._unit_m),
            "IfcBooleanResult": lambda item: _triangles(self._solid(item)),
            "IfcBooleanClippingResult": lambda item: _triangles(self._solid(item)),
        }
        if item.is_a() in own:
            yield own[item.is_a()]
        for kernel in self._kernels:
            yield partial(_kernel_shape, kernel)

    def _extrusion(self, item: Entity) -> Surface:
        surface = extruded(item, self._unit_m)
        return placed(surface, self._matrix(item.Position)) if item.Position else surface

    def _shells(self, shells: Iterable[Entity]) -> Surface:
        return self._face_sets().surface([shell.id() for shell in shells])

    def _faceted_brep(self, item: Entity) -> Surface:
        surface = self._shells([item.Outer])
        return surface.flipped() if surface.volume_m3 < 0.0 else surface

    # --- Boolean operands -------------------------------------------------------------------------------------------

    def _solid(self, item: Entity) -> Manifold:
        if not item.is_a("IfcBooleanResult"):
            return _manifold(self._item_surface(item))
        first, second = self._solid(item.FirstOperand), item.SecondOperand
        if second.is_a("IfcHalfSpaceSolid"):
            return self._half_space_cut(first, item.Operator, second)
        operation = {"DIFFERENCE": OpType.Subtract, "UNION": OpType.Add, "INTERSECTION": OpType.Intersect}
        return Manifold.batch_boolean([first, self._solid(second)], operation[item.Operator])

    def _half_space_cut(self, solid: Manifold, operator: str, half_space: Entity) -> Manifold:
        if operator != "DIFFERENCE" or not half_space.BaseSurface.is_a("IfcPlane"):
            raise CannotTessellate(half_space.BaseSurface.is_a())
        plane = self._matrix(half_space.BaseSurface.Position)
        # The material of the half-space lies behind its plane, or before it when the flag is false.
        outward = plane[:3, 2] if half_space.AgreementFlag else -plane[:3, 2]
        offset = float(outward @ plane[:3, 3])
        if not half_space.is_a("IfcPolygonalBoundedHalfSpace"):
            return solid.trim_by_plane(outward, offset)
        return solid - self._prism(half_space, solid).trim_by_plane(-outward, -offset)

    def _prism(self, half_space: Entity, solid: Manifold) -> Manifold:
        """The column over the polygon that bounds the half-space, long enough to pass through `solid`."""
        boundary = half_space.PolygonalBoundary
        if not boundary.is_a("IfcPolyline"):
            raise CannotTessellate(boundary.is_a())
        outline = np.array([point.Coordinates[:2] for point in boundary.Points], float) * self._unit_m
        T = self._matrix(half_space.Position)
        low, high = np.array(solid.bounding_box()).reshape(2, 3)
        reach = float(np.linalg.norm(high - low) + np.linalg.norm((high + low) / 2 - T[:3, 3]))
        column = CrossSection([outline], FillRule.EvenOdd).extrude(2 * reach).translate((0.0, 0.0, -reach))
        return _manifold(placed(_triangles(column), T))


def _map_matrix(item: Entity, unit_m: float) -> FloatArray:
    """T (4, 4) of an IfcMappedItem; it may scale and mirror."""
    matrix: FloatArray | None = get_mappeditem_transformation(item)
    if matrix is None:
        raise CannotTessellate(item.MappingTarget.is_a())
    matrix[:3, 3] *= unit_m
    return matrix


def placed(surface: Surface, T: FloatArray) -> Surface:
    """The surface taken through T (4, 4), which may scale and mirror."""
    moved = Surface(transform(T, surface.vertices), surface.triangles)
    return moved.flipped() if np.linalg.det(T[:3, :3]) < 0.0 else moved


def _joined(parts: list[Surface]) -> Surface:
    if len(parts) == 1:
        return parts[0]
    offsets = np.cumsum([0, *(len(part.vertices) for part in parts)])
    triangles = [part.triangles + offset for part, offset in zip(parts, offsets, strict=False)]
    if not sum(len(each) for each in triangles):
        raise CannotTessellate("no triangles")
    return Surface(np.concatenate([part.vertices for part in parts]), np.concatenate(triangles).astype(np.int32))


def _kernel_shape(kernel: ifcopenshell.geom.kernel, item: Entity) -> Surface:
    return _shape(kernel.create_shape(item))


def _shape(shape: Entity) -> Surface:
    """What a kernel returns; its buffers die with it."""
    vertices = np.frombuffer(shape.verts_buffer, np.float64).reshape(-1, 3).copy()
    return Surface(vertices, np.frombuffer(shape.faces_buffer, np.int32).reshape(-1, 3).copy())


def _manifold(surface: Surface) -> Manifold:
    oriented = surface.flipped() if surface.volume_m3 < 0.0 else surface
    mesh = Mesh64(np.round(oriented.vertices / GRID_M) * GRID_M, oriented.triangles.astype(np.uint64))
    mesh.merge()
    solid = Manifold(mesh)
    if solid.status() != Error.NoError or solid.is_empty():
        raise CannotTessellate("not closed")
    return solid


def _triangles(solid: Manifold) -> Surface:
    mesh = solid.to_mesh64()
    return Surface(np.array(mesh.vert_properties)[:, :3], np.array(mesh.tri_verts).astype(np.int32))
