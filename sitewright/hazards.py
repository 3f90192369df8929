"""`sitewright hazards`: the register of a site without a server: what is open, what is done, what reports to it."""

import asyncio
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput
from bim.verdict import Reason
from scan_to_bim.report.words import Language
from sitewright.margin import margin

if TYPE_CHECKING:
    from site_safety.hazards import Evidence, Hazard
    from site_safety.register import HazardRegister
    from site_safety.sensors import SensorPlan
    from site_safety.sensors_io import Broker

hazards = typer.Typer(
    no_args_is_help=True, help="The register of hazards: list, act, and what sensors and scans report."
)
Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder that `sitewright watch` keeps.")]
NOTHING = Reason(
    "The answers teach nothing: no rule has enough of them, and enough false ones.",
    "答案不足以调整任何规则：没有哪条规则的答案和误报足够多。",
)
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]


@hazards.command("list")
def list_(
    data: Data,
    closed: Annotated[bool, typer.Option("--closed", help="Those that are closed, too.")] = False,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write them as JSON.")] = None,
    language: Annotated[Language | None, typer.Option(help="Language of the table.")] = None,
    quiet: Quiet = False,
) -> None:
    """Show the hazards that are open."""
    import json as json_text

    from site_safety.records import to_json
    from sitewright.settings import load_settings

    shown = [hazard for hazard in _register(data).hazards.values() if closed or hazard.open]
    if json:
        json.write_text(json_text.dumps(to_json(shown), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if not quiet:
        _print(shown, language or load_settings().language)


@hazards.command("do")
def do(
    hazard_id: Annotated[str, typer.Argument(metavar="HAZARD")],
    deed: Annotated[
        str,
        typer.Argument(metavar="DEED", help="acknowledge, review, assign, start, submit, close, return, stop_work."),
    ],
    data: Data,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who does it.")],
    note: Annotated[str, typer.Option(help="What was done or found.")] = "",
    to: Annotated[str | None, typer.Option(metavar="NAME", help="With assign: who shall rectify.")] = None,
    review: Annotated[str | None, typer.Option(metavar="true|false|cannot_tell", help="With review.")] = None,
    photos: Annotated[list[Path] | None, typer.Option("--photo", metavar="FILE", help="Pictures that show it.")] = None,
    quiet: Quiet = False,
) -> None:
    """Do something about a hazard; who rectified it never re-checks it."""
    from site_safety.hazards import BY_PEOPLE, Deed, Event, Review
    from site_safety.records import from_json
    from sitewright.cli import _check_files

    _check_files(photos or (), ())
    register, now = _register(data), dt.datetime.now(dt.UTC)
    chosen: Deed = from_json(Deed, deed, "DEED")
    if chosen not in BY_PEOPLE:
        raise BadInput(f"{deed} is no deed of a person", f"one of {', '.join(sorted(BY_PEOPLE))}", "choose one")
    answer = from_json(Review, review, "--review") if review else None  # type: ignore[arg-type]
    evidence = tuple(_photo(register, photo, now) for photo in photos or ())
    hazard = register.record(Event(hazard_id, chosen, now, by, note, to=to, review=answer, evidence=evidence))
    if not quiet:
        print(f"{hazard.hazard_id} is {hazard.state}")


@hazards.command()
def scan(
    models: Annotated[list[Path], typer.Argument(metavar="MODEL.ifc...", help="The building.")],
    verdicts: Annotated[Path, typer.Option(metavar="COMPARE.json", help="What `compare --json` saw of it.")],
    data: Data,
    zones: Annotated[Path | None, typer.Option(metavar="FILE", help="Write zones along the edges as JSON.")] = None,
    quiet: Quiet = False,
) -> None:
    """Register the edges to fall from that a comparison found without anything along them."""
    import json as json_text

    from bim.epoch_files import read_comparison
    from bim.epochs import STATES
    from bim.ifc import read_building
    from site_safety.records import to_json
    from site_safety.zones_model import edge_hazards, edge_zones, open_edges
    from sitewright.cli import _check_files
    from sitewright.settings import load_settings

    _check_files([*models, verdicts], [zones])
    settings = load_settings()
    seen = read_comparison(verdicts, settings.limits)
    states = {each.global_id: STATES[code] for each, code in zip(seen.elements, seen.state.tolist(), strict=True)}
    edges = open_edges(read_building(models, settings.cache, settings.limits), states)
    register, now = _register(data, begin=True), dt.datetime.now(dt.UTC)
    for subject in edge_hazards(edges):
        register.register(subject, now, "scan")
    if zones:
        zones.write_text(json_text.dumps(to_json(edge_zones(edges)), indent=1, ensure_ascii=False), encoding="utf-8")
    if not quiet:
        print(f"{len(edges)} open edges, {sum(edge.length_m for edge in edges):.1f} m")


@hazards.command()
def spaces(
    model: Annotated[Path, typer.Argument(metavar="MODEL.ifc", help="A model with spaces.")],
    zones: Annotated[Path, typer.Option(metavar="FILE", help="Write the zones as JSON.")],
    match: Annotated[
        str, typer.Option(metavar="NAME", help="Which spaces, by name; * and ? stand for anything.")
    ] = "*",
    kind: Annotated[str, typer.Option(help="robot, keep_out, closed, excavation, fire_lane or escape.")] = "closed",
    quiet: Quiet = False,
) -> None:
    """Write zones of a model's spaces: shafts to keep out of, escape routes to keep free."""
    import json as json_text

    from bim.ifc_spaces import read_spaces
    from site_safety.records import from_json, to_json
    from site_safety.zones import ZoneKind
    from site_safety.zones_model import space_zones
    from sitewright.cli import _check_files
    from sitewright.settings import load_settings

    _check_files([model], [zones])
    found = space_zones(read_spaces(model, load_settings().limits), match, from_json(ZoneKind, kind, "--kind"))
    if not found:
        raise BadInput(f"no space of {model.name} is named {match}", "a space with a shape", "see sitewright inspect")
    zones.write_text(json_text.dumps(to_json(found), indent=1, ensure_ascii=False), encoding="utf-8")
    if not quiet:
        print(f"{len(found)} zones")


@hazards.command()
def sensors(
    data: Data,
    readings: Annotated[
        list[Path] | None, typer.Option("--file", metavar="FILE", help="Readings: CSV, or SensorThings as JSON.")
    ] = None,
    mqtt: Annotated[str | None, typer.Option(metavar="HOST[:PORT]", help="Listen to a broker until stopped.")] = None,
    topic: Annotated[str, typer.Option(help="What to listen to; the last part is the sensor's id.")] = "sensors/#",
    username: Annotated[str | None, typer.Option(help="At the broker.")] = None,
    password_file: Annotated[Path | None, typer.Option(metavar="FILE", help="File that holds the password.")] = None,
    plaintext: Annotated[bool, typer.Option("--plaintext", help="Without TLS: on your own machine only.")] = False,
    plan: Annotated[Path | None, typer.Option(metavar="FILE", help="What the site's sensors may say, in TOML.")] = None,
    quiet: Quiet = False,
) -> None:
    """Register what sensors say: values and rates beyond their levels, readings that cannot be true, silence."""
    from site_safety.sensors import Sensors, default_plan, read, read_plan
    from site_safety.sensors_io import read_file
    from sitewright.cli import _check_files

    _check_files([*(readings or ()), password_file, plan], [])
    if bool(readings) == bool(mqtt):
        raise BadInput("--file and --mqtt", "one of the two", "give where the readings come from")
    rules, register, state = read_plan(plan) if plan else default_plan(), _register(data, begin=True), Sensors()
    for reading in (each for file in readings or () for each in read_file(file)):
        state, alarms = read(state, reading, rules)
        register.take(alarms, "sensors")
    if mqtt:
        asyncio.run(_listen(_broker(mqtt, topic, username, password_file, plaintext), rules, register))
    if not quiet:
        print(f"{sum(hazard.source == 'sensor' and hazard.open for hazard in register.hazards.values())} open")


@hazards.command()
def teach(
    data: Data,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="The site's own rules, where it has them.")] = None,
    take_back: Annotated[
        str | None, typer.Option("--take-back", metavar="RULE", help="Make this rule the site's own again.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who takes it back.")] = None,
    language: Annotated[Language | None, typer.Option(help="Language of the lessons.")] = None,
) -> None:
    """Tell what the answers of the review queue teach the rules, within bounds; take a lesson back."""
    from site_safety.lessons import Lessons
    from site_safety.rules_policy import default_policy, read_policy
    from site_safety.rules_teaching import taught
    from sitewright.settings import load_settings

    if (take_back is None) != (by is None):
        raise BadInput("--take-back and --by", "both or none", "say which rule, and who takes its lesson back")
    policy, chosen = read_policy(rules) if rules else default_policy(), language or load_settings().language
    hazards, journal = _register(data).hazards.values(), Lessons(data)
    _, found = taught(policy, hazards, journal.taken_back)
    if take_back and by:
        if take_back not in {lesson.rule for lesson in found}:
            learnt = ", ".join(lesson.rule for lesson in found) or "no rule: nothing was learnt"
            raise BadInput(f"--take-back {take_back}", learnt, "see sitewright hazards teach")
        journal.take_back(take_back, dt.datetime.now(dt.UTC), by)
        _, found = taught(policy, hazards, journal.taken_back)
    if not found:
        print(NOTHING.en if chosen == "en" else NOTHING.zh)
    for lesson in found:
        print(f"{lesson.rule}: {lesson.reason.en if chosen == 'en' else lesson.reason.zh}")


