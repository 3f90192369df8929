"""Verdicts into an IFC model: a property set and a colour an element. Runs in a child process; `bim.ifc` is what
others call.

What elements of different states share (a mapped representation, an item, a shape) is copied once a state, only the
copy's top: the points and faces below stay shared. A second run finds what the first one wrote and replaces it.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import ifcopenshell
import ifcopenshell.guid
import numpy as np

from bim.arrays import Payload
from bim.ifc_facesets import Entity
from bim.ifc_geometry import MAX_MAPPING_DEPTH, body
from bim.ifc_reader import open_model, physical_elements
from bim.verdict import State, Verdict

PROPERTY_SET = "Sitewright_Verdict"
STYLE = "Sitewright_"
"""What the name of a state's surface style begins with."""
NAMESPACE = uuid.UUID("0f6c9c0e-0c57-5d3b-8f0e-6b1b2f4c7d11")
Colour = tuple[float, float, float]


def model_with_verdicts(path: str, verdicts: Sequence[Verdict], colours: Mapping[State, Colour]) -> Payload:
    """The STEP text of the model with its verdicts, as bytes in `text`. Raises BadModel."""
    model, _ = open_model(Path(path))
    _forget(model)
    given = {verdict.global_id: verdict for verdict in verdicts}
    judged = [(each, given[each.GlobalId]) for each in physical_elements(model)[0] if each.GlobalId in given]
    for element, verdict in judged:
        _describe(model, element, verdict)
    painter = _Painter(model, colours, {element.id(): verdict.state for element, verdict in judged})
    for element, verdict in judged:
        painter.paint(element, verdict.state)
    return {"text": np.frombuffer(model.to_string().encode(), np.uint8)}


# --- The property set -------------------------------------------------------------------------------------------------


def _forget(model: ifcopenshell.file) -> None:
    """Takes out the property sets of an earlier run."""
    for relation in model.by_type("IfcRelDefinesByProperties"):
        described = relation.RelatingPropertyDefinition
        if described.is_a("IfcPropertySet") and described.Name == PROPERTY_SET:
            for each in (relation, described, *described.HasProperties):
                model.remove(each)


def _describe(model: ifcopenshell.file, element: Entity, verdict: Verdict) -> None:
    properties = [
        model.create_entity("IfcPropertySingleValue", Name=name, NominalValue=model.create_entity(kind, value))
        for name, kind, value in properties_of(verdict)
    ]
    described = model.create_entity(
        "IfcPropertySet",
        GlobalId=_global_id(element, "properties"),
        OwnerHistory=element.OwnerHistory,
        Name=PROPERTY_SET,
        HasProperties=properties,
    )
    model.create_entity(
        "IfcRelDefinesByProperties",
        GlobalId=_global_id(element, "relation"),
        OwnerHistory=element.OwnerHistory,
        RelatedObjects=[element],
        RelatingPropertyDefinition=described,
    )


def properties_of(verdict: Verdict) -> Iterator[tuple[str, str, str | float | int | bool]]:
    """Name, IFC type and value of each property. Lengths are millimetres whatever the unit of the model, as their
    names say; a shift is as-built minus as-designed along the axes of the site frame.
    """
    yield "State", "IfcLabel", str(verdict.state)
    if verdict.completion is not None:
        yield "Completion", "IfcReal", float(verdict.completion)
    yield "CompletionLow", "IfcReal", float(verdict.completion_low)
    yield "CompletionHigh", "IfcReal", float(verdict.completion_high)
    yield "Confidence", "IfcReal", float(verdict.confidence)
    yield "Observable", "IfcReal", float(verdict.observable)
    yield "SamplesPresent", "IfcInteger", int(verdict.evidence.present)
    yield "SamplesAbsent", "IfcInteger", int(verdict.evidence.absent)
    yield "SamplesOccluded", "IfcInteger", int(verdict.evidence.occluded)
    yield "SamplesNotCovered", "IfcInteger", int(verdict.evidence.not_covered)
    if deviation := verdict.deviation:
        for axis, shift_m in zip("XYZ", deviation.translation_m, strict=True):
            yield f"Shift{axis}_mm", "IfcReal", round(1000.0 * float(shift_m), 3)
        yield "ShiftStandardError_mm", "IfcReal", round(1000.0 * float(deviation.sigma_m), 3)
        yield "WithinTolerance", "IfcBoolean", bool(deviation.within_tolerance)
        if deviation.clause:
            yield "ToleranceClause", "IfcText", deviation.clause.en
    yield "Reason", "IfcText", verdict.reason.en
    yield "ReasonZh", "IfcText", verdict.reason.zh


