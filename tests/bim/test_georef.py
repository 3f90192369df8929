"""Where on the map a model stands."""

from typing import Any

import ifcopenshell
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bim.frames import transform
from bim.georef import georeference


def surveyed(schema: str = "IFC4", **values: float) -> Any:
    model = ifcopenshell.file(schema=schema)
    context = model.create_entity("IfcGeometricRepresentationContext", CoordinateSpaceDimension=3)
    unit = model.create_entity("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE")
    crs = model.create_entity("IfcProjectedCRS", Name="EPSG:32632", MapUnit=unit)
    given = {"Eastings": 0.0, "Northings": 0.0, "OrthogonalHeight": 0.0} | values
    model.create_entity("IfcMapConversion", SourceCRS=context, TargetCRS=crs, **given)
    return model


def test_a_model_that_says_nothing_has_no_place():
    assert georeference(ifcopenshell.file(schema="IFC4"), 1.0) is None


@given(
    st.floats(-1e6, 1e6), st.floats(-1e7, 1e7), st.floats(-500, 9000), st.floats(-np.pi, np.pi), st.floats(0.001, 1.0)
)
def test_distances_are_kept_and_the_origin_goes_where_it_is_said(easting, northing, height, angle_rad, unit_m):
    model = surveyed(
        Eastings=easting,
        Northings=northing,
        OrthogonalHeight=height,
        XAxisAbscissa=float(np.cos(angle_rad)),
        XAxisOrdinate=float(np.sin(angle_rad)),
        Scale=unit_m,
    )
    found = georeference(model, unit_m)
    assert found is not None
    assert found.T_map_site is not None
    origin, east = transform(found.T_map_site, np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]))
    np.testing.assert_allclose(origin, [easting, northing, height], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(east - origin, [np.cos(angle_rad), np.sin(angle_rad), 0.0], atol=1e-6)


def test_the_property_sets_of_ifc2x3_say_the_same():
    model = ifcopenshell.file(schema="IFC2X3")

    def property_set(name: str, **values: str | float) -> None:
        properties = [
            model.create_entity(
                "IfcPropertySingleValue",
                Name=key,
                NominalValue=model.create_entity("IfcLabel" if isinstance(value, str) else "IfcReal", value),
            )
            for key, value in values.items()
        ]
        model.create_entity("IfcPropertySet", GlobalId=ifcopenshell.guid.new(), Name=name, HasProperties=properties)

    property_set("ePSet_MapConversion", Eastings=500000.0, Northings=5400000.0)
    property_set("ePSet_ProjectedCRS", Name="EPSG:25832")
    found = georeference(model, 0.001)
    assert found is not None
    assert found.crs == "EPSG:25832"
    assert found.T_map_site is not None
    np.testing.assert_allclose(found.T_map_site[:2, 3], [500000.0, 5400000.0])


def test_a_latitude_and_longitude_place_a_point_alone():
    model = ifcopenshell.file(schema="IFC4")
    angles = {"RefLatitude": (48, 30, 0), "RefLongitude": (-9, -15, -36)}
    model.create_entity("IfcSite", GlobalId=ifcopenshell.guid.new(), RefElevation=250000.0, **angles)
    found = georeference(model, 0.001)
    assert found is not None
    assert found.T_map_site is None
    assert (found.latitude_deg, found.longitude_deg) == (48.5, pytest.approx(-9.26))
    assert found.elevation_m == pytest.approx(250.0)