@hazards.command()
def tidy(
    data: Data,
    keep: Annotated[Path | None, typer.Option(metavar="FILE", help="How long evidence stays: a JSON list.")] = None,
    key: Annotated[Path | None, typer.Option(metavar="KEY.pem", help="Sign a checkpoint, at most one an hour.")] = None,
    quiet: Quiet = False,
) -> None:
    """Escalate what is overdue, remove evidence whose time is over, and sign where the journal ends."""
    from site_safety.retention import DEFAULT, carry_out, held_by, read_keep

    register, now = _register(data), dt.datetime.now(dt.UTC)
    overdue = register.escalate(now)
    removed = carry_out(
        register.evidence, read_keep(keep) if keep else DEFAULT, now, held_by(register.hazards.values())
    )
    signed = key is not None and _sign_end(data, register, key, now)
    if not quiet:
        print(f"{len(overdue)} escalated, {len(removed)} pieces of evidence removed, {int(signed)} checkpoints signed")


hazards.command()(margin)


# --- What they share --------------------------------------------------------------------------------------------------


def _register(data: Path, begin: bool = False) -> "HazardRegister":
    from site_safety.register import HazardRegister

    if not begin and not (data / "hazards.jsonl").is_file():
        raise BadInput(f"no hazards.jsonl in {data}", "the folder that sitewright watch keeps", "correct --data")
    return HazardRegister(data)


