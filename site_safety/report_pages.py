"""A site safety report as PDF, in English or Chinese, by Typst with a font that comes with the package.

The same report gives the same bytes. Signing (PAdES, pyHanko) adds the certificate's own time and is done apart.
"""

import io
import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typst

from bim.errors import BadInput
from bim.verdict import Reason
from site_safety.hazards import Deed, Hazard
from site_safety.report_words import WORDS, Language, words
from site_safety.reports import Coverage, Figure, Row, SafetyReport, StopLine, Times

FONT_PACKAGE, FONT = "noto_cjk_sans_otc", "NotoSansCJK-Regular.ttc"
_SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))
TELLING = (Deed.ASSIGN, Deed.START, Deed.SUBMIT, Deed.CLOSE, Deed.RETURN, Deed.REVIEW, Deed.STOP_WORK, Deed.ESCALATE)


def pdf(report: SafetyReport, language: Language) -> bytes:
    """The pages of a report. Raises BadInput where the font is missing."""
    template = files("site_safety").joinpath("templates/safety_report.typ")
    shown = json.dumps(_Pages(report, language).shown(), ensure_ascii=False)
    content: bytes = typst.compile(
        template.read_bytes(),
        font_paths=typst.Fonts(include_system_fonts=False, font_paths=[str(font_folder())]),
        sys_inputs={"report": shown, "words": json.dumps(words(language), ensure_ascii=False)},
    )
    return content


def font_folder() -> Path:
    """Where the font lies that has Chinese. Raises BadInput where it is not installed."""
    found = find_spec(FONT_PACKAGE)
    folder = Path(found.origin).parent if found and found.origin else None
    if folder is None or not (folder / FONT).is_file():
        raise BadInput("no font with Chinese characters", "the package noto-cjk-sans-otc", "install it with pip")
    return folder


