"""Where a person says that the scan belongs: a pose file, or point pairs picked in scan and model."""

import csv
import json
from pathlib import Path
from typing import Literal

import numpy as np

from bim.errors import BadInput
from bim.frames import FloatArray, is_rigid
from scan_to_bim.register import from_pairs

PAIRS_HEADER = ["scan_x", "scan_y", "scan_z", "site_x", "site_y", "site_z"]
POSE_EXAMPLE = '{"T_site_scan": [[1,0,0,0],[0,1,0,0],[0,0,1,0],[0,0,0,1]]}'

Pose = Literal["auto", "identity"] | FloatArray


def chosen_pose(pose: str, pairs: Path | None, unit_m: float) -> Pose:
    """What `--pose` and `--pairs` say: "auto", "identity" or T_site_scan (4, 4) in metres. Raises BadInput."""
    if pairs is not None:
        if pose != "auto":
            raise BadInput(f"both --pairs {pairs} and --pose {pose}", "one of them", "leave one out")
        scan_xyz, site_xyz = read_pairs(pairs)
        return from_pairs(unit_m * scan_xyz, site_xyz)
    return "auto" if pose == "auto" else "identity" if pose == "identity" else read_pose(Path(pose))


def read_pose(path: Path) -> FloatArray:
    """T_site_scan (4, 4), scan to site in metres, from a JSON file. Raises BadInput unless it is a rigid transform."""
    try:
        T = np.array(json.loads(_text(path))["T_site_scan"], dtype=np.float64)
    except (ValueError, LookupError, TypeError, RecursionError):
        raise BadInput(f"{path} holds no pose", POSE_EXAMPLE, "correct the file") from None
    if T.shape != (4, 4) or not is_rigid(T, tolerance=1e-4):
        raise BadInput(
            f"T_site_scan in {path} is not a rotation and a translation",
            "a 4x4 matrix, row by row, in metres, without scale, shear or mirroring",
            "correct the file",
        )
    return T


def read_pairs(path: Path) -> tuple[FloatArray, FloatArray]:
    """Picked points (K, 3) in the scan, in its own unit, and (K, 3) in the site frame, in metres. Raises BadInput."""
    header, *rows = [[cell.strip() for cell in row] for row in csv.reader(_text(path).splitlines()) if row] or [[]]
    if header != PAIRS_HEADER:
        raise BadInput(
            f"{path} begins with {','.join(header)[:80]!r}", ",".join(PAIRS_HEADER), "correct its first line"
        )
    try:
        pairs = np.array([[float(cell) for cell in row] for row in rows]).reshape(-1, 6)
    except ValueError:
        raise BadInput(f"{path} has lines without six numbers", "numbers, as in 1.25", "correct the file") from None
    return pairs[:, :3], pairs[:, 3:]


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise BadInput(f"no file {path}", "a file that exists", "check the path") from None
    except (OSError, UnicodeDecodeError):
        raise BadInput(f"{path} cannot be read", "a text file in UTF-8", "check the path") from None
