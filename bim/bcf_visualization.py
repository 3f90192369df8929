"""The viewpoint files of BCF 2.0, 2.1 and 3.0: camera, components, lines, clipping planes, bitmaps."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from xml.etree.ElementTree import Element as Node

from bim.bcf import Bitmap, Camera, ClippingPlane, Coloring, Component, Line, Viewpoint, Visibility
from bim.errors import BadInput
from bim.verdict import Vector

GUID = r"[0-9A-Za-z_$-]{1,64}"
PNG, JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff"
_HINTS = {"spaces": "SpacesVisible", "space_boundaries": "SpaceBoundariesVisible", "openings": "OpeningsVisible"}


def viewpoint(scene: Node, file: Callable[[str], bytes | None]) -> Viewpoint:
    """A viewpoint from its XML; `file` gives the bytes of what it refers to. Raises ValueError."""
    components = scene.find("Components")
    parts = Node("Components") if components is None else components
    listed = parts.findall("Component")
    return Viewpoint(
        guid="",
        camera=_camera(scene),
        selection=(
            *_components(parts, "Selection/Component"),
            *(_component(each) for each in listed if flag(each.get("Selected"), False)),
        ),
        visibility=_visibility(parts, listed),
        coloring=(*_coloring(parts), *_old_coloring(listed)),
        lines=tuple(Line(_point(each, "StartPoint"), _point(each, "EndPoint")) for each in scene.iter("Line")),
        clipping_planes=tuple(
            ClippingPlane(_point(each, "Location"), _point(each, "Direction")) for each in scene.iter("ClippingPlane")
        ),
        bitmaps=tuple(_bitmaps(scene, file)),
    )


def _camera(scene: Node) -> Camera | None:
    perspective, orthogonal = scene.find("PerspectiveCamera"), scene.find("OrthogonalCamera")
    node = orthogonal if perspective is None else perspective
    if node is None:
        return None
    return Camera(
        kind="orthogonal" if perspective is None else "perspective",
        position_m=_point(node, "CameraViewPoint"),
        direction=_point(node, "CameraDirection"),
        up=_point(node, "CameraUpVector"),
        extent=number(node.findtext("ViewToWorldScale" if perspective is None else "FieldOfView")),
        aspect_ratio=number(node.findtext("AspectRatio") or "1"),
    )


def _components(node: Node, path: str) -> tuple[Component, ...]:
    return tuple(_component(each) for each in node.findall(path))


def _component(node: Node) -> Component:
    return Component(
        node.get("IfcGuid", ""),
        (node.findtext("OriginatingSystem") or "").strip(),
        (node.findtext("AuthoringToolId") or "").strip(),
    )


def _visibility(parts: Node, listed: list[Node]) -> Visibility:
    """2.1 and 3.0 give a default and its exceptions; 2.0 says of each component whether it is visible."""
    node, hints = parts.find("Visibility"), next(parts.iter("ViewSetupHints"), None)
    shown = {} if hints is None else {field: flag(hints.get(name), False) for field, name in _HINTS.items()}
    if node is None:
        hidden = tuple(_component(each) for each in listed if not flag(each.get("Visible"), True))
        return Visibility(True, hidden, **shown)
    default = flag(node.get("DefaultVisibility"), False)
    return Visibility(default, _components(node, "Exceptions/Component"), **shown)


def _coloring(parts: Node) -> Iterator[Coloring]:
    for node in parts.findall("Coloring/Color"):
        members = _components(node, "Components/Component") + _components(node, "Component")
        yield Coloring(node.get("Color", ""), members)


def _old_coloring(listed: list[Node]) -> Iterator[Coloring]:
    for color in dict.fromkeys(each.get("Color", "") for each in listed):
        if color:
            yield Coloring(color, tuple(_component(each) for each in listed if each.get("Color") == color))


def _bitmaps(scene: Node, file: Callable[[str], bytes | None]) -> Iterator[Bitmap]:
    """Bitmaps/Bitmap (3.0), Bitmap (2.1) or Bitmaps (2.0): whatever refers to a picture."""
    for node in [each for each in scene.iter() if each.find("Reference") is not None]:
        data = file((node.findtext("Reference") or "").strip())
        kind = (node.findtext("Format") or node.findtext("Bitmap") or "").strip().lower()
        if data is not None:
            yield Bitmap(
                "png" if kind == "png" else "jpg",
                data,
                _point(node, "Location"),
                _point(node, "Normal"),
                _point(node, "Up"),
                number(node.findtext("Height")),
            )


def _point(node: Node, name: str) -> Vector:
    at = node.find(name)
    if at is None:
        raise ValueError(f"{node.tag} has no {name}")
    return number(at.findtext("X")), number(at.findtext("Y")), number(at.findtext("Z"))


def number(text: str | None) -> float:
    """A finite number. Raises ValueError."""
    value = float(text or "nothing")
    if not math.isfinite(value):
        raise ValueError(f"{text} is not finite")
    return value


def flag(text: str | None, default: bool) -> bool:
    """An xs:boolean."""
    return default if text is None else text.strip().lower() in ("true", "1")


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Whatever is not as BCF says becomes one BadInput about the archive."""
    try:
        yield
    except ValueError as error:
        raise BadInput(f"{name} is not as BCF says ({error})", "valid BCF", "export the issues again") from error
