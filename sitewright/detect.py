"""`sitewright detect`: people and their protective equipment in pictures."""

import json as json_text
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bim.errors import BadInput

if TYPE_CHECKING:
    from site_safety.detector_pictures import PeopleFinder


def detect(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE_OR_DIR...", help="JPEG, PNG, BMP or WebP pictures.")],
    json: Annotated[Path, typer.Option("--json", metavar="FILE", help="Write the answer as JSON.")],
    model: Annotated[
        Path | None, typer.Option(metavar="FILE.onnx", help="A detector of your own: SSDLite, YOLOX, RF-DETR, D-FINE.")
    ] = None,
    heads: Annotated[
        Path | None, typer.Option(metavar="FILE.npz", help="Equipment heads that `label` trained on your site.")
    ] = None,
    least_score: Annotated[float, typer.Option(min=0.0, max=1.0, help="Leave out people that score less.")] = 0.05,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Find people in pictures and tell who wears a helmet and a vest; what cannot be told is not guessed."""
    from site_safety.detector_pictures import PeopleFinder
    from sitewright.console import shown_steps
    from sitewright.settings import load_settings

    files = list(_pictures(images))
    _check_output(json, files)
    finder = PeopleFinder(model, heads, load_settings().limits)
    with shown_steps(quiet=quiet) as steps:
        found = _found_in(files, finder, least_score, steps)
    json.write_text(json_text.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if not quiet:
        people = sum(len(entry["people"]) for entry in found)
        print(f"{people} people in {len(found)} pictures; {json} says who wears what.")


def _found_in(files: Sequence[Path], finder: "PeopleFinder", least_score: float, steps: Any) -> list[dict[str, Any]]:
    found = []
    for i, path in enumerate(files):
        if i % 50 == 0:
            steps(f"looking at {path.name}", i / len(files))
        found.append({"image": str(path), "people": finder.people_in(path, least_score)})
    return found


_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp"}


def _pictures(named: Iterable[Path]) -> Iterable[Path]:
    """The files named, and those of the folders named, in order of their names."""
    for path in named:
        if path.is_file():
            yield path
        elif path.is_dir():
            inside = sorted(each for each in path.iterdir() if each.suffix.lower() in _SUFFIXES and each.is_file())
            if not inside:
                raise BadInput(f"no picture in {path}", f"files such as {', '.join(sorted(_SUFFIXES))}", "check it")
            yield from inside
        else:
            raise BadInput(f"no file {path}", "a picture or a folder of pictures", "check the path")


def _check_output(json: Path, files: Sequence[Path]) -> None:
    if not json.parent.is_dir() or json.is_dir():
        raise BadInput(f"cannot write {json}", "a file in a folder that exists", "make the folder or correct the path")
    if json.exists() and any(json.samefile(path) for path in files):
        raise BadInput(f"{json} is both read and written", "a new file", "choose another name")
