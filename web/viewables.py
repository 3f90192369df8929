"""What a worker makes for the viewer: storey packs of models, COPC of scans. Kept, then told of."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from bim.ifc import read_building
from scan_to_bim.copc import write_copc
from web.files import Files
from web.packs import pack
from web.tables import ModelVersion, Scan, Viewable

COPC = "scan.copc.laz"


@dataclass(frozen=True)
class Made:
    """Files that are kept, by name, and the bytes that fetching them all costs."""

    files: dict[str, str]
    size: int


def made_pack(files: Files, versions: Sequence[ModelVersion], folder: Path) -> Made:
    """The storey pack of models that make one building, kept compressed. Raises BadModel."""
    paths = [files.named(v.sha256, v.filename, folder / v.id) for v in versions]
    kept, size = {}, 0
    for part in pack(read_building(paths)):
        # Without a time in it the same content gives the same bytes, and is kept once.
        packed = gzip.compress(part.content, mtime=0)
        kept[part.file] = files.keep_bytes(packed)
        size += len(packed)
    return Made(kept, size)


def made_copc(files: Files, scan: Scan, folder: Path) -> Made:
    """A scan as COPC. `folder` takes spools of 14 bytes a point. Raises BadScan."""
    source, target = files.named(scan.sha256, scan.filename, folder / "source"), folder / COPC
    write_copc(source, target, scan.unit_m)
    size = target.stat().st_size
    return Made({COPC: files.keep(target)}, size)


def keep_viewable(session: Session, site_id: str, ref: str, made_of: Sequence[str], made: Made) -> None:
    """Note what was made; the same once more replaces it."""
    session.merge(
        Viewable(
            site_id=site_id,
            id=ref,
            made_of=sorted(made_of),
            is_pack="manifest.json" in made.files,
            files=made.files,
            size=made.size,
        )
    )
