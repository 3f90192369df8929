"""JSON Schemas of VDA 5050 messages, 2.1 and 3.0, written from the field tables of the standard (chapters 6 and 7).

Every field that the standard demands is demanded, and every field that the adapter reads has its type and range. Fields
that it does not read may hold anything: a vehicle may send more than we know.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from jsonschema import Draft202012Validator

Version = Literal["2.1", "3.0"]
Topic = Literal["order", "instantActions", "state", "connection", "visualization"]
Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string", "maxLength": 4096}
NUMBER: Schema = {"type": "number", "minimum": -1e9, "maximum": 1e9}
COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
FLAG: Schema = {"type": "boolean"}
ANGLE: Schema = {"type": "number", "minimum": -3.15, "maximum": 3.15}
PERCENT: Schema = {"type": "number", "minimum": 0, "maximum": 100}
TIME: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}


def one_of(*words: str) -> Schema:
    """One of these words."""
    return {"enum": list(words)}


def many(item: Schema) -> Schema:
    """A list, of bounded length."""
    return {"type": "array", "items": item, "maxItems": 10_000}


def record(demanded: Mapping[str, Schema], allowed: Mapping[str, Schema] | None = None) -> Schema:
    """An object with fields that are demanded, and others that are checked where they are given."""
    return {"type": "object", "required": list(demanded), "properties": {**demanded, **(allowed or {})}}


HEADER = {"headerId": COUNT, "timestamp": TIME, "version": TEXT, "manufacturer": TEXT, "serialNumber": TEXT}
REFERENCE = record({"referenceKey": TEXT, "referenceValue": TEXT})
VELOCITY = record({}, {"vx": NUMBER, "vy": NUMBER, "omega": NUMBER})
PARAMETERS = many(record({"key": TEXT, "value": {}}))


@cache
def validator(topic: Topic, version: Version) -> Draft202012Validator:
    """What checks the messages of a topic."""
    build = {"order": _order, "instantActions": _instant_actions, "state": _state, "connection": _connection,
             "visualization": _visualization}[topic]  # fmt: skip
    schema = build(version)
    return Draft202012Validator({**schema, "required": [*HEADER, *schema["required"]],
                                 "properties": {**HEADER, **schema["properties"]}})  # fmt: skip


def _connection(version: Version) -> Schema:
    broken = ("CONNECTIONBROKEN",) if version == "2.1" else ("HIBERNATING", "CONNECTION_BROKEN")
    return record({"connectionState": one_of("ONLINE", "OFFLINE", *broken)})


def _position(version: Version) -> Schema:
    known = "positionInitialized" if version == "2.1" else "localized"
    return record({"x": NUMBER, "y": NUMBER, "theta": ANGLE, "mapId": TEXT, known: FLAG})


def _visualization(version: Version) -> Schema:
    if version == "2.1":
        return record({}, {"agvPosition": _position(version), "velocity": VELOCITY})
    fields = {"mobileRobotPosition": _position(version), "velocity": VELOCITY}
    return record({"referenceStateHeaderId": COUNT}, fields)


def _state(version: Version) -> Schema:
    new = version == "3.0"
    retriable = ("RETRIABLE",) if new else ()
    levels = ("WARNING", "URGENT", "CRITICAL", "FATAL") if new else ("WARNING", "FATAL")
    modes = ("STARTUP", "INTERVENED", "TEACH_IN") if new else ("TEACHIN",)
    stops = ("MANUAL", "REMOTE", "NONE") if new else ("AUTOACK", "MANUAL", "REMOTE", "NONE")
    statuses = ("WAITING", "INITIALIZING", "RUNNING", "PAUSED", *retriable, "FINISHED", "FAILED")
    actions = many(record({"actionId": TEXT, "actionStatus": one_of(*statuses)}, {"actionType": TEXT}))
    charge = {"stateOfCharge" if new else "batteryCharge": PERCENT, "charging": FLAG}
    errors = record({"errorType": TEXT, "errorLevel": one_of(*levels)},
                    {"errorDescription": TEXT, "errorReferences": many(REFERENCE)})  # fmt: skip
    demanded: dict[str, Schema] = {
        "orderId": TEXT,
        "orderUpdateId": COUNT,
        "lastNodeId": TEXT,
        "lastNodeSequenceId": COUNT,
        "nodeStates": many(record({"nodeId": TEXT, "sequenceId": COUNT, "released": FLAG})),
        "edgeStates": many(record({"edgeId": TEXT, "sequenceId": COUNT, "released": FLAG})),
        "driving": FLAG,
        "actionStates": actions,
        "powerSupply" if new else "batteryState": record(charge),
        "operatingMode": one_of("AUTOMATIC", "SEMIAUTOMATIC", "MANUAL", "SERVICE", *modes),
        "errors": many(errors),
        "safetyState": record({"activeEmergencyStop" if new else "eStop": one_of(*stops), "fieldViolation": FLAG}),
    }
    if new:
        demanded["instantActionStates"] = actions
    position = {"mobileRobotPosition" if new else "agvPosition": _position(version)}
    return record(demanded, {**position, "velocity": VELOCITY, "paused": FLAG})


def _action(version: Version, *blocking: str) -> Schema:
    words = blocking or (("NONE", "SINGLE", "SOFT", "HARD") if version == "3.0" else ("NONE", "SOFT", "HARD"))
    return record(
        {"actionType": TEXT, "actionId": TEXT, "blockingType": one_of(*words)}, {"actionParameters": PARAMETERS}
    )


def _instant_actions(version: Version) -> Schema:
    return record({"actions": many(_action(version, *(("NONE",) if version == "3.0" else ())))})


def _order(version: Version) -> Schema:
    ellipse = record({"a": NUMBER, "b": NUMBER, "theta": ANGLE})
    near = {"allowedDeviationXY": ellipse if version == "3.0" else {**NUMBER, "minimum": 0}}
    place = record({"x": NUMBER, "y": NUMBER, "mapId": TEXT}, {"theta": ANGLE, "allowedDeviationTheta": ANGLE, **near})
    actions = many(_action(version))
    node = record({"nodeId": TEXT, "sequenceId": COUNT, "released": FLAG, "actions": actions}, {"nodePosition": place})
    ends = {} if version == "3.0" else {"startNodeId": TEXT, "endNodeId": TEXT}
    edge = record({"edgeId": TEXT, "sequenceId": COUNT, "released": FLAG, "actions": actions, **ends})
    return record({"orderId": TEXT, "orderUpdateId": COUNT, "nodes": many(node), "edges": many(edge)})
