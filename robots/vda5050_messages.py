"""VDA 5050 messages, 2.1 and 3.0: what is sent, and what is believed of what comes. Pure.

A vehicle's frame is the site frame: its maps are made in it, one a storey. `mapId` is the storey's name unless the
vehicle's settings say otherwise.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bim.errors import BadInput
from bim.verdict import Reason
from robots.attended import Job, Report
from robots.gates import CHARGED
from robots.robot import Outcome
from robots.tasks import Kind, Target
from robots.vda5050_schemas import Topic, Version, validator

Message = dict[str, Any]
LARGEST_BYTES = 1 << 20
FULL = {"2.1": "2.1.0", "3.0": "3.0.0"}
AUTOMATIC = ("AUTOMATIC", "SEMIAUTOMATIC")


class BadMessage(BadInput):
    """A message that is malformed, meant for another, or was seen before. It changes nothing."""


@dataclass(frozen=True, slots=True)
class Vehicle:
    """Who a vehicle is on the wire."""

    manufacturer: str
    serial_number: str
    version: Version
    interface: str = "uagv"
    maps: Mapping[str, str] = field(default_factory=dict)
    """Storey to mapId where they differ."""

    def topic(self, name: Topic) -> str:
        """The MQTT topic of a message (chapter 6.5)."""
        return f"{self.interface}/v{self.version[0]}/{self.manufacturer}/{self.serial_number}/{name}"


# --- What comes -------------------------------------------------------------------------------------------------------


class Inbox:
    """Believes a message once: each is of its schema, from the vehicle, and newer than the last of its topic."""

    def __init__(self, vehicle: Vehicle) -> None:
        self._vehicle = vehicle
        self._last: dict[Topic, tuple[dt.datetime, int]] = {}

    def accept(self, topic: Topic, payload: bytes) -> Message:
        """The message. Raises BadMessage.

        headerId grows within a connection; a vehicle that connects again may begin anew, and its clock tells that it
        is not an old message that is sent again.
        """
        message = self._checked(topic, payload)
        if message.get("connectionState", "ONLINE") != "ONLINE":
            return message  # a last will was written when the vehicle connected; to believe an old one only stops work
        at, number = _time(message["timestamp"]), int(message["headerId"])
        last_at, last_number = self._last.get(topic, (at, -1))
        if topic == "connection" and at > last_at:
            self._last = {name: (time, -1) for name, (time, _) in self._last.items()}
            last_number = -1
        if at < last_at or number <= last_number:
            raise BadMessage(
                f"{topic} {number} of {at.isoformat()}",
                f"newer than {last_number} of {last_at.isoformat()}",
                "it was delayed or replayed, or the vehicle's clock was set back",
            )
        self._last[topic] = (at, number)
        return message

    def _checked(self, topic: Topic, payload: bytes) -> Message:
        if len(payload) > LARGEST_BYTES:
            raise BadMessage(f"{topic} of {len(payload)} bytes", f"at most {LARGEST_BYTES}", "distrust the sender")
        try:
            message = json.loads(payload, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise BadMessage(f"{topic} is no JSON ({error})", "JSON", "distrust the sender") from error
        wrong = next(validator(topic, self._vehicle.version).iter_errors(message), None)
        if wrong:
            where = "/".join(map(str, wrong.absolute_path))
            raise BadMessage(
                f"{topic} {where}: {wrong.message[:200]}", f"VDA 5050 {self._vehicle.version}", "update it"
            )
        sender = (message["manufacturer"], message["serialNumber"], message["version"].split(".")[0])
        if sender != (self._vehicle.manufacturer, self._vehicle.serial_number, self._vehicle.version[0]):
            raise BadMessage(
                f"{topic} from {'/'.join(sender)}", self._vehicle.topic(topic), "two vehicles share a topic"
            )
        return dict(message)


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _time(text: str) -> dt.datetime:
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise BadMessage(f"timestamp {text}", "a time", "distrust the sender") from error


def report_of(state: Message, vehicle: Vehicle, job: Job | None, *, cancelled: bool) -> Report:
    """What a state says, of the job in hand where it is that one's."""
    new = vehicle.version == "3.0"
    place = state.get("mobileRobotPosition" if new else "agvPosition") or {
        "x": 0.0,
        "y": 0.0,
        "theta": 0.0,
        "mapId": "",
    }
    velocity, charge = state.get("velocity", {}), state["powerSupply" if new else "batteryState"]
    battery = float(charge["stateOfCharge" if new else "batteryCharge"]) / 100.0
    outcome, done = _progress(state, job, cancelled) if job and state["orderId"] == job.job_id else (None, 0)
    flat = outcome is Outcome.DONE and job is not None and job.spec.kind is Kind.CHARGE and battery < CHARGED
    if flat:
        outcome = None if charge["charging"] else Outcome.FAILED
    open_order = bool(state["nodeStates"] or state["edgeStates"]) or _busy(state)
    storeys = {map_id: storey for storey, map_id in vehicle.maps.items()}
    return Report(
        reachable=True,
        stands=not state["driving"] and (bool(state.get("paused")) or not open_order),
        job_id=state["orderId"],
        outcome=outcome,
        targets_done=done,
        reason=(_UNCHARGED if flat else _failure(state)) if outcome is Outcome.FAILED else None,
        position_m=(float(place["x"]), float(place["y"]), 0.0),
        heading_rad=float(place["theta"]),
        speed_m_s=float((velocity.get("vx", 0.0) ** 2 + velocity.get("vy", 0.0) ** 2) ** 0.5),
        storey=storeys.get(place["mapId"], place["mapId"]),
        battery=battery,
        charging=bool(charge["charging"]),
        fault=bool(_faults(state, new)),
        errors=tuple(_faults(state, new) or [_said(error) for error in state["errors"]]),
    )


