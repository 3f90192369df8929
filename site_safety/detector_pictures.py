"""Picture files: decoded in a child process with limits, people found and their equipment told; pictures as PNG."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import Limits, isolated
from site_safety.detector import load_detector
from site_safety.detector_models import Picture
from site_safety.equipment import Answer, EquipmentJudge
from site_safety.tracks import Kind

LARGEST_BYTES = 128 * 1024**2
LARGEST_PIXELS = 100_000_000


class PeopleFinder:
    """A detector and the equipment heads, for pictures one by one."""

    def __init__(self, model: Path | None, heads: Path | None, limits: Limits) -> None:
        self._detector = load_detector(model)
        self._judge = EquipmentJudge(heads)
        self._limits = limits

    def people_in(self, path: Path, least_score: float) -> list[dict[str, Any]]:
        """The people of a picture as docs/guide/cameras.md describes them for `detect --json`, best first."""
        picture = read_picture(path, self._limits)
        people = [each for each in self._detector.detect(picture, least_score) if each.kind is Kind.PERSON]
        worn = self._judge.judge(picture, [each.xyxy for each in people])
        return [
            {
                "xyxy": [round(side, 2) for side in person.xyxy],
                "score": round(person.score, 4),
                "helmet": _answer(equipment.helmet),
                "vest": _answer(equipment.vest),
            }
            for person, equipment in zip(people, worn, strict=True)
        ]


def _answer(answer: Answer) -> dict[str, Any]:
    return {"state": answer.state.value, "score": round(answer.score, 4)}


def read_picture(path: Path, limits: Limits) -> Picture:
    """The pixels of a picture file, turned upright as its EXIF says. Raises BadInput for what is none or too large."""
    if (size := path.stat().st_size) > LARGEST_BYTES:
        raise BadInput(f"{path.name} has {size} bytes", f"a picture of at most {LARGEST_BYTES}", "make it smaller")
    picture = isolated(_decoded, path, limits=limits, failure=BadInput, what=f"picture {path.name}")["picture"]
    return np.asarray(picture, dtype=np.uint8)


def as_png(picture: Picture) -> bytes:
    """The picture as a PNG file."""
    return cv2.imencode(".png", picture)[1].tobytes()


def _decoded(path: Path) -> Payload:
    picture = (
        cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR) if path.stat().st_size else None
    )
    if picture is None:
        raise BadInput(f"{path.name} is no picture", "JPEG, PNG, BMP or WebP", "export it again")
    if picture.shape[0] * picture.shape[1] > LARGEST_PIXELS:
        raise BadInput(f"{path.name} has {picture.shape[1]} x {picture.shape[0]} pixels", "fewer", "make it smaller")
    return {"picture": picture}
