"""A report as a pack: one file with the pages, the figures, the journal under them, the evidence; signed.

    manifest.jws      what is in the pack, each file with its hash: signed
    keys.json         the public key that signed
    report.json       the figures: canonical JSON (RFC 8785); report.jws its own signature, apart from the pack
    report.en.pdf …   the pages, signed too where a certificate was given
    inputs.json       what the figures were made of beside the hazards: stops and words about cameras
    hazards.jsonl     the journal of hazards up to the period's end; checkpoints.txt its signed ends, hour by hour
    evidence/…        files, each under its hash

A pack is a ZIP without compression and with one fixed date, so the same content is the same file, byte for byte.
"""

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from site_safety.evidence import Link, line
from site_safety.hazards import Event
from site_safety.records import from_json, iso, to_json
from site_safety.report_words import Language
from site_safety.reports import CameraSign, Period, SafetyReport, Site, Stop, report_json, summarise
from site_safety.signing import Key, canonical, public, sign, sign_detached

FIXED_DATE = (1980, 1, 1, 0, 0, 0)
FORMAT = "sitewright-pack/1"


@dataclass(frozen=True)
class Inputs:
    """What a report is made of, beside the journal of hazards."""

    period: Period
    site: Site
    version: str
    timezone: str = "UTC"
    signs: tuple[CameraSign, ...] = ()
    stops: tuple[Stop, ...] = ()


@dataclass(frozen=True)
class Content:
    """What goes into a pack."""

    inputs: Inputs
    hazards: tuple[Link, ...]
    """The whole journal, from its first line."""
    pages: Mapping[Language, bytes] = field(default_factory=dict)
    evidence: Mapping[str, bytes] = field(default_factory=dict)
    """By name of the file."""
    checkpoints: tuple[str, ...] = ()


def report_of(inputs: Inputs, journal: Iterable[Link]) -> SafetyReport:
    """The report that these inputs and this journal make."""
    events = [from_json(Event, link.entry, f"hazards.jsonl:{link.seq + 1}") for link in journal]
    return summarise(
        events,
        inputs.period,
        inputs.site,
        version=inputs.version,
        timezone=inputs.timezone,
        signs=inputs.signs,
        stops=inputs.stops,
    )


def until(journal: Iterable[Link], period: Period) -> tuple[Link, ...]:
    """The journal up to the last line of the period; what comes after is nobody's business yet."""
    links = tuple(journal)
    within = [number for number, link in enumerate(links) if _at(link) < iso(period.end)]
    return links[: within[-1] + 1] if within else ()


def _at(link: Link) -> str:
    return str(link.entry.get("at", "")) if isinstance(link.entry, dict) else ""


def build(content: Content, key: Key) -> bytes:
    """The pack, signed."""
    report = canonical(report_json(report_of(content.inputs, content.hazards)))
    files = {
        "report.json": report,
        "report.jws": sign_detached(report, key).encode(),
        "inputs.json": canonical(to_json(content.inputs)),
        "keys.json": canonical({"keys": [public(key)]}),
        "hazards.jsonl": b"".join(map(line, content.hazards)),
        "checkpoints.txt": "".join(f"{each}\n" for each in content.checkpoints).encode(),
        **{f"report.{language}.pdf": page for language, page in content.pages.items()},
        **{f"evidence/{name}": data for name, data in content.evidence.items()},
    }
    return archive({**files, "manifest.jws": sign(canonical(manifest(files)), key).encode()})


def manifest(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Every file but the manifest itself, with size and hash."""
    told = {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()} for name, data in files.items()}
    return {"format": FORMAT, "files": told}


def archive(files: Mapping[str, bytes]) -> bytes:
    """Files as a ZIP that is the same for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as pack:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, FIXED_DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            pack.writestr(entry, files[name])
    return buffer.getvalue()