def _global_id(element: Entity, part: str) -> str:
    return str(ifcopenshell.guid.compress(uuid.uuid5(NAMESPACE, f"{element.GlobalId}/{part}").hex))


# --- The colours ------------------------------------------------------------------------------------------------------


class _Painter:
    """Colours elements. `states` are those of the elements that will be painted, by STEP id."""

    def __init__(self, model: ifcopenshell.file, colours: Mapping[State, Colour], states: Mapping[int, State]) -> None:
        self._model = model
        self._styles = {state: _style(model, state, colours[state]) for state in sorted(set(states.values()))}
        self._users: dict[int, set[str]] = defaultdict(set)
        for product in model.by_type("IfcProduct"):
            if product.Representation:
                self._register(product.Representation, states.get(product.id(), ""))
        self._copies: dict[tuple[int, State], Entity] = {}
        self._painted: set[tuple[int, State]] = set()

    def paint(self, element: Entity, state: State) -> None:
        """Give the element's body the colour of `state`, and no other element's."""
        shown = body(element)
        shape = element.Representation = self._own(element.Representation, state)
        shape.Representations = [
            self._representation(each, state) if each == shown else each for each in shape.Representations
        ]

    def _register(self, entity: Entity, state: str, depth: int = 0) -> None:
        """Note that something of this state uses the entity and what it shows."""
        if state in self._users[entity.id()] or depth > 4 * MAX_MAPPING_DEPTH:
            return
        self._users[entity.id()].add(state)
        for part in _shown_by(entity):
            self._register(part, state, depth + 1)

    def _own(self, entity: Entity, state: State) -> Entity:
        """The entity itself for the first of the states that use it, a copy for each other."""
        users = self._users[entity.id()]
        if len(users) <= 1 or state == min(users):
            return entity
        if (entity.id(), state) not in self._copies:
            copy = self._copies[entity.id(), state] = self._model.create_entity(entity.is_a(), *entity)
            for layer in getattr(entity, "LayerAssignments", ()) or getattr(entity, "LayerAssignment", ()):
                layer.AssignedItems = [*layer.AssignedItems, copy]
        return self._copies[entity.id(), state]

    def _representation(self, shown: Entity, state: State) -> Entity:
        own = self._own(shown, state)
        if (own.id(), state) not in self._painted:
            self._painted.add((own.id(), state))
            own.Items = [self._item(each, state) for each in own.Items]
        return own

    def _item(self, item: Entity, state: State) -> Entity:
        own = self._own(item, state)
        if own.is_a("IfcMappedItem"):
            source = own.MappingSource = self._own(own.MappingSource, state)
            source.MappedRepresentation = self._representation(source.MappedRepresentation, state)
        else:
            self._restyle(own, state)
        return own

    def _restyle(self, item: Entity, state: State) -> None:
        for colours in getattr(item, "HasColours", None) or ():
            self._model.remove(colours)
        styled = item.StyledByItem or [self._model.create_entity("IfcStyledItem", Item=item, Styles=())]
        for each in styled:
            each.Styles = [self._styles[state]]


def _shown_by(entity: Entity) -> tuple[Entity, ...]:
    """What a shape, a representation, a mapped item or a map shows directly."""
    if entity.is_a("IfcProductRepresentation"):
        return tuple(entity.Representations)
    if entity.is_a("IfcRepresentation"):
        return tuple(entity.Items)
    if entity.is_a("IfcMappedItem"):
        return (entity.MappingSource,)
    return (entity.MappedRepresentation,) if entity.is_a("IfcRepresentationMap") else ()


def _style(model: ifcopenshell.file, state: State, colour: Colour) -> Entity:
    """What a styled item of this state refers to; that of an earlier run with its colour put right."""
    name = STYLE + state
    style = next((each for each in model.by_type("IfcSurfaceStyle") if each.Name == name), None)
    if style is None:
        style = model.create_entity("IfcSurfaceStyle", name, "BOTH", [_shading(model)])
    shown = style.Styles[0].SurfaceColour
    shown.Red, shown.Green, shown.Blue = map(float, colour)
    if model.schema != "IFC2X3":
        return style
    assigned = model.get_inverse(style)
    return next(iter(assigned), None) or model.create_entity("IfcPresentationStyleAssignment", [style])


def _shading(model: ifcopenshell.file) -> Entity:
    colour = model.create_entity("IfcColourRgb", None, 0.0, 0.0, 0.0)
    if model.schema == "IFC2X3":
        return model.create_entity("IfcSurfaceStyleRendering", SurfaceColour=colour, ReflectanceMethod="NOTDEFINED")
    return model.create_entity("IfcSurfaceStyleShading", SurfaceColour=colour)
