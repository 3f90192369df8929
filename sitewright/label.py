"""`sitewright label`: a site's own equipment heads from its people's answers."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput

if TYPE_CHECKING:
    from site_safety.label import Retrained

LARGEST_BYTES = 256 * 1024**2


def label(
    answers: Annotated[Path, typer.Argument(metavar="ANSWERS.json", help="What `detect` wrote, put right by hand.")],
    heads: Annotated[Path, typer.Option(metavar="FILE.npz", help="Where the site's own heads go.")],
    prior: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Heads to begin from; the shipped ones when left out.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Train your site's own helmet and vest heads; the score before and after is printed, and worse is not kept."""
    from site_safety.detector_pictures import read_picture
    from site_safety.equipment import EquipmentJudge
    from site_safety.heads import save_heads
    from site_safety.label import examples_of, read_answers, retrain
    from sitewright.console import print_values
    from sitewright.settings import load_settings

    limits, judge = load_settings().limits, EquipmentJudge(prior)
    found = read_answers(_document(answers))
    examples = examples_of(found, lambda image: read_picture(_picture(answers, image), limits))
    trained = retrain(examples, judge.heads)
    kept = {piece: each.head if each.better else judge.heads[piece] for piece, each in trained.items()}
    save_heads(heads, kept)
    if not quiet:
        print_values({piece: _shown(each) for piece, each in trained.items()})


def _shown(each: "Retrained") -> dict[str, Any]:
    before, after = each.before, each.after
    return {
        "people": before.people,
        "right": f"{before.accuracy:.1%} before, {after.accuracy:.1%} after",
        "right where it tells": f"{before.told_accuracy:.1%} before, {after.told_accuracy:.1%} after",
        "cannot tell": f"{before.cannot_tell:.1%} before, {after.cannot_tell:.1%} after",
        "kept": "the site's own" if each.better else "the one before: the new one is no better",
    }


def _document(path: Path) -> Any:
    if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        raise BadInput(f"no file {path} of at most 256 MB", "the JSON of `sitewright detect`", "check the path")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path.name} is no JSON ({error})", "what `sitewright detect` wrote", "check it") from None


def _picture(answers: Path, image: str) -> Path:
    """Where a picture is: from here, as `detect` was told of it, or beside the answers, if they were moved with it."""
    places = (Path(image), answers.parent / image, answers.parent / Path(image).name)
    found = next((each for each in places if each.is_file()), None)
    if found is None:
        raise BadInput(f"no picture {image}", "the pictures that the answers name", "keep them beside the answers")
    return found
