"""What the viewer fetches: storey packs, verdicts as columns, scans as COPC by byte ranges."""

import gzip
from collections.abc import Iterator
from math import hypot
from typing import Annotated

from fastapi import Path, Query, Request, Response
from sqlalchemy import ColumnElement, and_
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from bim.verdict import Reason
from web.access import Access, Reads
from web.downloads import file_response
from web.identifiers import ID_PATTERN
from web.packs import COPC, MANIFEST, MEDIA, Judgement, verdict_table
from web.problems import not_found
from web.routes.routers import Ref, site_routes
from web.schemas.building import PackOut
from web.store import found
from web.tables import Current, ElementVerdict, Viewable

router = site_routes("packs")
PackRef = Annotated[str, Path(pattern=ID_PATTERN, description="A pack, or `current` for the newest.")]
PackFile = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,60}\.(glb|json)$")]
MUTABLE = "private, no-cache"
IMMUTABLE = "private, max-age=31536000, immutable"


@router.get("/packs")
def list_packs(access: Reads) -> list[PackOut]:
    """Storey packs of the site, the newest first; a tablet fetches one before it goes where there is no network."""
    return [
        PackOut(pack_id=p.id, version_ids=p.made_of, made_at=p.updated_at, size=p.size, files=sorted(p.files))
        for p in access.session.exec(_packs(access)).all()
    ]


@router.get("/packs/{pack_id}/verdicts.json", response_class=Response)
def get_verdict_table(
    request: Request, access: Reads, pack_id: PackRef, comparison_id: Annotated[str | None, Query()] = None
) -> Response:
    """Verdicts as columns: of one comparison, or of all together."""
    _pack(access, pack_id)
    part = verdict_table(_judgements(access.session, access.site_id, comparison_id))
    return _answer(request, gzip.compress(part.content, mtime=0), part.sha256, part.file, MUTABLE)


@router.get("/packs/{pack_id}/{file}", response_class=Response)
def get_pack_file(request: Request, access: Reads, pack_id: PackRef, file: PackFile) -> Response:
    """A file of a pack. `manifest.json` names the others, whose names change with their content."""
    sha256 = _pack(access, pack_id).files.get(file)
    if sha256 is None:
        raise not_found(f"the file {file}")
    packed = access.server.files.read(sha256)
    return _answer(request, packed, sha256, file, MUTABLE if file == MANIFEST else IMMUTABLE)


@router.get("/scans/{scan_id}/copc", response_class=Response)
def get_copc(request: Request, access: Reads, scan_id: Ref) -> Response:
    """A scan as COPC; a viewer asks for ranges of it."""
    made = found(access, Viewable, scan_id)
    if COPC not in made.files:
        raise not_found(f"scan {scan_id}")
    return file_response(request, access.server.files, made.files[COPC], COPC, "application/vnd.laszip+copc")


def _judgements(session: Session, site_id: str, comparison_id: str | None) -> Iterator[Judgement]:
    """All that is known, or what one comparison says. Deviations and reasons are those of the proving comparison."""
    query = select(ElementVerdict, Current).outerjoin(Current, _proves(ElementVerdict, Current))
    query = query.where(ElementVerdict.site_id == site_id)
    one = ElementVerdict.comparison_id == comparison_id
    for verdict, current in session.exec(query.where(one if comparison_id else col(Current.global_id).is_not(None))):
        said = verdict if comparison_id else current
        deviation = verdict.deviation or {}
        yield Judgement(
            verdict.global_id,
            said.state,
            verdict.completion,
            said.confidence,
            hypot(*deviation["translation_m"]) if deviation else None,
            deviation.get("within_tolerance"),
            Reason(verdict.reason["en"], verdict.reason["zh"]),
        )


def _proves(verdict: type[ElementVerdict], current: type[Current]) -> ColumnElement[bool]:
    return and_(
        col(current.site_id) == verdict.site_id,
        col(current.global_id) == verdict.global_id,
        col(current.comparison_id) == verdict.comparison_id,
    )


def _packs(access: Access) -> SelectOfScalar[Viewable]:
    query = select(Viewable).where(Viewable.site_id == access.site_id, col(Viewable.is_pack).is_(True))
    return query.order_by(col(Viewable.updated_at).desc(), col(Viewable.id).desc())


def _pack(access: Access, pack_id: str) -> Viewable:
    if pack_id != "current":
        return found(access, Viewable, pack_id)
    newest = access.session.exec(_packs(access).limit(1)).first()
    if newest is None:
        raise not_found("a storey pack of this site")
    return newest


def _answer(request: Request, packed: bytes, sha256: str, file: str, caching: str) -> Response:
    """Compressed for who takes it; with what a cache needs to know."""
    headers = {"ETag": f'"{sha256}"', "Cache-Control": caching, "Vary": "Accept-Encoding"}
    if request.headers.get("if-none-match", "").removeprefix("W/") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    media = MEDIA[file[file.rindex(".") :]]
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(gzip.decompress(packed), headers=headers, media_type=media)
    return Response(packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=media)