_UNCHARGED = Reason("It stands at its charger and does not charge.", "车辆已在充电位，但没有在充电。")


def _progress(state: Message, job: Job, cancelled: bool) -> tuple[Outcome | None, int]:
    """How the job ended, None while it is in hand; and how many targets of its task are done, in their order."""
    status = {action["actionId"]: action["actionStatus"] for action in state["actionStates"]}
    if job.spec.kind is Kind.MOVE:  # nothing is done at its nodes but to pass them
        if cancelled:
            return (None if state["nodeStates"] else Outcome.CANCELLED), job.first_target
        names = {action_id(job, n) for n in range(len(job.spec.targets))}
        status = dict.fromkeys(names - {node["nodeId"] for node in state["nodeStates"]}, "FINISHED")
    mine = [status.get(action_id(job, n), "WAITING") for n in range(job.first_target, len(job.spec.targets))]
    done = job.first_target + next((n for n, each in enumerate(mine) if each != "FINISHED"), len(mine))
    if done == len(job.spec.targets) and not state["nodeStates"]:
        return Outcome.DONE, done
    over = not state["nodeStates"] and not state["edgeStates"] and not any(each == "RUNNING" for each in mine)
    if over and ("FAILED" in mine or cancelled):
        return Outcome.CANCELLED if cancelled else Outcome.FAILED, done
    return None, done


def _busy(state: Message) -> bool:
    return any(action["actionStatus"] in ("RUNNING", "INITIALIZING") for action in state["actionStates"])


def _faults(state: Message, new: bool) -> list[Reason]:
    """What keeps the vehicle from any work."""
    faults = [_said(error) for error in state["errors"] if error["errorLevel"] == "FATAL"]
    stop = state["safetyState"]["activeEmergencyStop" if new else "eStop"]
    if stop != "NONE":
        faults.append(Reason(f"Its emergency stop is active ({stop}).", f"急停已触发（{stop}）。"))
    if state["operatingMode"] not in AUTOMATIC:
        mode = state["operatingMode"]
        faults.append(Reason(f"It is not in automatic mode ({mode}).", f"未处于自动模式（{mode}）。"))
    return faults


def _said(error: Message) -> Reason:
    words = f"{error['errorType']} {error.get('errorDescription', '')}".strip()
    return Reason(f"The vehicle says: {words}", f"车辆报告：{words}")


def _failure(state: Message) -> Reason:
    return next((_said(error) for error in state["errors"]), Reason("An action failed.", "某一动作失败。"))


