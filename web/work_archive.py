"""Everything of a site out into one open archive, and in again into an empty server, equal.

    sitewright-site.json        what it is: format, version, the site
    tables/NAME.jsonl           a row a line, JSON with the columns of `tables.py`
    files/SHA256                every file as it was given or made

Credentials (passwords, sessions, tokens, webhooks' keys) never leave; people come along by name and e-mail address.
"""

import hashlib
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python
from sqlalchemy import insert
from sqlmodel import Session, col, select

from bim.errors import BadInput
from web import tables
from web.database import reading
from web.files import Files
from web.jobs import finishing
from web.work import Work

FORMAT, SCHEMA = "sitewright-site", 1
MANIFEST = f"{FORMAT}.json"
TABLES: tuple[type[tables.Row], ...] = (
    tables.Membership, tables.Audit, tables.Model, tables.ModelVersion, tables.ModelElement, tables.Scan,
    tables.Comparison, tables.ElementVerdict, tables.Current, tables.Schedule, tables.ProgressRecord, tables.Issue,
    tables.Photo, tables.Zone, tables.Camera, tables.Calibration, tables.Hazard, tables.Robot, tables.RobotTask,
    tables.Stop, tables.Diary, tables.Report, tables.Mention, tables.Job,
)  # fmt: skip
"""In the order in which they come in. Left out: what is on its way (uploads, events) and credentials."""
BLOCK, MAX_ROWS = 1000, 50_000_000
MAX_LINE = 64 * 1024**2


def export(work: Work) -> None:
    """Write the archive of a site."""
    path = work.folder / "site.zip"
    with reading(work.engine) as session, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        write_site(session, work.files, work.job.site_id, archive)
    sha256 = work.files.keep(path)
    with finishing(work.engine, work.job) as (_, job):
        job.result = {"sha256": sha256}


def bring_in(work: Work) -> None:
    """Bring a site in from an archive. Files first, each checked against its name; then all rows at once."""
    with work.files.open(work.job.payload["sha256"]) as file, opened(file) as archive:
        site = _manifest(archive)["site"]
        _files_in(archive, work.files, work.folder)
        with finishing(work.engine, work.job) as (session, job):
            if session.get(tables.Site, site["id"]):
                raise BadInput(f"site {site['id']} is on this server", "one that is not", "import it on another server")
            read_site(session, archive)
            job.result = {"site_id": site["id"]}


# --- Out --------------------------------------------------------------------------------------------------------------


def write_site(session: Session, files: Files, site_id: str, archive: zipfile.ZipFile) -> None:
    """Write everything of a site into an archive; the same site gives the same rows in the same order."""
    site = session.get(tables.Site, site_id)
    people = session.exec(select(tables.Person).join(tables.Membership).where(tables.Membership.site_id == site_id))
    known = [{key: getattr(person, key) for key in ("id", "name", "email", "language")} for person in people]
    manifest = {"format": FORMAT, "schema": SCHEMA, "site": site, "people": sorted(known, key=lambda p: p["id"])}
    archive.writestr(MANIFEST, _text(manifest))
    hashes: set[str] = set()
    for table in TABLES:
        with archive.open(f"tables/{_name(table)}.jsonl", "w") as file:
            for row in _rows_of(session, table, site_id):
                file.write(_text(row).encode() + b"\n")
                hashes |= set(_hashes(row))
    for sha256 in sorted(hashes):
        if files.has(sha256):
            with archive.open(f"files/{sha256}", "w") as file:
                for block in files.blocks(sha256, 0, files.size(sha256)):
                    file.write(block)


def _rows_of(session: Session, table: type[Any], site_id: str) -> Iterator[dict[str, Any]]:
    keys = [col(getattr(table, column.key)) for column in table.__mapper__.primary_key]
    query = select(table).where(table.site_id == site_id).order_by(*keys)
    if table is tables.Job:  # jobs that somebody still waits for, and this export itself, stay behind
        query = query.where(col(tables.Job.state).in_(("done", "failed", "cancelled")), tables.Job.task == "compare")
    for row in session.exec(query.execution_options(yield_per=BLOCK)):
        yield dict(to_jsonable_python(row.model_dump(include=_columns(table))))


def _hashes(row: dict[str, Any]) -> Iterator[str]:
    """Every SHA-256 that a row names."""
    named = [row.get("sha256"), row.get("stations_sha256"), *(row.get("files") or {}).values()]
    named += [each.get("sha256") for each in (row.get("body") or {}).get("evidence") or () if isinstance(each, dict)]
    return (each for each in named if each)


def _columns(table: type[tables.Row]) -> set[str]:
    """What is written of a table; the audit's entries are numbered by each server for itself."""
    return set(table.model_fields) - ({"id"} if table is tables.Audit else set())