class _Pages:
    """A report as the template reads it: words chosen, times local, hazards numbered."""

    def __init__(self, report: SafetyReport, language: Language) -> None:
        self.report, self.language = report, language
        self.zone = ZoneInfo(report.timezone)
        self.number = {hazard.hazard_id: i + 1 for i, hazard in enumerate(report.hazards)}

    def shown(self) -> dict[str, Any]:
        report = self.report
        start = report.period.start.astimezone(self.zone)
        return {
            "language": self.language,
            "title": self.say(f"title_{report.period.kind}"),
            "date": {"year": start.year, "month": start.month, "day": start.day},
            "report_id": report.report_id,
            "site": report.site.name,
            "period": f"{self.time(report.period.start)} – {self.time(report.period.end)} ({report.timezone})",
            "tiles": [
                self.tile("opened", report.opened.count),
                self.tile("closed", report.closed.count),
                self.tile("open", report.open.count),
                self.tile("overdue", report.overdue.count, alarm=True),
                self.tile("stops", len(report.stops)),
                self.tile("false_alarms", report.false_alarms.count),
            ],
            "by_rule": self.rows(report.by_rule),
            "by_zone": self.rows(report.by_zone),
            "by_state": self.rows(report.by_state),
            "by_level": self.rows(report.by_level),
            "by_source": self.rows(report.by_source),
            "times": [
                *self.times("to_acknowledge", report.to_acknowledge),
                *self.times("to_close", report.to_close),
            ],
            "cameras": [self.camera(each) for each in report.cameras],
            "stops": [self.stop(each) for each in report.stops],
            "hazards": [self.hazard(each) for each in report.hazards],
            "notes": [self.to(note) for note in (*report.assumptions, WORDS["note_links"], WORDS["note_layer"])],
        }

    def to(self, said: Reason) -> str:
        return said.en if self.language == "en" else said.zh

    def say(self, key: str) -> str:
        return self.to(WORDS[key]) if key in WORDS else key

    def time(self, at: datetime) -> str:
        return f"{at.astimezone(self.zone):%Y-%m-%d %H:%M}"

    def span(self, seconds: float | None) -> str:
        """A time that something took, as a person reads it."""
        if seconds is None:
            return "–"
        size, unit = next((each for each in _SPANS if seconds >= each[0]), (1.0, "s"))
        return f"{seconds / size:.{0 if unit == 's' else 1}f} {self.say(unit)}"

    def numbers(self, ids: Iterable[str]) -> list[int]:
        return sorted(self.number[each] for each in ids)

    def tile(self, name: str, count: int, alarm: bool = False) -> Mapping[str, Any]:
        return {"name": name, "count": count, "alarm": alarm and count > 0}

    def figure(self, figure: Figure) -> Mapping[str, Any]:
        return {"count": figure.count, "numbers": self.numbers(figure.hazards)}

    def rows(self, rows: Sequence[Row]) -> list[Mapping[str, Any]]:
        return [
            {"name": row.name or "none", "opened": self.figure(row.opened), "open": self.figure(row.open)}
            for row in rows
        ]

    def times(self, what: str, lines: Sequence[Times]) -> list[Mapping[str, Any]]:
        return [
            {
                "what": what, "level": each.level or "all", "count": each.count, "median": self.span(each.median_s),
                "longest": self.span(each.longest_s), "numbers": self.numbers(each.hazards),
            }
            for each in lines
        ]  # fmt: skip

    def camera(self, each: Coverage) -> Mapping[str, Any]:
        whole_s = each.live_s + each.blind_s + each.unknown_s
        shares = {name: getattr(each, f"{name}_s") / whole_s for name in ("live", "blind", "unknown")}
        return {
            "camera": each.camera_id,
            "live_share": shares["live"],
            "blind_share": shares["blind"],
            **{name: f"{100 * share:.1f} %" for name, share in shares.items()},
            "numbers": self.numbers(each.hazards),
        }

    def stop(self, each: StopLine) -> Mapping[str, Any]:
        stop = each.stop
        return {
            "at": self.time(stop.requested_at),
            "scope": stop.scope,
            "ref": stop.ref,
            "reason": self.to(stop.reason),
            "confirmed": self.say("not_confirmed") if each.confirmed_s is None else f"{each.confirmed_s:.2f} s",
            "released": self.time(stop.released_at) if stop.released_at else "–",
        }

    def hazard(self, hazard: Hazard) -> Mapping[str, Any]:
        place = [hazard.storey, hazard.zone_id, hazard.camera_id, *hazard.robot_ids, *hazard.element_ids[:3]]
        if hazard.place_m:
            place.append(
                ", ".join(f"{axis} {value:.1f}" for axis, value in zip("xyz", hazard.place_m, strict=True)) + " m"
            )
        return {
            "number": self.number[hazard.hazard_id],
            "id": hazard.hazard_id,
            "text": self.to(hazard.text),
            "level": hazard.level,
            "state": hazard.state,
            "when": f"{self.time(hazard.opened_at)} · {self.say('due')} {self.time(hazard.due_at)}",
            "place": "".join(f" · {part}" for part in place if part),
            "steps": " → ".join(
                f"{self.say(step.state)} {step.at.astimezone(self.zone):%m-%d %H:%M}"
                for step in hazard.history
                if step.deed in TELLING
            ),
            "evidence": [f"{each.kind} {each.sha256}" for each in hazard.evidence],
        }


def sign_pdf(content: bytes, certificate: Path, passphrase: bytes | None) -> bytes:
    """The pages with a PAdES signature (ETSI EN 319 142, B-B) by a PKCS #12 certificate. Raises BadInput."""
    from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
    from pyhanko.sign import signers
    from pyhanko.sign.fields import SigSeedSubFilter

    # pyHanko logs why a file cannot be used, with a traceback; here that is one error.
    logging.getLogger("pyhanko.sign.signers").setLevel(logging.CRITICAL)
    signer = signers.SimpleSigner.load_pkcs12(str(certificate), passphrase=passphrase)  # type: ignore[no-untyped-call]
    if signer is None:
        raise BadInput(f"{certificate} cannot be used to sign", "a PKCS #12 file and its passphrase", "check both")
    metadata = signers.PdfSignatureMetadata(field_name="Sitewright", subfilter=SigSeedSubFilter.PADES)
    signed: io.BytesIO = signers.sign_pdf(IncrementalPdfFileWriter(io.BytesIO(content)), metadata, signer)
    return signed.getvalue()
