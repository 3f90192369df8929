"""`sitewright versions`: what differs between two versions of a model, and which verdicts hold for the new one."""

import json as json_text
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput
from bim.verdict import Deviation, Evidence, Reason, State, Vector, Verdict
from scan_to_bim.report.words import Language, Phrase, printable

if TYPE_CHECKING:
    from rich.table import Table

    from bim.model import Building
    from bim.model_versions import VersionComparison

MOST_ROWS = 20
WORDS = {
    "added": Phrase("added", "新增"),
    "removed": Phrase("removed", "删除"),
    "moved": Phrase("moved", "移动"),
    "reshaped": Phrase("another shape", "形状改变"),
    "renamed": Phrase("another name or class", "名称或类别改变"),
    "new_guid": Phrase("another GUID, same place and shape", "GUID 改变，位置与形状相同"),
}


def versions(
    old: Annotated[Path, typer.Argument(metavar="OLD.ifc", help="The version that was compared with scans.")],
    new: Annotated[Path, typer.Argument(metavar="NEW.ifc", help="The version that counts from now on.")],
    verdicts: Annotated[
        Path | None, typer.Option(metavar="COMPARE.json", help="Verdicts of the old version; with --carry.")
    ] = None,
    carry: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the verdicts that still hold, for the new version.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the differences as JSON.")] = None,
    language: Annotated[Language | None, typer.Option(help="Language; from the settings when left out.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Tell what differs between two versions of a model, and carry verdicts across."""
    from rich.console import Console

    from bim.ifc import read_building
    from bim.model_versions import carried, compare_versions
    from sitewright.settings import load_settings

    if (verdicts is None) != (carry is None):
        raise BadInput("--verdicts and --carry come together", "both or neither", "give both")
    settings = load_settings()
    before, after = (read_building([path], settings.cache, settings.limits) for path in (old, new))
    found = compare_versions(before, after)
    if verdicts and carry:
        document = _document(verdicts)
        told = carried(found, old_verdicts(document, before))
        carry.write_text(_text(carried_document(document, after, told)), "utf-8")
    if json:
        json.write_text(_text(differences(found)), "utf-8")
    if not quiet:
        Console().print(_table(found, language or settings.language))


def _text(values: Mapping[str, Any]) -> str:
    return json_text.dumps(values, ensure_ascii=False, indent=1) + "\n"


def differences(found: "VersionComparison") -> dict[str, Any]:
    """What differs, as JSON values; elements without a difference are only counted."""
    rows = list(_rows(found))
    return {
        "old_elements": len(found.old.elements),
        "new_elements": len(found.new.elements),
        "unchanged": len(found.new.elements) - len({guid for _, guid, _ in rows} & _guids(found.new)),
        "differences": [{"what": what, "global_id": guid, "old_global_id": old_guid} for what, guid, old_guid in rows],
    }


def _guids(building: "Building") -> set[str]:
    return {element.global_id for element in building.elements}


def _rows(found: "VersionComparison") -> "list[tuple[str, str, str | None]]":
    """What happened, the GUID that counts now, and that of the old version."""
    old, new = found.old.elements, found.new.elements
    rows: list[tuple[str, str, str | None]] = [("added", new[i].global_id, None) for i in found.added]
    rows += [("removed", old[i].global_id, old[i].global_id) for i in found.removed]
    for match in found.matches:
        what = [*map(str, match.differences), *(["new_guid"] if match.by == "geometry" else [])]
        rows += [(each, new[match.new].global_id, old[match.old].global_id) for each in what]
    return rows


def _table(found: "VersionComparison", language: Language) -> "Table":
    from rich.table import Table
    from rich.text import Text

    rows = _rows(found)
    counts = Counter(what for what, _, _ in rows)
    said = "  ".join(f"{WORDS[what].to(language)} {n}" for what, n in counts.items()) or Phrase(
        "no differences", "没有差异"
    ).to(language)
    names = {element.global_id: element for building in (found.old, found.new) for element in building.elements}
    grid = Table(title=said, title_justify="left", header_style="bold")
    for head in (Phrase("What", "变化"), Phrase("Element", "构件"), Phrase("Storey", "楼层"), Phrase("GUID", "GUID")):
        grid.add_column(head.to(language), overflow="fold")
    for what, guid, _ in rows[:MOST_ROWS]:
        element = names[guid]
        cells = (WORDS[what].to(language), f"{element.ifc_class} {element.name}", element.storey, guid)
        grid.add_row(*(Text(printable(cell)) for cell in cells))
    if len(rows) > MOST_ROWS:
        grid.add_row(Text(f"… +{len(rows) - MOST_ROWS}", style="dim"))
    return grid


# --- Verdicts ---------------------------------------------------------------------------------------------------------


def _document(path: Path) -> dict[str, Any]:
    """A document that its reader, in a process of its own, found to be a comparison."""
    from bim.epoch_files import read_comparison

    read_comparison(path)
    document: dict[str, Any] = json_text.loads(path.read_bytes())
    return document


def old_verdicts(document: Mapping[str, Any], old: "Building") -> list[Verdict]:
    """One verdict an element of the old version, in its order. Raises BadInput where the document lacks one."""
    said = {each["global_id"]: each for each in document["elements"]}
    lacking = [element.global_id for element in old.elements if element.global_id not in said]
    if lacking:
        raise BadInput(
            f"the verdicts lack {len(lacking)} elements of the old version, such as {lacking[0]}",
            "the comparison of that very version",
            "give its compare --json",
        )
    try:
        return [_verdict(said[element.global_id]) for element in old.elements]
    except (KeyError, TypeError, ValueError) as error:
        what = f"the verdicts are incomplete ({type(error).__name__}: {error})"
        raise BadInput(what, "every key that compare --json writes", "compare the old version again") from error


def _verdict(each: Mapping[str, Any]) -> Verdict:
    deviation = each["deviation"]
    return Verdict(
        global_id=each["global_id"],
        state=State(each["state"]),
        completion=each["completion"],
        completion_low=each["completion_low"],
        completion_high=each["completion_high"],
        observable=each["observable"],
        confidence=each["confidence"],
        evidence=Evidence(**each["evidence"]),
        deviation=_deviation(deviation) if deviation else None,
        reason=Reason(each["reason"], each["reason_zh"]),
    )


def _deviation(values: Mapping[str, Any]) -> Deviation:
    clause = values.get("clause")
    return Deviation(
        _vector(values["translation_m"]),
        _vector(values["rotation_rad"]),
        sigma_m=values["sigma_m"],
        rms_m=values["rms_m"],
        p95_m=values["p95_m"],
        within_tolerance=values["within_tolerance"],
        clause=Reason(**clause) if clause else None,
    )


def _vector(values: Sequence[float]) -> Vector:
    x, y, z = values
    return x, y, z


def carried_document(document: Mapping[str, Any], new: "Building", told: Sequence[Verdict]) -> dict[str, Any]:
    """The comparison as one of the new version, so that `progress` and `epochs` read it like any other."""
    from scan_to_bim.report.contract import element_values

    said = "Verdicts were carried over from another version of the model; what moved or changed its shape is unseen."
    return {
        **{key: document.get(key) for key in ("sitewright", "schema", "date", "registration", "tolerance_m")},
        "inputs": document.get("inputs", []),
        "elements": [element_values(*pair) for pair in zip(new.elements, told, strict=True)],
        "assumptions": [*document.get("assumptions", []), said],
    }
