"""`sitewright check`: whether a model can be trusted before a scan is compared with it."""

import json as json_text
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from bim.errors import LimitExceeded
from scan_to_bim.report.words import Language, Phrase, printable

if TYPE_CHECKING:
    from rich.text import Text

    from bim.checks import Finding

MOST_GUIDS = 3
FailOn = Literal["error", "warning"]
GRAVE: Mapping[FailOn, tuple[str, ...]] = {"error": ("error",), "warning": ("error", "warning")}
STYLES = {"error": "bold red", "warning": "bold yellow", "note": "dim"}
WORDS = {"error": Phrase("error", "错误"), "warning": Phrase("warning", "警告"), "note": Phrase("note", "提示")}


def check(
    model: Annotated[Path, typer.Argument(metavar="MODEL.ifc", help="The model to check.")],
    ids: Annotated[
        list[Path] | None, typer.Option("--ids", metavar="FILE", help="IDS 1.0 file with what it must have.")
    ] = None,
    fail_on: Annotated[
        FailOn | None, typer.Option(help="End with exit code 4 when there is a finding as grave as this.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the findings as JSON.")] = None,
    language: Annotated[Language | None, typer.Option(help="Language; from the settings when left out.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Tell whether a model can be trusted: units, storeys, geometry, duplicates, and what IDS files demand."""
    from rich.console import Console

    from bim.checks import check_model
    from sitewright.settings import load_settings

    settings = load_settings()
    findings = check_model(model, ids or [], settings.cache, settings.limits)
    if json:
        json.write_text(json_text.dumps(findings_json(model, findings), ensure_ascii=False, indent=1) + "\n", "utf-8")
    if not quiet:
        for line in findings_text(findings, language or settings.language):
            Console().print(line)
    grave = sum(finding.severity in GRAVE[fail_on] for finding in findings) if fail_on else 0
    if grave:
        raise LimitExceeded(f"{model} has {grave} findings", f"none as grave as {fail_on}", "see the list")


def findings_json(model: Path, findings: Sequence["Finding"]) -> dict[str, Any]:
    """The findings as JSON values, texts in both languages."""
    return {"model": str(model), "findings": [asdict(finding) for finding in findings]}


def findings_text(findings: Sequence["Finding"], language: Language) -> Iterator["Text"]:
    """A finding as two or three lines: what it is, what to do, which elements."""
    from rich.text import Text

    if not findings:
        yield Text(Phrase("Nothing to complain about.", "未发现问题。").to(language))
    for finding in findings:
        said = Phrase(*map(printable, (finding.message.en, finding.message.zh))).to(language)
        act = Phrase(*map(printable, (finding.action.en, finding.action.zh))).to(language)
        yield Text.assemble((WORDS[finding.severity].to(language), STYLES[finding.severity]), f"  {said}")
        yield Text(f"  → {act}")
        if finding.global_ids:
            more = len(finding.global_ids) - MOST_GUIDS
            shown = ", ".join(map(printable, finding.global_ids[:MOST_GUIDS])) + (f" … +{more}" if more > 0 else "")
            yield Text(f"    {shown}", style="dim")
