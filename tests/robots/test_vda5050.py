"""VDA 5050: what is sent is the standard's; what comes is believed once, from the right vehicle, while new."""

import asyncio
import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vda5050.client.agv.client import VehicleClient
from vda5050.client.agv.executor import OrderExecutor
from vda5050.config import VehicleConfig
from vda5050.model.instant_actions import InstantActions as PeerInstantActions
from vda5050.model.order import Order as PeerOrder
from vda5050.serialization.codec import decode
from vda5050.validation import default_validator

from robots.attended import Job, Report
from robots.robot import Mode, Order, Outcome, Refused
from robots.tasks import Kind
from robots.vda5050 import Broker, VehicleMachine, vehicle_robot
from robots.vda5050_messages import BadMessage, Inbox, Vehicle, encoded, instant, order_of
from robots.vda5050_schemas import Version
from tests.contracts.robot_contract import Session, run, spec
from tests.contracts.test_vda5050_robot import TRUCK, VehicleRig
from tests.robots.mosquitto import broker
from tests.robots.vehicle import TestVehicle

VERSIONS: tuple[Version, ...] = ("2.1", "3.0")
NOON = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def mqtt() -> Iterator[Broker]:
    with broker() as running:
        yield running


def vehicle(version: Version, serial: str = "7") -> Vehicle:
    return Vehicle("ACME", serial, version)


def state(version: Version, **changes: Any) -> dict[str, Any]:
    return {**TestVehicle(vehicle(version), Broker("nowhere")).state(), **changes}


def at(second: int) -> str:
    return f"2026-05-04T12:00:{second:02d}.000Z"


def payload(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


# --- What is sent -----------------------------------------------------------------------------------------------------


def test_orders_and_instant_actions_are_what_the_peer_and_the_published_schemas_mean() -> None:
    truck = vehicle("2.1")
    job = Job("t.3", spec("t", "marker", 1.0, targets=4), first_target=1)
    order = encoded("order", order_of(job, truck, Report(position_m=(1.0, 2.0, 0.0))), truck, 5, NOON)
    default_validator().validate("order", json.loads(order))
    peer = decode(order, PeerOrder)
    assert [node.sequence_id for node in peer.nodes] == [0, 2, 4, 6]
    assert [edge.sequence_id for edge in peer.edges] == [1, 3, 5]
    assert [(edge.start_node_id, edge.end_node_id) for edge in peer.edges] == [
        (a.node_id, b.node_id) for a, b in zip(peer.nodes, peer.nodes[1:], strict=False)
    ]
    assert [action.action_id for node in peer.nodes for action in node.actions] == ["t.3.1", "t.3.2", "t.3.3"]
    for kind in ("startPause", "stopPause", "cancelOrder", "stateRequest"):
        wire = encoded("instantActions", instant(kind, "1", "2.1"), truck, 1, NOON)
        default_validator().validate("instantActions", json.loads(wire))
        assert decode(wire, PeerInstantActions).actions[0].action_type == kind


def test_version_3_says_what_changed_since_2() -> None:
    truck = vehicle("3.0")
    order = order_of(Job("t.1", spec("t", "marker", 1.0), 0), truck, Report())
    assert order["nodes"][1]["nodePosition"]["allowedDeviationXY"] == {"a": 0.005, "b": 0.005, "theta": 0.0}
    assert "startNodeId" not in order["edges"][0]
    assert instant("startPause", "1", "3.0")["actions"][0]["blockingType"] == "NONE"
    assert truck.topic("order") == "uagv/v3/ACME/7/order"
    encoded("order", order, truck, 0, NOON)


def test_work_is_alone_but_a_scan_allows_other_actions() -> None:
    scan = replace(spec("t", "lidar", 1.0), kind=Kind.SCAN)
    for task, blocking in ((spec("t", "marker", 1.0), "HARD"), (scan, "SOFT")):
        order = order_of(Job("t.1", task, 0), vehicle("2.1"), Report())
        assert {action["blockingType"] for node in order["nodes"] for action in node["actions"]} == {blocking}


@pytest.mark.parametrize(("gives", "outcome"), [(10.0, Outcome.DONE), (0.0, Outcome.FAILED)])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_vehicle_charges_until_it_is_full_and_leaves_its_charger_before_it_works(
    version: Version, gives: float, outcome: Outcome, mqtt: Broker, tmp_path: Path
) -> None:
    async def scenario() -> None:
        truck, name = TestVehicle(vehicle(version, tmp_path.name), mqtt), tmp_path.name
        truck.charge, truck.charger_gives = 60.0, gives
        async with (
            truck.running(),
            vehicle_robot(TRUCK, vehicle(version, name), mqtt, tmp_path) as robot,
            Session(VehicleRig(robot, truck)) as session,
        ):
            errand = replace(spec("c", "", 0.0, targets=1), kind=Kind.CHARGE)
            charging = asyncio.create_task(robot.execute(Order(errand, 1), lambda done: None))
            if gives:
                assert (await session.until(Mode.CHARGING)).battery < 0.95
            result = await charging
            assert result.outcome is outcome
            assert "does not charge" in result.reason.en or truck.charge >= 95.0
            work = await robot.execute(Order(spec("t", "marker", 0.4), 1), lambda done: None)
            assert (work.outcome, truck.charging) == (Outcome.DONE, False)

    run(scenario())


# --- What is believed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_a_message_is_believed_once_and_only_forwards_in_time(version: Version) -> None:
    inbox = Inbox(vehicle(version))
    first = state(version, headerId=5, timestamp=at(10))
    assert inbox.accept("state", payload(first)) == first
    for replayed in (first, {**first, "headerId": 4}, {**first, "headerId": 6, "timestamp": at(9)}):
        with pytest.raises(BadMessage, match="newer than 5"):
            inbox.accept("state", payload(replayed))
    inbox.accept("state", payload({**first, "headerId": 6, "timestamp": at(11)}))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_vehicle_that_connects_again_may_count_anew_but_old_states_stay_old(version: Version) -> None:
    inbox, truck = Inbox(vehicle(version)), TestVehicle(vehicle(version), Broker("nowhere"))

    def online(number: int, second: int) -> bytes:
        return payload({**json.loads(truck.connection("ONLINE")), "headerId": number, "timestamp": at(second)})

    inbox.accept("connection", online(7, 1))
    inbox.accept("state", payload(state(version, headerId=50, timestamp=at(10))))
    inbox.accept("connection", payload({**json.loads(truck.connection(truck.broken)), "timestamp": at(1)}))
    inbox.accept("connection", online(0, 20))
    with pytest.raises(BadMessage):
        inbox.accept("state", payload(state(version, headerId=51, timestamp=at(9))))
    inbox.accept("state", payload(state(version, headerId=0, timestamp=at(21))))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"manufacturer": "OTHER"}, "from OTHER/7"),
        ({"serialNumber": "8"}, "from ACME/8"),
        ({"version": "1.1.0"}, "from ACME/7/1"),
        ({"headerId": "1"}, "headerId"),
        ({"headerId": -1}, "headerId"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2026-02-30T12:00:00Z"}, "timestamp"),
        ({"operatingMode": "FLYING"}, "operatingMode"),
        ({"errors": [{"errorType": "x", "errorLevel": "MILD"}]}, "errorLevel"),
        ({"actionStates": [{"actionId": "a"}]}, "actionStatus"),
    ],
)
def test_what_is_not_of_the_standard_changes_nothing(version: Version, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadMessage, match=words):
        Inbox(vehicle(version)).accept("state", payload({**state(version), **changes}))


