"""IDS 1.0 files (buildingSMART Information Delivery Specification) against a model, through ifctester."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import Limits, isolated

MAX_BYTES = 16 * 1024**2
NAMESPACE = "http://standards.buildingsmart.org/IDS"
MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Requirement:
    """What an IDS file demands and the model does not have.

    `text` is the demand in words, `reasons` why elements fail it (the first few that differ), `global_ids` those
    elements. `applies` is False where the specification is for other schemas than the model's and was not checked.
    """

    specification: str
    text: str
    instructions: str
    schema: str
    reasons: tuple[str, ...] = ()
    global_ids: tuple[str, ...] = ()
    applies: bool = True


def check_ids(model: Path, ids: Path, limits: Limits) -> tuple[Requirement, ...]:
    """Every requirement of an IDS file that a model fails. Raises BadInput for a file that is not valid IDS 1.0."""
    if not ids.is_file() or ids.stat().st_size > MAX_BYTES:
        raise BadInput(f"{ids} is no IDS file", f"a file of at most {MAX_BYTES} bytes", "check the path")
    what = f"IDS {ids.name} against {model.name}"
    payload = isolated(_check, str(model), str(ids), limits=limits, failure=BadInput, what=what)
    return tuple(
        Requirement(**each | {"reasons": tuple(each["reasons"]), "global_ids": tuple(each["global_ids"])})
        for each in payload["failed"]
    )


def _check(model_path: str, ids_path: str) -> Payload:
    from bim.ifc_reader import open_model

    specifications = _specifications(Path(ids_path))
    model, _ = open_model(Path(model_path))
    specifications.validate(model, should_filter_version=True)
    return {"failed": [each for one in specifications.specifications for each in _failed(one, model.schema_identifier)]}


def _specifications(path: Path) -> Any:
    """The file as ifctester reads it; parsed without entities and checked against the schema of IDS 1.0 first."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import ParseError, fromstring
    from ifctester.ids import Ids, get_schema
    from xmlschema import XMLResource, XMLSchemaException

    data = path.read_bytes()
    try:
        fromstring(data, forbid_dtd=True)
        # The tree of that has no prefixes, which the values of a restriction need: it is parsed again for them.
        resource = XMLResource(io.BytesIO(data), defuse="always", allow="none")
        get_schema().validate(resource, use_location_hints=False)
        return Ids().parse(get_schema().decode(resource, strip_namespaces=True, namespaces={"": NAMESPACE}))
    except (ParseError, DefusedXmlException, XMLSchemaException, ValueError, KeyError, TypeError) as error:
        why = str(getattr(error, "reason", None) or error).strip().partition("\n")[0]
        raise BadInput(f"{path.name} is no valid IDS ({why})", "an IDS 1.0 file", "check it with its author") from error


def _failed(specification: Any, schema: str) -> list[dict[str, Any]]:
    base = {
        "specification": specification.name,
        "instructions": specification.instructions or "",
        "schema": schema,
        "reasons": [],
        "global_ids": [],
        "applies": bool(specification.is_ifc_version),
    }
    if not specification.is_ifc_version:
        return [base | {"text": ""}]
    if specification.status is not False:
        return []
    applies_to = "; ".join(facet.to_string("applicability") for facet in specification.applicability)
    if specification.minOccurs != 0 and not specification.applicable_entities:
        return [base | {"text": f"the model needs at least one: {applies_to}"}]
    if specification.maxOccurs == 0:
        return [base | {"text": f"the model may have none: {applies_to}"} | _guids(specification.applicable_entities)]
    return [
        base
        | {"text": facet.to_string("requirement", specification, facet)}
        | {"reasons": list(dict.fromkeys(failure["reason"] for failure in facet.failures))[:MOST_REASONS]}
        | _guids([failure["element"] for failure in facet.failures])
        for facet in specification.requirements
        if facet.failures
    ]


def _guids(entities: Any) -> dict[str, Any]:
    return {"global_ids": [each.GlobalId for each in entities if getattr(each, "GlobalId", None)]}
