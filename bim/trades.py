"""Who builds an element: the trade that its IFC class belongs to."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Trade(StrEnum):
    """Who works on a site, coarse enough for a legend."""

    GROUND = "ground"
    STRUCTURE = "structure"
    WALLS = "walls"
    OPENINGS = "openings"
    FINISHES = "finishes"
    SERVICES = "services"
    FURNITURE = "furniture"
    OTHER = "other"


_CLASSES: Mapping[Trade, str] = MappingProxyType({
    Trade.GROUND: "Site Footing Pile DeepFoundation CaissonFoundation GeographicElement EarthworksFill EarthworksCut",
    Trade.STRUCTURE: "Beam Column Slab Member Plate ReinforcingBar ReinforcingMesh Tendon Stair StairFlight Ramp "
    "RampFlight ElementAssembly Roof",
    Trade.WALLS: "Wall WallStandardCase WallElementedCase CurtainWall Chimney ShadingDevice",
    Trade.OPENINGS: "Window Door WindowStandardCase DoorStandardCase",
    Trade.FINISHES: "Covering Railing Paving Kerb",
    Trade.FURNITURE: "FurnishingElement Furniture SystemFurnitureElement",
})  # fmt: skip
_SERVICES = (
    "Flow", "Duct", "Pipe", "Cable", "Distribution", "Air", "Sanitary", "Light", "Outlet", "Electric", "Energy",
    "Boiler", "Pump", "Valve", "Fan", "Space", "Tank", "Switch", "Sensor", "Waste", "Fire", "Heat", "Junction",
    "Protective", "Unitary", "Communication", "AudioVisual", "Alarm", "Transport", "Coil", "Compressor",
)  # fmt: skip
"""How the classes of building services begin, from IFC2X3 to IFC4X3."""
_TRADES = {f"Ifc{name}": trade for trade, names in _CLASSES.items() for name in names.split()}


def trade_of(ifc_class: str) -> Trade:
    """The trade of an IFC class; `OTHER` for what could be anything, as IfcBuildingElementProxy."""
    if trade := _TRADES.get(ifc_class):
        return trade
    return Trade.SERVICES if ifc_class.removeprefix("Ifc").startswith(_SERVICES) else Trade.OTHER