def _name(table: type[tables.Row]) -> str:
    return str(table.__tablename__)


def _text(value: Any) -> str:
    return json.dumps(to_jsonable_python(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


# --- In ---------------------------------------------------------------------------------------------------------------


def opened(file: Any) -> zipfile.ZipFile:
    """An archive from outside. Raises BadInput for what is none."""
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise BadInput(f"no archive ({error})", "the export of a site", "export it again") from error
    known = {MANIFEST, *(f"tables/{_name(table)}.jsonl" for table in TABLES)}
    for entry in archive.infolist():
        folder, _, name = entry.filename.rpartition("/")
        is_file = folder == "files" and len(name) == 64 and PurePosixPath(name).name == name
        if entry.filename not in known and not is_file:
            raise BadInput(f"an entry {entry.filename[:80]!r}", "the export of a site", "export it again")
        if entry.file_size > 1000 * max(entry.compress_size, 1) + MAX_LINE:
            raise BadInput(
                f"{entry.filename} unpacks to {entry.file_size} bytes", "a plausible archive", "export again"
            )
    return archive


def _manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    try:
        with archive.open(MANIFEST) as file:
            manifest = json.loads(file.read(MAX_LINE))
        if manifest["format"] == FORMAT and manifest["schema"] == SCHEMA and manifest["site"]["id"]:
            return dict(manifest)
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise BadInput(f"no manifest ({type(error).__name__})", MANIFEST, "export the site again") from error
    raise BadInput(f"format {manifest['format']} {manifest['schema']}", f"{FORMAT} {SCHEMA}", "use a newer server")


def _files_in(archive: zipfile.ZipFile, files: Files, folder: Path) -> None:
    for entry in archive.infolist():
        sha256 = entry.filename.removeprefix("files/")
        if entry.filename == sha256 or files.has(sha256):
            continue
        path, digest = folder / "incoming", hashlib.sha256()
        with archive.open(entry) as source, path.open("wb") as target:
            while block := source.read(1 << 20):
                digest.update(block)
                target.write(block)
        if digest.hexdigest() != sha256:
            raise BadInput(
                f"file {sha256} has another content", "an archive as it was written", "export the site again"
            )
        files.keep_as(path, sha256)


def read_site(session: Session, archive: zipfile.ZipFile) -> None:
    """Add the rows of an archive. Raises BadInput for rows that fit no table."""
    manifest = _manifest(archive)
    site = _typed(tables.Site, manifest["site"])
    session.execute(insert(tables.Site), [site])
    known = _people(session, manifest["people"])
    for table in TABLES:
        for block in _blocks(archive, table):
            rows = [_typed(table, row) for row in block]
            if any(row.get("site_id") != site["id"] for row in rows):
                raise BadInput("a row of another site", "rows of one site", "export the site again")
            session.execute(insert(table), [row | _person(row, known) for row in rows])


def _people(session: Session, people: list[dict[str, Any]]) -> dict[str, str]:
    """The person of this server for each of the archive: the same e-mail address is the same person."""
    known: dict[str, str] = {}
    for each in people:
        found = session.exec(select(tables.Person).where(tables.Person.email == each["email"])).first()
        if found is None:
            found = tables.Person(**{key: each[key] for key in ("id", "name", "email", "language")})
            session.add(found)
        known[each["id"]] = found.id
    session.flush()
    return known


def _person(row: dict[str, Any], known: dict[str, str]) -> dict[str, Any]:
    return {"person_id": known[row["person_id"]]} if "person_id" in row else {}


def _blocks(archive: zipfile.ZipFile, table: type[tables.Row]) -> Iterator[list[dict[str, Any]]]:
    name = f"tables/{_name(table)}.jsonl"
    if name not in archive.namelist():
        return
    block: list[dict[str, Any]] = []
    with archive.open(name) as file:
        while line := file.readline(MAX_LINE):
            block.append(json.loads(line))
            if len(block) == BLOCK:
                yield block
                block = []
    if block:
        yield block


def _typed(table: type[Any], row: dict[str, Any]) -> dict[str, Any]:
    """A row with times as times. Raises BadInput for what the table does not have."""
    fields = table.model_fields
    try:
        if differing := set(row) ^ _columns(table):
            raise ValueError(f"columns {', '.join(sorted(differing)[:5])}")
        return {name: TypeAdapter(fields[name].annotation).validate_python(value) for name, value in row.items()}
    except (ValueError, TypeError) as error:
        raise BadInput(
            f"a row of {_name(table)}: {str(error)[:200]}", "rows of this version", "export again"
        ) from error