def rejection(state: Message, job_id: str) -> str | None:
    """What a vehicle says of an order that it refuses (chapter 6.6.4), None while it does not."""
    for error in state["errors"]:
        about = {each["referenceKey"]: each["referenceValue"] for each in error.get("errorReferences", ())}
        if about.get("orderId") == job_id and state["orderId"] != job_id:
            return _said(error).en
    return None


# --- What is sent -----------------------------------------------------------------------------------------------------


def action_id(job: Job, target: int) -> str:
    """Names the work at one target, the same however often the order is sent."""
    return f"{job.job_id}.{target}"


def order_of(job: Job, vehicle: Vehicle, here: Report) -> Message:
    """The order: from where the vehicle is to each target, with its work there as an action of the tool's name.

    Charging is the standard's own action. An order is sent whole and released whole, as update 0 of one of its own.
    """
    map_id = vehicle.maps.get(job.spec.storey, job.spec.storey or here.storey)
    start = Target(here.position_m[0], here.position_m[1], 0.0, here.heading_rad)
    nodes = [_node(job, "start", 0, start, here.storey or map_id, 1.0, [], vehicle.version)]
    edges: list[Message] = []
    for n in range(job.first_target, len(job.spec.targets)):
        name, sequence = action_id(job, n), 2 * len(nodes)
        work = _work(job, name, n)
        edge = {"edgeId": f"to {name}", "sequenceId": sequence - 1, "released": True, "actions": []}
        if vehicle.version == "2.1":
            edge |= {"startNodeId": nodes[-1]["nodeId"], "endNodeId": name}
        edges.append(edge)
        target = job.spec.targets[n]
        nodes.append(_node(job, name, sequence, target, map_id, job.spec.tolerance_m, work, vehicle.version))
    return {"orderId": job.job_id, "orderUpdateId": 0, "nodes": nodes, "edges": edges}


def _work(job: Job, name: str, target: int) -> list[Message]:
    """What is done at a target."""
    if job.spec.kind is Kind.MOVE:
        return []
    kind = "startCharging" if job.spec.kind is Kind.CHARGE else job.spec.tool
    return [_action(kind, name, _blocking(job.spec.kind), {"taskId": job.spec.task_id, "target": target})]


def _blocking(kind: Kind) -> str:
    """A scan or an inspection allows other actions; all other work is alone. Nothing is done while driving."""
    return "SOFT" if kind in (Kind.SCAN, Kind.INSPECT) else "HARD"


def _node(
    job: Job, name: str, sequence: int, at: Target, map_id: str, near_m: float, actions: list[Message], version: Version
) -> Message:
    near: Any = near_m if version == "2.1" else {"a": near_m, "b": near_m, "theta": 0.0}
    place = {"x": at.x_m, "y": at.y_m, "theta": at.yaw_rad, "mapId": map_id, "allowedDeviationXY": near}
    node_id = name if name != "start" else f"{job.job_id} start"
    return {"nodeId": node_id, "sequenceId": sequence, "released": True, "nodePosition": place, "actions": actions}


def _action(kind: str, name: str, blocking: str, parameters: Mapping[str, Any]) -> Message:
    pairs = [{"key": key, "value": value} for key, value in parameters.items()]
    return {"actionType": kind, "actionId": name, "blockingType": blocking, "actionParameters": pairs}


def instant(kind: str, name: str, version: Version) -> Message:
    """An action to be done at once, such as startPause, stopPause, cancelOrder or stateRequest."""
    return {"actions": [_action(kind, name, "NONE" if version == "3.0" else "HARD", {})]}


def encoded(topic: Topic, body: Message, vehicle: Vehicle, header_id: int, at: dt.datetime) -> bytes:
    """A message with its header, checked against its schema. `at` is aware UTC. Raises BadMessage: our fault."""
    time = at.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    message = {
        "headerId": header_id,
        "timestamp": time,
        "version": FULL[vehicle.version],
        "manufacturer": vehicle.manufacturer,
        "serialNumber": vehicle.serial_number,
        **body,
    }
    errors: Sequence[Any] = list(validator(topic, vehicle.version).iter_errors(message))
    if errors:
        raise BadMessage(f"{topic}: {errors[0].message[:200]}", "a message of the standard", "report it")
    return json.dumps(message, ensure_ascii=False, allow_nan=False).encode()
