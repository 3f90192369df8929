"""Where on the map a model stands, by its own word."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from bim.frames import FloatArray

Entity = Any
"""An ifcopenshell.entity_instance; its attributes depend on its class."""


@dataclass(frozen=True)
class Georeference:
    """What a model says of its place.

    `T_map_site` (4, 4) takes site coordinates to the map's eastings, northings and height in metres; its scale is that
    of the grid. None where the model gives only a latitude and a longitude, which places a point but not an axis.
    """

    crs: str
    """Name of the coordinate reference system, such as "EPSG:32632"."""
    T_map_site: FloatArray | None
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    elevation_m: float | None = None


def georeference(model: Entity, unit_m: float) -> Georeference | None:
    """What `model`, an open IFC file with length unit `unit_m`, says of its place; None if it says nothing."""
    return next((found for found in _statements(model, unit_m)), None)


def _statements(model: Entity, unit_m: float) -> Iterator[Georeference]:
    if model.schema != "IFC2X3":
        for conversion in model.by_type("IfcMapConversion"):
            crs = conversion.TargetCRS
            yield _of_conversion(conversion.get_info(), crs.Name, _map_unit_m(crs, unit_m), unit_m)
    yield from _property_sets(model, unit_m)
    for site in model.by_type("IfcSite"):
        if site.RefLatitude and site.RefLongitude:
            latitude, longitude = _degrees(site.RefLatitude), _degrees(site.RefLongitude)
            yield Georeference("EPSG:4326", None, latitude, longitude, (site.RefElevation or 0.0) * unit_m)


def _property_sets(model: Entity, unit_m: float) -> Iterator[Georeference]:
    """The agreed way to say it in IFC2X3, which has no entity for it."""
    named = {
        each.Name: each
        for each in model.by_type("IfcPropertySet")
        if each.Name in ("ePSet_MapConversion", "ePset_MapConversion", "ePSet_ProjectedCRS", "ePset_ProjectedCRS")
    }
    values = {
        name.split("_")[1]: {
            each.Name: getattr(each.NominalValue, "wrappedValue", None)
            for each in found.HasProperties
            if each.is_a("IfcPropertySingleValue")
        }
        for name, found in named.items()
    }
    if {"Eastings", "Northings"} <= values.get("MapConversion", {}).keys():
        crs = values.get("ProjectedCRS", {}).get("Name") or "unnamed"
        yield _of_conversion(values["MapConversion"], str(crs), 1.0, unit_m)


def _map_unit_m(crs: Entity, unit_m: float) -> float:
    unit = getattr(crs, "MapUnit", None)
    if unit is None:
        return unit_m
    from ifcopenshell.util.unit import get_prefix_multiplier

    if unit.is_a("IfcConversionBasedUnit"):
        return float(unit.ConversionFactor.ValueComponent.wrappedValue)
    return float(get_prefix_multiplier(unit.Prefix)) if unit.is_a("IfcSIUnit") else unit_m


def _of_conversion(values: dict[str, Any], crs: str, map_unit_m: float, unit_m: float) -> Georeference:
    x, y = (values.get("XAxisAbscissa") or 0.0), (values.get("XAxisOrdinate") or 0.0)
    angle_rad = math.atan2(y, x) if x or y else 0.0
    scale = (values.get("Scale") or unit_m / map_unit_m) * map_unit_m / unit_m
    factors = [scale * (values.get(f"Factor{axis}") or 1.0) for axis in "XYZ"]
    T = np.eye(4)
    T[:2, :2] = [[math.cos(angle_rad), -math.sin(angle_rad)], [math.sin(angle_rad), math.cos(angle_rad)]]
    T[:3, :3] = T[:3, :3] * factors
    T[:3, 3] = [(values.get(name) or 0.0) * map_unit_m for name in ("Eastings", "Northings", "OrthogonalHeight")]
    return Georeference(crs, T)


def _degrees(compound: tuple[int, ...]) -> float:
    """Degrees of an IfcCompoundPlaneAngleMeasure: degrees, minutes, seconds and perhaps millionths of a second."""
    return sum(part / size for part, size in zip(compound, (1.0, 60.0, 3600.0, 3.6e9), strict=False))
