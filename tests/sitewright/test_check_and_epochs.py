"""The commands `check` and `epochs`, as a person or a script meets them."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer

from bim.errors import BadInput, LimitExceeded
from bim.ifc_authoring import Author
from sitewright.check import check
from sitewright.epochs import epochs


def run(*arguments: str) -> None:
    """As the command line runs it, errors coming through."""
    app = typer.Typer(rich_markup_mode=None)
    app.command()(check)
    app.command()(epochs)
    app(list(arguments), standalone_mode=False)


@pytest.fixture(autouse=True)
def _a_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITEWRIGHT_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def model(folder: Path) -> str:
    """Two walls in one place."""
    made = Author("House")
    ground = made.storey("Ground", 0.0)
    for name in ("Wall", "[red]Wall again"):
        made.wall(ground, name, (0, 0), (6, 0), height_m=2.8, thickness_m=0.3)
    made.write(folder / "house.ifc")
    return str(folder / "house.ifc")


def document(path: Path, date: str | None = None, **states: str) -> str:
    elements = [
        {
            "global_id": global_id,
            "state": state,
            "completion": {"built": 1.0, "absent": 0.0}.get(state),
            "confidence": 0.95,
            "deviation": None,
        }
        for global_id, state in states.items()
    ]
    path.write_text(json.dumps({"date": date, "elements": elements}))
    return str(path)


@pytest.mark.parametrize(("language", "word"), [("en", "warning"), ("zh", "警告")])
def test_check_prints_findings_with_what_to_do(
    language: str, word: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("check", model(tmp_path), "--language", language)
    printed = capsys.readouterr().out
    assert word in printed
    assert "→" in printed


def test_check_writes_json_and_ends_with_an_error_where_the_caller_set_a_limit(tmp_path: Path) -> None:
    answer = tmp_path / "findings.json"
    with pytest.raises(LimitExceeded, match="1 findings"):
        run("check", model(tmp_path), "--json", str(answer), "--fail-on", "warning", "--quiet")
    codes = [finding["code"] for finding in json.loads(answer.read_text())["findings"]]
    assert codes == ["duplicate", "no_georeference"]
    run("check", model(tmp_path), "--fail-on", "error", "--quiet")


def test_the_day_that_a_document_says_comes_before_the_one_in_its_name(tmp_path: Path) -> None:
    answer = told(tmp_path, document(tmp_path / "2026-01-01.json", date="2026-03-06", wall="built"))
    assert answer["at"] == "2026-03-06T12:00:00+00:00"
    assert answer["assumptions"] == []


def told(tmp_path: Path, *arguments: str) -> dict[str, Sequence[dict[str, object]]]:
    answer = tmp_path / "answer.json"
    run("epochs", *arguments, "--json", str(answer), "--quiet")
    result: dict[str, Sequence[dict[str, object]]] = json.loads(answer.read_text())
    return result


def test_epochs_tell_the_state_the_changes_and_the_contradictions(tmp_path: Path) -> None:
    first = document(tmp_path / "a.json", wall="absent", slab="built", beam="built")
    second = document(tmp_path / "b.json", wall="built", slab="unseen", beam="absent")
    answer = told(tmp_path, second, first, "--date", "2026-03-08", "--date", "2026-03-01")
    state = {element["global_id"]: element["state"] for element in answer["elements"]}
    assert state == {"wall": "built", "slab": "built", "beam": "absent"}
    slab = next(element for element in answer["elements"] if element["global_id"] == "slab")
    assert slab["proved_at"] == "2026-03-01T12:00:00+00:00"
    assert {change["global_id"]: change["happened"] for change in answer["changes"]} == {
        "wall": "built",
        "beam": "taken_down",
    }
    assert [each["global_id"] for each in answer["contradictions"]] == ["beam"]


def test_epochs_take_dates_from_names_and_say_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = [tmp_path / "site-2026-03-01.json", tmp_path / "site-2026-03-08.json"]
    run("epochs", *(document(name, wall="built") for name in names), "--language", "en")
    printed = capsys.readouterr().out
    assert "built 1" in printed
    assert "names of the documents" in printed


@pytest.mark.parametrize(
    "arguments",
    [(), ("--date", "2026-03-01", "--date", "2026-03-02"), ("--date", "soon")],
    ids=["none", "two", "words"],
)
def test_epochs_refuse_documents_without_a_date(arguments: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="date"):
        run("epochs", document(tmp_path / "a.json", wall="built"), *arguments)
