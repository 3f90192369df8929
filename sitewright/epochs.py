"""`sitewright epochs`: what several comparisons of one site tell together, and what happened between them."""

import json as json_text
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput
from scan_to_bim.report.words import LOOKS, Language, Phrase, printable

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table
    from rich.text import Text

    from bim.epochs import Change, Known

MOST_ROWS = 20
FROM_NAMES = Phrase("Dates of the scans are those in the names of the documents.", "扫描日期取自文件名。")
WORDS = {
    "built": Phrase("built", "已建成"),
    "found": Phrase("stands, first seen", "已存在（首次扫到）"),
    "grew": Phrase("grew", "有进展"),
    "moved": Phrase("moved", "已移动"),
    "taken_down": Phrase("taken down", "已拆除"),
}


def epochs(
    documents: Annotated[list[Path], typer.Argument(metavar="COMPARE.json...", help="Documents of compare --json.")],
    dates: Annotated[
        list[str] | None,
        typer.Option("--date", metavar="YYYY-MM-DD", help="When each scan was taken, in the order of the documents."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="Tell what happened after this day; the last scan but one.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the answer as JSON.")] = None,
    language: Annotated[Language | None, typer.Option(help="Language; from the settings when left out.")] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Tell what stands after several scans, what was built, moved or taken down, and what contradicts itself."""
    from rich.console import Console

    from bim.epoch_files import read_comparison
    from bim.epochs import changes, known
    from sitewright.settings import load_settings

    comparisons = [read_comparison(document) for document in documents]
    times, assumptions = scan_times(documents, dates or [], [each.date for each in comparisons])
    read = [comparison.epoch(at) for comparison, at in zip(comparisons, times, strict=True)]
    now = known(read)
    earlier = _earlier(times, since)
    happened = changes(known(read, earlier), now) if earlier else ()
    if json:
        answer = epochs_json(now, happened, assumptions)
        json.write_text(json_text.dumps(answer, ensure_ascii=False, indent=1) + "\n", "utf-8")
    if not quiet:
        for part in epochs_text(now, happened, assumptions, language or load_settings().language):
            Console().print(part)


def scan_times(
    documents: Sequence[Path], given: Sequence[str], said: Sequence[datetime | None]
) -> tuple[list[datetime], list[Phrase]]:
    """When each scan was taken, at noon UTC of its day, and what was assumed for it.

    Days are as given, else as the documents say, else as in their names. Raises BadInput where nothing says.
    """
    if given and len(given) != len(documents):
        raise BadInput(f"{len(given)} dates for {len(documents)} documents", "one each", "give --date for each")
    if given:
        return [_noon(day) for day in given], []
    times = [_noon(at.date().isoformat() if at else _named(path)) for path, at in zip(documents, said, strict=True)]
    return times, [FROM_NAMES] if None in said else []


def _named(document: Path) -> str:
    day = re.search(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)", document.name)
    if day is None:
        raise BadInput(f"{document} does not say when it was scanned", "a date", "give --date YYYY-MM-DD for each")
    return day[0]


def _noon(day: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(day), time(12), UTC)
    except ValueError as error:
        raise BadInput(f"{day!r} is no date", "YYYY-MM-DD", "correct it") from error


def _earlier(times: Sequence[datetime], since: str | None) -> datetime | None:
    """The scan after which changes are told; None where there is none."""
    last = _noon(since) if since else max((at for at in times if at < max(times)), default=None)
    return last if last and any(at <= last for at in times) else None


# --- The answer -------------------------------------------------------------------------------------------------------


def epochs_json(now: "Known", happened: Sequence["Change"], assumptions: Sequence[Phrase]) -> dict[str, Any]:
    """The state, changes and contradictions as JSON values."""
    from bim.epochs import STATES

    times = ("proved_at", "looked_at", "started_after", "started_by", "finished_after", "finished_by")
    return {
        "at": now.at.isoformat(),
        "elements": [
            {
                "global_id": global_id,
                "state": STATES[now.state[row]].value,
                "completion_low": round(float(now.completion[row, 0]), 6),
                "completion_high": round(float(now.completion[row, 1]), 6),
                "confidence": round(float(now.confidence[row]), 6),
                **{name: _iso(getattr(now, name)[row]) for name in times},
            }
            for row, global_id in enumerate(now.global_ids)
        ],
        "changes": [_plain(asdict(change)) for change in happened],
        "contradictions": [_plain(asdict(each)) for each in now.contradictions],
        "assumptions": [sentence.en for sentence in assumptions],
    }


def _iso(at: "np.datetime64") -> str | None:
    text = str(at.astype("datetime64[s]"))
    return None if text == "NaT" else f"{text}+00:00"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return round(value, 6)
    return value.isoformat() if isinstance(value, datetime) else value


def epochs_text(
    now: "Known", happened: Sequence["Change"], assumptions: Sequence[Phrase], language: Language
) -> "Iterator[Text | Table]":
    """What a person wants to know at once."""
    from rich.text import Text

    from bim.epochs import STATES

    counts = [int((now.state == code).sum()) for code in range(len(STATES))]
    yield Text(
        "  ".join(f"{LOOKS[s].symbol} {LOOKS[s].word.to(language)} {n}" for s, n in zip(STATES, counts, strict=True))
    )
    if happened:
        yield _changes(happened, language)
    if now.contradictions:
        yield _contradictions(now, language)
    yield from (Text(f"  · {sentence.to(language)}") for sentence in assumptions)


def _changes(happened: Sequence["Change"], language: Language) -> "Table":
    from scan_to_bim.report.summary import sure

    words = (
        Phrase("Element", "构件"),
        Phrase("What happened", "变化"),
        Phrase("After", "晚于"),
        Phrase("By", "不晚于"),
        Phrase("Sure", "可信度"),
    )
    rows = [
        (each.global_id, WORDS[each.happened].to(language), _day(each.after), _day(each.by), sure(each.confidence))
        for each in happened
    ]
    title = Phrase("Changes ({n})", "变化（{n}）").format(n=len(rows))
    return _table(title.to(language), [word.to(language) for word in words], rows)


def _contradictions(now: "Known", language: Language) -> "Table":
    words = (Phrase("Element", "构件"), Phrase("Seen", "曾见"), Phrase("Later", "后来"), Phrase("Open", "待确认"))
    rows = [
        (
            each.global_id,
            f"{LOOKS[each.before.state].word.to(language)} {_day(each.before.at)}",
            f"{LOOKS[each.after.state].word.to(language)} {_day(each.after.at)}",
            Phrase("look again", "请复查").to(language) if each.is_open else "",
        )
        for each in sorted(now.contradictions, key=lambda each: not each.is_open)
    ]
    title = Phrase("Contradictions ({n})", "矛盾（{n}）").format(n=len(rows))
    return _table(title.to(language), [word.to(language) for word in words], rows)


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    grid = Table(title=title, title_justify="left", header_style="bold")
    for head in heads:
        grid.add_column(head, overflow="fold", no_wrap=head == heads[0])
    for row in rows[:MOST_ROWS]:
        grid.add_row(*(Text(printable(cell)) for cell in row))
    if len(rows) > MOST_ROWS:
        grid.add_row(Text(f"… +{len(rows) - MOST_ROWS}", style="dim"))
    return grid


def _day(at: datetime | None) -> str:
    return "–" if at is None else at.date().isoformat()