def _photo(register: "HazardRegister", photo: Path, now: dt.datetime) -> "Evidence":
    return register.evidence.add(photo, "photo", purpose="hazard", at=now)


def _broker(text: str, topic: str, username: str | None, password_file: Path | None, plaintext: bool) -> "Broker":
    from site_safety.sensors_io import Broker

    host, _, port = text.partition(":")
    if port and not port.isdigit():
        raise BadInput(f"--mqtt {text}", "a host, or host:port", "correct it")
    return Broker(host, int(port or (1883 if plaintext else 8883)), topic, username, password_file, tls=not plaintext)


async def _listen(broker: "Broker", rules: "SensorPlan", register: "HazardRegister") -> None:
    """Readings as they come, and every second who is silent."""
    from site_safety.sensors import Sensors, look, read
    from site_safety.sensors_io import listen

    state = Sensors()

    async def watch_silence() -> None:
        nonlocal state
        while True:
            await asyncio.sleep(1.0)
            state, alarms = look(state, dt.datetime.now(dt.UTC), rules)
            register.take(alarms, "sensors")

    silence = asyncio.create_task(watch_silence())
    try:
        async for reading in listen(broker):
            state, alarms = read(state, reading, rules)
            register.take(alarms, "sensors")
    finally:
        silence.cancel()


def _sign_end(data: Path, register: "HazardRegister", key: Path, now: dt.datetime) -> bool:
    import json as json_text

    from site_safety.evidence import checkpoint, checkpoint_due
    from site_safety.records import from_json
    from site_safety.signing import read_key, verify

    signer, file = read_key(key), data / "checkpoints.txt"
    tokens = file.read_text(encoding="ascii").split() if file.is_file() else []
    last = from_json(dt.datetime, json_text.loads(verify(tokens[-1], signer))["at"]) if tokens else None
    if register.journal.last is None or not checkpoint_due(last, now):
        return False
    with file.open("a", encoding="ascii") as end:
        end.write(checkpoint("hazards", register.journal.last, now, signer) + "\n")
    return True


def _print(shown: "list[Hazard]", language: Language) -> None:
    from rich.console import Console
    from rich.table import Table

    from scan_to_bim.report.words import printable
    from site_safety.report_words import words

    said = words(language)
    table = Table(box=None)
    for name in ("id", said["level"], said["state"], said["hazards"], said["place"], said["due"]):
        table.add_column(name, overflow="fold", no_wrap=name == "id")
    for hazard in shown:
        text = hazard.text.en if language == "en" else hazard.text.zh
        place = " ".join(filter(None, (hazard.storey, hazard.zone_id, hazard.camera_id)))
        due = f"{hazard.due_at:%Y-%m-%d %H:%M}"
        cells: list[Any] = [hazard.hazard_id, said[hazard.level], said[hazard.state], text, place, due]
        table.add_row(*(printable(str(cell)) for cell in cells))
    Console().print(table)
