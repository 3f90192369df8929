"""`sitewright robots`: the orchestrator of a site's robots, in a process of its own."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput

if TYPE_CHECKING:
    from robots.fleet import Fleet
    from robots.orchestrator import Orchestrator
    from robots.robot import Profile, Robot

TOKEN = "SITEWRIGHT_TOKEN"  # noqa: S105  the name of the variable


@dataclass(frozen=True, slots=True)
class Inputs:
    """What the command line says of the work: files, permits in force, and who approves."""

    tasks: Path | None = None
    verdicts: Path | None = None
    permits: tuple[str, ...] = ()
    permits_file: Path | None = None
    approved_by: str | None = None


def robots(
    data: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the journal, the keys and the record.")],
    fleet: Annotated[Path | None, typer.Option(metavar="FILE.yaml", help="The robots and zones of the site.")] = None,
    simulated: Annotated[int, typer.Option(min=0, help="Add so many simulated rovers.")] = 0,
    server: Annotated[str | None, typer.Option(metavar="URL", help="Report to this server.")] = None,
    site: Annotated[str | None, typer.Option(metavar="ID", help="The site on that server.")] = None,
    tasks: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Tasks and plan; read again when the file changes.")
    ] = None,
    verdicts: Annotated[
        Path | None,
        typer.Option(metavar="COMPARE.json", help="What stands, and what left the model; else the server says it."),
    ] = None,
    permits: Annotated[
        list[str] | None, typer.Option("--permit", metavar="NAME", help="A permit that is in force, such as drilling.")
    ] = None,
    permits_file: Annotated[
        Path | None,
        typer.Option("--permits", metavar="FILE", help="Permits in force, a name a line; read again as well."),
    ] = None,
    approved_by: Annotated[str | None, typer.Option(metavar="NAME", help="Who approves or releases.")] = None,
    release: Annotated[str | None, typer.Option(metavar="STOP", help="Release a stop that is latched.")] = None,
    history: Annotated[str | None, typer.Option(metavar="TASK", help="Print what became of a task, and end.")] = None,
    record: Annotated[bool, typer.Option(help="Record what ROS 2 robots send and are sent, as rosbag2.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Command the robots of a site until stopped. Not a certified safety function: see docs/guide/robots.md."""
    from robots.fleet import Fleet, read_fleet, simulated_fleet
    from sitewright.cli import _check_files

    _check_files([path for path in (fleet, tasks, verdicts, permits_file) if path], [])
    if (server is None) != (site is None) or (server and not os.environ.get(TOKEN)):
        raise BadInput("a server without a site or a token", f"--server, --site and {TOKEN}", "give all three")
    if release and not approved_by:
        raise BadInput("a release by nobody", "--approved-by with the name of the person", "say who looked")
    if history:
        return _tell_history(data, history)
    given = read_fleet(fleet) if fleet else Fleet(())
    whole = replace(given, robots=(*given.robots, *simulated_fleet(simulated).robots))
    if release:
        return _release(data, whole.stop_port, release, str(approved_by))
    if not whole.robots:
        raise BadInput("no robots", "--fleet FILE.yaml or --simulated N", "name the robots")
    say = (lambda text: None) if quiet else (lambda text: print(text, flush=True))
    inputs = Inputs(tasks, verdicts, tuple(permits or ()), permits_file, approved_by)
    return asyncio.run(_run(data, whole, inputs, record, _link_to(server, site, learns=verdicts is None), say))


def _release(data: Path, port: int, stop_id: str, person: str) -> None:
    from robots.stop_channel import PERSON_KEY, StopSender

    sender = StopSender(data / PERSON_KEY, port, person)
    try:
        sender.release(stop_id, person)
    finally:
        sender.close()


def _tell_history(data: Path, task_id: str) -> None:
    """Replay a task from the journal, which may be in use: a line a change."""
    from robots.dispatch import history
    from robots.journal import read
    from sitewright.settings import load_settings

    path, language = data / "journal", load_settings().language
    if not path.is_file():
        raise BadInput(f"no journal in {data}", "the folder of --data", "check the path")
    told = 0
    for task in history(read(path)[0], task_id):
        for change in task.history[told:]:
            share = f"{task.targets_done}/{len(task.spec.targets)}"
            words = getattr(change.reason, language)
            print(f"{change.at.isoformat()}  {change.state:<11}  {task.robot_id or '-'}  {share}  {words}")
        told = len(task.history)
    if not told:
        raise BadInput(f"no task {task_id} in {path}", "a task that was taken in", "correct the name")