@given(st.binary(max_size=200) | st.sampled_from([b"[" * 100_000, b"NaN", b'{"headerId": NaN}', b"1" * (1 << 21)]))
def test_bytes_that_are_no_message_are_refused(noise: bytes) -> None:
    with pytest.raises(BadMessage):
        Inbox(vehicle("3.0")).accept("state", noise)


@pytest.mark.parametrize("field", [*state("3.0")])
def test_every_field_that_the_standard_demands_is_demanded(field: str) -> None:
    message = state("3.0")
    optional = {"paused", "mobileRobotPosition"}
    del message[field]
    inbox = Inbox(vehicle("3.0"))
    if field in optional:
        inbox.accept("state", payload(message))
    else:
        with pytest.raises(BadMessage, match=field):
            inbox.accept("state", payload(message))


def test_the_states_of_the_peer_are_believed_and_ours_are_the_published_ones() -> None:
    default_validator().validate("state", state("2.1"))
    Inbox(vehicle("2.1")).accept("state", payload(state("2.1")))


def test_a_password_is_in_no_text_of_the_broker() -> None:
    assert "swordfish" not in repr(Broker("b", user="u", password="swordfish"))


# --- Over a real broker -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
def test_an_adapter_that_restarts_joins_the_order_that_the_vehicle_still_has(
    version: Version, mqtt: Broker, tmp_path: Path
) -> None:
    async def scenario() -> None:
        who = vehicle(version, "joins")
        async with TestVehicle(who, mqtt, work_s=1.0).running() as truck:
            async with vehicle_robot(TRUCK, who, mqtt, tmp_path) as robot:
                rig = VehicleRig(robot, truck)
                async with Session(rig) as session:
                    running = await session.begin(Order(rig.short("a"), 1))
                    running.cancel()
            async with vehicle_robot(TRUCK, who, mqtt, tmp_path) as robot:
                rig = VehicleRig(robot, truck)
                async with Session(rig):
                    order = Order(rig.short("a"), 1)
                    running = asyncio.create_task(robot.execute(order, lambda done: None))
                    result = await running
                    assert result.outcome is Outcome.DONE
            assert len(truck.orders) == 1
            assert truck.effects == [("a", 0), ("a", 1)]

    run(scenario())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_vehicle_that_forgot_its_order_is_not_sent_it_again(version: Version, mqtt: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        who = vehicle(version, "forgets")
        async with TestVehicle(who, mqtt).running() as truck, vehicle_robot(TRUCK, who, mqtt, tmp_path) as robot:
            rig = VehicleRig(robot, truck)
            async with Session(rig) as session:
                running = await session.begin(Order(rig.long("a"), 1))
                truck.order, truck.left, truck.actions = {"orderId": "", "orderUpdateId": 0}, [], {}
                assert (await running).outcome is Outcome.UNKNOWN
                assert len(truck.orders) == 1

    run(scenario())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_vehicle_that_rejects_an_order_says_so(version: Version, mqtt: Broker, tmp_path: Path) -> None:
    async def scenario() -> None:
        who = vehicle(version, "rejects")
        async with TestVehicle(who, mqtt).running() as truck, vehicle_robot(TRUCK, who, mqtt, tmp_path) as robot:
            truck.refuses = True
            async with Session(VehicleRig(robot, truck)):
                with pytest.raises(Refused, match="orderError"):
                    await robot.execute(Order(spec("a", "marker", 0.1), 1), lambda done: None)

    run(scenario())


@pytest.mark.parametrize("version", VERSIONS)
def test_a_last_will_makes_a_vehicle_unreachable_and_noise_does_not(version: Version, mqtt: Broker) -> None:
    async def scenario() -> None:
        who = vehicle(version, "dies")
        machine, news = VehicleMachine(who, mqtt), asyncio.Event()
        listening = asyncio.create_task(machine.run(news.set))

        async def until(reachable: bool) -> None:
            while machine.report.reachable is not reachable:
                news.clear()
                await news.wait()

        async with TestVehicle(who, mqtt).running() as truck:
            await until(True)
            await truck.client.publish(who.topic("state"), b"{}")
            while not machine.refused:
                news.clear()
                await news.wait()
            assert machine.report.reachable
            assert "not believed" in machine.report.errors[0].en
            truck.client._client._sock_close()  # type: ignore[attr-defined]  # the cable is cut: no goodbye
            await until(False)
        listening.cancel()

    run(scenario())


def test_the_peers_own_vehicle_does_an_order(mqtt: Broker, tmp_path: Path) -> None:
    """`vda5050-sdk` as the vehicle: its acceptance rules, its state, its executor, over the same broker."""

    async def scenario() -> None:
        settings = VehicleConfig(
            broker_url=f"mqtt://{mqtt.host}:{mqtt.port}", manufacturer="ACME", serial_number="peer",
            validate_messages=True, state_interval=0.5,
        )  # fmt: skip
        async with VehicleClient(settings) as peer:
            peer.update_position(x=0.0, y=0.0, theta=0.0, map_id="M1")

            @peer.on_order
            async def work(order: PeerOrder) -> None:
                await OrderExecutor(peer.publisher, enforce_arrival=False).run(order)

            await peer.publish_state()
            robot = vehicle_robot(TRUCK, vehicle("2.1", "peer"), mqtt, tmp_path)
            async with robot, Session(VehicleRig(robot, None)):  # type: ignore[arg-type]
                result = await robot.execute(Order(spec("a", "marker", 0.1), 1), lambda done: None)
                assert (result.outcome, result.targets_done) == (Outcome.DONE, 2)

    run(scenario())


def test_two_adapters_may_not_share_a_folder(mqtt: Broker, tmp_path: Path) -> None:
    from bim.errors import BadInput

    async def scenario() -> None:
        async with vehicle_robot(TRUCK, vehicle("3.0"), mqtt, tmp_path):
            with pytest.raises(BadInput, match="in use"):
                vehicle_robot(TRUCK, vehicle("3.0"), mqtt, tmp_path)

    run(scenario())


def test_a_broker_that_is_away_is_no_end(tmp_path: Path) -> None:
    async def scenario() -> None:
        machine = VehicleMachine(vehicle("3.0"), Broker("127.0.0.1", 1, tls=False))
        told = asyncio.Event()
        listening = asyncio.create_task(machine.run(told.set))
        await told.wait()
        assert not machine.report.reachable
        assert not listening.done()
        listening.cancel()

    run(scenario())
