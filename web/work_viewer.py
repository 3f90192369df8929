"""What a worker makes for the viewer: storey packs of models, COPC of scans. Kept, then told of."""

import gzip
from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from bim.ifc import read_building
from scan_to_bim.copc import write_copc
from web.database import reading
from web.jobs import LostLease, finishing
from web.packs import COPC, MANIFEST, pack
from web.tables import Model, ModelVersion, Scan, Viewable
from web.work import Work


def make_pack(work: Work) -> None:
    """The storey pack of the site's current models, which make one building."""
    site_id = work.job.site_id
    with reading(work.engine) as session:
        current = select(Model.current).where(Model.site_id == site_id)
        where = (ModelVersion.site_id == site_id, col(ModelVersion.id).in_(current))
        versions = session.exec(select(ModelVersion).where(*where).order_by(col(ModelVersion.id))).all()
    made = _pack(work, versions)
    with finishing(work.engine, work.job) as (session, job):
        _keep(session, site_id, job.id, [version.id for version in versions], made)
        job.result = {"pack_id": job.id}


def make_copc(work: Work) -> None:
    """A scan as the viewer streams it."""
    key = (work.job.site_id, work.job.payload["scan_id"])
    with reading(work.engine) as session:
        scan = session.get(Scan, key)
    if scan is None:
        raise LostLease(work.job.id)
    made = _copc(work, scan)
    with finishing(work.engine, work.job) as (session, _):
        _keep(session, *key, [scan.id], made)


@dataclass(frozen=True)
class Made:
    """Files that are kept, by name, and the bytes that fetching them all costs."""

    files: dict[str, str]
    size: int


def _pack(work: Work, versions: Sequence[ModelVersion]) -> Made:
    """Kept compressed. Raises BadModel."""
    paths = [work.files.named(v.sha256, v.filename, work.folder / v.id) for v in versions]
    kept, size = {}, 0
    for part in pack(read_building(paths, work.cache, work.limits)):
        # Without a time in it the same content gives the same bytes, and is kept once.
        packed = gzip.compress(part.content, mtime=0)
        kept[part.file] = work.files.keep_bytes(packed)
        size += len(packed)
    return Made(kept, size)


def _copc(work: Work, scan: Scan) -> Made:
    """The job's folder takes spools of 14 bytes a point. Raises BadScan."""
    source, target = work.files.named(scan.sha256, scan.filename, work.folder / "source"), work.folder / COPC
    write_copc(source, target, scan.unit_m, work.limits)
    size = target.stat().st_size
    return Made({COPC: work.files.keep(target)}, size)


def _keep(session: Session, site_id: str, ref: str, made_of: Sequence[str], made: Made) -> None:
    """Note what was made; the same once more replaces it."""
    session.merge(
        Viewable(
            site_id=site_id,
            id=ref,
            made_of=sorted(made_of),
            is_pack=MANIFEST in made.files,
            files=made.files,
            size=made.size,
        )
    )