async def _run(
    data: Path,
    fleet: "Fleet",
    inputs: Inputs,
    record: bool,
    link_to: "Callable[[Orchestrator], contextlib.AbstractAsyncContextManager[Callable[[str, Any], None]]]",
    say: Callable[[str], None],
) -> None:
    from robots.orchestrator import Orchestrator, Unsent
    from robots.stop import Stop
    from robots.stop_channel import listen, make_keys
    from robots.tasks import OVER, Task, TaskState
    from sitewright.site_news import SiteNews

    make_keys(data)
    async with contextlib.AsyncExitStack() as stack:
        robots = await stack.enter_async_context(_adapters(data, fleet, record))
        told: list[Callable[[str, Any], None]] = []
        ended: dict[str, TaskState] = {}
        endings = OVER | {TaskState.QUARANTINED}

        def report(what: str, value: Any) -> None:
            match value:
                case Stop():
                    say(f"stop {value.stop_id}: {_said(value)}")
                case Unsent():
                    say(f"{value.robot_id}: {value.reason.en}")
                case Task() if value.state in endings and ended.get(value.spec.task_id) is not value.state:
                    ended[value.spec.task_id] = value.state
                    say(f"task {value.spec.task_id} is {value.state}: {value.history[-1].reason.en}")
            for tell in told:
                tell(what, value)

        orchestrator = Orchestrator(data, fleet.robots, robots, fleet.zones, report)
        channel, port = await listen(data, fleet.stop_port, orchestrator.take)
        stack.callback(channel.close)
        running = asyncio.create_task(orchestrator.run())
        stack.push_async_callback(_ended, running)
        for name in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(name, running.cancel)
        permits = frozenset(inputs.permits)
        news = SiteNews(
            orchestrator, inputs.tasks, inputs.verdicts, inputs.approved_by, say, inputs.permits_file, permits
        )
        await news.first()
        # After the tasks are known: what people asked for while this process was away is about them.
        told.append(await stack.enter_async_context(link_to(orchestrator)))
        if fleet.telemetry is not None:
            told.append(await stack.enter_async_context(_telemetry(fleet)))
        following = asyncio.create_task(news.follow())
        stack.push_async_callback(_ended, following)
        say(f"Commanding {len(robots)} robots; stops on 127.0.0.1:{port}")
        with contextlib.suppress(asyncio.CancelledError):
            await running


async def _ended(running: "asyncio.Task[None]") -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _said(stop: Any) -> str:
    if not stop.latched:
        return f"released by {stop.released_by}"
    if stop.escalated:
        return f"ESCALATED, silent: {', '.join(stop.silent) or 'nobody any more'}"
    return f"{len(stop.confirmations) - len(stop.silent)} of {len(stop.confirmations)} robots stand; {stop.reason.en}"


@contextlib.asynccontextmanager
async def _adapters(data: Path, fleet: "Fleet", record: bool) -> "AsyncIterator[dict[str, Robot]]":
    """An adapter a robot; what they share (the ROS node, the record) ends with them."""
    async with contextlib.AsyncExitStack() as stack:
        link: Any = None
        if any(profile.adapter in ("ros2", "nav2") for profile in fleet.robots):
            from sitewright.ros_link import ros_link

            link = stack.enter_context(ros_link(data, record))
        robots: dict[str, Robot] = {}
        for profile in fleet.robots:
            connection = (fleet.connections or {}).get(profile.robot_id, {})
            robot = _reached(profile, connection, data / "robots" / profile.robot_id, link)
            if hasattr(robot, "__aenter__"):
                robot = await stack.enter_async_context(robot)
            robots[profile.robot_id] = robot
        if link:
            link.start()
        yield robots


def _reached(profile: "Profile", connection: Mapping[str, Any], folder: Path, link: Any) -> Any:
    """The adapter of a robot. Raises BadInput where its line does not say how to reach it."""
    try:
        return _adapter(profile, {**connection}, folder, link)
    except (KeyError, TypeError, OSError) as error:
        raise BadInput(
            f"the connection of {profile.robot_id} cannot be used ({error})",
            f"what docs/guide/adapters.md names for {profile.adapter}",
            "correct its line in the fleet file",
        ) from None


def _adapter(profile: "Profile", connection: dict[str, Any], folder: Path, link: Any) -> Any:
    match profile.adapter:
        case "ros2":
            from robots.ros2 import Ros2Robot

            return Ros2Robot(link, profile.robot_id)
        case "nav2":
            from robots.ros2_nav2 import nav2_robot

            return nav2_robot(profile, link, connection["namespace"], folder, connection.get("storey", ""))
        case "vda5050":
            from robots.vda5050 import Broker, vehicle_robot
            from robots.vda5050_messages import Vehicle

            broker = Broker(**_with_secret({**connection.pop("broker")}, "password"))
            return vehicle_robot(profile, Vehicle(**connection), broker, folder)
        case "octoprint":
            from robots.printer import PrintServer, printer_robot

            gcode = Path(connection.pop("gcode"))
            return printer_robot(profile, PrintServer(**_with_secret(connection, "api_key")), gcode, folder)
        case _:
            from robots.simulated.robot import SimulatedRobot

            return SimulatedRobot(profile, folder / "memory")


def _telemetry(fleet: "Fleet") -> "contextlib.AbstractAsyncContextManager[Callable[[str, Any], None]]":
    """Tells watchers where the robots are. Raises BadInput where the fleet file does not say how."""
    from robots.vda5050 import Broker
    from sitewright.robots_telemetry import robots_telemetry

    try:
        broker = Broker(**_with_secret({**(fleet.telemetry or {})}, "password"))
    except (TypeError, OSError) as error:
        raise BadInput(
            f"telemetry of the fleet file ({error})", "host, port, user, password_file, tls", "correct it"
        ) from None
    return robots_telemetry(broker, {robot.robot_id: robot.radius_m for robot in fleet.robots})


def _with_secret(values: dict[str, Any], name: str) -> dict[str, Any]:
    """`NAME_file: PATH` in the fleet file becomes `NAME`: secrets stand in files of their own."""
    path = values.pop(f"{name}_file", None)
    return {**values, name: Path(path).read_text(encoding="utf-8").strip()} if path else values


def _link_to(
    server: str | None, site: str | None, *, learns: bool
) -> "Callable[[Orchestrator], contextlib.AbstractAsyncContextManager[Callable[[str, Any], None]]]":
    if server is None:
        return lambda orchestrator: contextlib.nullcontext(lambda what, value: None)
    from sitewright.robots_link import robots_link

    url, token = f"{server}/api/v1/sites/{site}", os.environ[TOKEN]
    return lambda orchestrator: robots_link(orchestrator, url, token, learns=learns)
