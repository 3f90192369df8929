"""`sitewright report`: reports that others rely on, as pages, as figures and as signed packs."""

import datetime as dt
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput
from scan_to_bim.report.words import Language
from sitewright.settings import TOKEN

if TYPE_CHECKING:
    from site_safety.evidence import Link
    from site_safety.report_pack import Inputs
    from site_safety.reports import Period, SafetyReport, Stop
    from site_safety.signing import Key

report = typer.Typer(no_args_is_help=True, help="Write reports, and the key that signs them.")
Data = Annotated[Path, typer.Option("--data", metavar="DIR", help="The folder that `sitewright watch` keeps.")]


@report.command()
def safety(
    data: Data,
    site: Annotated[str, typer.Option(metavar="ID", help="Short name of the site, as in file names.")],
    day: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Report this day.")] = None,
    week: Annotated[str | None, typer.Option(metavar="YYYY-MM-DD", help="Report the week of this day.")] = None,
    site_name: Annotated[str | None, typer.Option(metavar="NAME", help="Name of the site, as people say it.")] = None,
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Where midnight is, such as Asia/Shanghai.")] = "UTC",
    stops: Annotated[Path | None, typer.Option(metavar="FILE", help="Stops of the robots: a JSON list.")] = None,
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the pages.")] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures as JSON.")] = None,
    pack: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a signed pack; needs --key.")] = None,
    key: Annotated[Path | None, typer.Option(metavar="KEY.pem", help="Key that signs the pack.")] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="CERT.p12", help="Certificate that signs the pages (PAdES).")
    ] = None,
    passphrase_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File that holds the certificate's passphrase.")
    ] = None,
    language: Annotated[Language | None, typer.Option(help="Language of --pdf; a pack holds both.")] = None,
    server: Annotated[
        str | None, typer.Option(metavar="URL", help="File the pack at this server; --site is the site's id there.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Report hazards, cameras and robot stops of a day or a week."""
    from site_safety.register import camera_signs
    from site_safety.report_pack import Inputs, report_of, until
    from site_safety.report_pages import pdf as pages
    from site_safety.reports import Site, report_json
    from site_safety.signing import canonical, read_key
    from sitewright import __version__
    from sitewright.cli import _check_files
    from sitewright.settings import load_settings

    _check_files([data, stops, key, certificate, passphrase_file], [pdf, json, pack])
    if pack and not key:
        raise BadInput("--pack without --key", "the key that signs", "make one with sitewright report key KEY.pem")
    if server and not (pack and os.environ.get(TOKEN)):
        raise BadInput("--server without --pack or a token", f"--pack, --key and {TOKEN}", "give all of them")
    signer = read_key(key) if key else None
    period = _period(day, week, timezone)
    signs = camera_signs(data, period)
    inputs = Inputs(period, Site(site, site_name or site), __version__, timezone, signs, _stops(stops))
    journal = until(_links(data), period)
    found = report_of(inputs, journal)

    def signed(chosen: Language) -> bytes:
        return _signed(pages(found, chosen), certificate, passphrase_file)

    if pdf:
        pdf.write_bytes(signed(language or load_settings().language))
    if json:
        json.write_bytes(canonical(report_json(found)))
    if pack and signer:
        held = tuple(each.file for hazard in found.hazards for each in hazard.evidence)
        pack.write_bytes(_pack(data, inputs, journal, {"en": signed("en"), "zh": signed("zh")}, held, signer))
    if pack and server:
        _file(server, found, pack.read_bytes())
    if not quiet:
        _show(report_json(found))


@report.command("key")
def make_key(file: Annotated[Path, typer.Argument(metavar="KEY.pem", help="A new file, for you alone.")]) -> None:
    """Make a key that signs reports, its public part for others beside it (.jwk), and print its thumbprint."""
    from site_safety.signing import canonical, new_key, public

    key = new_key(file)
    file.with_suffix(".jwk").write_bytes(canonical(public(key)) + b"\n")
    print(key.thumbprint())


def _file(server: str, found: "SafetyReport", pack: bytes) -> None:
    """Bring a pack to a server, where those who may read the site's reports fetch it. Raises BadInput."""
    import httpx

    period, day = found.period, found.report_id[-10:]
    about = {
        "kind": "site_safety",
        "title_en": f"Site safety, {'day' if period.kind == 'daily' else 'week'} of {day}",
        "title_zh": f"工地安全{'日报' if period.kind == 'daily' else '周报'} {day}",
        "since": period.start.isoformat(),
        "until": period.end.isoformat(),
    }
    headers = {"Authorization": f"Bearer {os.environ[TOKEN]}", "Content-Type": "application/zip"}
    url = f"{server.rstrip('/')}/api/v1/sites/{found.site.site_id}/reports"
    try:
        answer = httpx.post(url, params=about, content=pack, headers=headers, timeout=60.0)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise BadInput(f"no answer of {server} ({type(error).__name__})", "a server", "file it again later") from None
    if not answer.is_success:
        expected = "the site's id and a token with the right to ingest"
        raise BadInput(f"{server} refused the report: {answer.text[:200]}", expected, "make one in the app")


def _period(day: str | None, week: str | None, timezone: str) -> "Period":
    from site_safety.reports import day_of, week_of

    if (day is None) == (week is None):
        raise BadInput("--day and --week", "one of the two", "give the day, or a day of the week")
    try:
        date = dt.date.fromisoformat(day or week or "")
    except ValueError:
        raise BadInput(f"the date {day or week}", "a date such as 2026-04-30", "correct the date") from None
    return day_of(date, timezone) if day else week_of(date, timezone)


def _links(data: Path) -> "list[Link]":
    from site_safety.evidence import links_of

    if not (data / "hazards.jsonl").is_file():
        raise BadInput(f"no hazards.jsonl in {data}", "the folder that sitewright watch keeps", "correct --data")
    return links_of(data / "hazards.jsonl")


def _stops(path: Path | None) -> "tuple[Stop, ...]":
    import json as json_text

    from site_safety.records import from_json
    from site_safety.reports import Stop

    try:
        values = json_text.loads(path.read_text(encoding="utf-8")) if path else []
    except (OSError, ValueError) as error:
        raise BadInput(f"{path} is no JSON ({error})", "a list of stops", "correct the file") from None
    return from_json(tuple[Stop, ...], values, path.name if path else "")


def _signed(content: bytes, certificate: Path | None, passphrase_file: Path | None) -> bytes:
    from site_safety.report_pages import sign_pdf

    if certificate is None:
        return content
    passphrase = passphrase_file.read_bytes().strip() if passphrase_file else None
    return sign_pdf(content, certificate, passphrase)


def _pack(data: Path, inputs: "Inputs", journal: Any, pages: Any, held: tuple[str, ...], key: "Key") -> bytes:
    from site_safety.report_pack import Content, build

    folder = data / "evidence"
    files = {name for name in held if Path(name).name == name and (folder / name).is_file()}
    evidence = {name: (folder / name).read_bytes() for name in files}
    checkpoints = data / "checkpoints.txt"
    # A checkpoint of a later hour would speak of lines that the pack does not hold.
    tokens = tuple(checkpoints.read_text(encoding="ascii").split()) if checkpoints.is_file() else ()
    return build(Content(inputs, journal, pages, evidence, _within(tokens, len(journal), key)), key)


def _within(tokens: tuple[str, ...], lines: int, key: "Key") -> tuple[str, ...]:
    import json as json_text

    from site_safety.signing import verify

    return tuple(token for token in tokens if json_text.loads(verify(token, key))["seq"] < lines)


def _show(found: dict[str, Any]) -> None:
    from sitewright.console import print_values

    names = ("opened", "closed", "open", "overdue", "stop_work", "false_alarms")
    counts = {name: found[name]["count"] for name in names}
    rules = {row["name"]: row["opened"]["count"] for row in found["by_rule"]}
    print_values({"report": found["report_id"], **counts, "stops": len(found["stops"]), "rules": rules})
