"""Every file of a comparison, written whole or not at all."""

import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from errno import EISDIR
from functools import partial
from pathlib import Path
from types import MappingProxyType

from bim.errors import BadInput
from bim.schedule.summary import Summary
from bim.verdict import State
from scan_to_bim.report.bcf import to_bcf
from scan_to_bim.report.contract import json_bytes
from scan_to_bim.report.glb import to_glb
from scan_to_bim.report.page import to_html
from scan_to_bim.report.words import LOOKS, rgb
from scan_to_bim.result import Report
from scan_to_bim.surface_quality import SurfaceQuality

COLOURS = MappingProxyType({state: rgb(LOOKS[state].fill) for state in State})
"""Red, green and blue in 0..1 by which every output shows a state."""

Writer = Callable[[Path], object]


def write_outputs(
    report: Report,
    *,
    json: Path | None = None,
    html: Path | None = None,
    ifc: Path | None = None,
    bcf: Path | None = None,
    glb: Path | None = None,
    date: datetime | None = None,
    plan: Summary | None = None,
    surfaces: Sequence[SurfaceQuality] = (),
) -> list[Path]:
    """Write what is asked for; returns the files written, in this order.

    Each file is written beside its target and moved in place when all are ready: after an error or an interrupt
    every target is as it was. `date` (aware; now, when it is not given) appears in the page and in BCF topics, `plan`
    in the page: what the verdicts mean for the programme of works, `surfaces` in page and JSON: faces and clauses.
    Of several source models each is written on its own, see `ifc_targets`. Raises BadInput where a target cannot be
    written.
    """
    when = date or datetime.now(UTC).replace(microsecond=0)
    writers: list[tuple[Path, Writer]] = []
    for target, content in (
        (json, lambda: json_bytes(report, surfaces)),
        (html, lambda: to_html(report, when, plan, surfaces)),
        (bcf, lambda: to_bcf(report, when)),
        (glb, lambda: to_glb(report)),
    ):
        if target is not None:
            writers.append((target, _writer(content)))
    if ifc is not None:
        writers += _ifc_writers(report, ifc)
    with ExitStack() as stack:
        staged = [(stack.enter_context(_staged(target, write)), target) for target, write in writers]
        for temporary, target in staged:
            os.replace(temporary, target)
    return [target for target, _ in writers]


def ifc_targets(target: Path, sources: Sequence[str]) -> list[Path]:
    """Where each source model goes: `out.ifc` itself for one, `out-NAME.ifc` for several, numbered if names repeat."""
    if len(sources) == 1:
        return [target]
    names = [Path(source).stem for source in sources]
    unique = [f"{name}-{i + 1}" if names.count(name) > 1 else name for i, name in enumerate(names)]
    return [target.with_name(f"{target.stem}-{name}{target.suffix}") for name in unique]


def _ifc_writers(report: Report, target: Path) -> Iterator[tuple[Path, Writer]]:
    from bim.ifc import write_verdicts

    sources = report.building.sources
    for number, (source, path) in enumerate(zip(sources, ifc_targets(target, [s.path for s in sources]), strict=True)):
        verdicts = [
            verdict
            for element, verdict in zip(report.building.elements, report.verdicts, strict=True)
            if element.source == number
        ]
        yield path, partial(write_verdicts, Path(source.path), verdicts=verdicts, colours=COLOURS)


def _writer(content: Callable[[], bytes]) -> Writer:
    return lambda path: path.write_bytes(content())


@contextmanager
def _staged(target: Path, write: Writer) -> Iterator[Path]:
    """The content beside its target under a name of its own, removed unless it was moved in place."""
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}{target.suffix}")
    try:
        try:
            if target.is_dir():
                raise IsADirectoryError(EISDIR, "it is a folder")
            write(temporary)
        except OSError as error:
            found = f"{target} cannot be written: {error.strerror}"
            raise BadInput(found, "a folder that exists and may be written", "choose another path") from error
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
