"""Whether a pack says what was signed: checked offline, in a child process, to the last bit.

Every byte counts twice: as content under a signed hash, and as part of a file that is built again and compared. The
figures are made again from the journal in the pack. What remains to the reader is to know whose key it is.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bim.arrays import Payload
from bim.errors import BadInput
from bim.isolation import GIB, Limits, isolated
from bim.verdict import Reason
from site_safety.evidence import Link, check_checkpoint, read_chain
from site_safety.hazards import Event
from site_safety.records import from_json, to_json
from site_safety.report_pack import Inputs, archive, manifest, report_of
from site_safety.reports import report_json
from site_safety.signing import Key, canonical, from_public, public, read_key, verify, verify_detached

LIMITS = Limits(memory_bytes=4 * GIB, cpu_s=300.0, wall_s=600.0)
MAX_BYTES = 2 * GIB
MAX_FILES = 10_000
NEEDED = ("manifest.jws", "keys.json", "report.json", "report.jws", "inputs.json", "hazards.jsonl", "checkpoints.txt")


@dataclass(frozen=True, slots=True)
class Verified:
    """What a pack that holds says of itself."""

    report_id: str
    site: str
    kid: str
    """Thumbprint of the key that signed (RFC 7638)."""
    trusted: bool
    """Whether the reader gave that key; else they must compare the thumbprint."""
    hazards: int
    evidence: int
    missing_evidence: int
    """Pieces that hazards name and the pack lacks: removed by retention, or held elsewhere."""
    checkpoints: int
    notes: tuple[Reason, ...]


def verify_pack(path: Path, *, version: str, key: Path | None = None, limits: Limits = LIMITS) -> Verified:
    """What a pack says, if nothing in it was changed. Raises BadInput that names what was."""
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{path} is no pack", f"a file of at most {MAX_BYTES} bytes", "check the path")
    known = public(read_key(key)) if key else None
    found = isolated(_verify, str(path), version, known, limits=limits, failure=BadInput, what=f"pack {path.name}")
    return from_json(Verified, found["verified"])


def _verify(path: str, version: str, known: dict[str, Any] | None) -> Payload:
    """In the child."""
    content = Path(path).read_bytes()
    files = _unpacked(content)
    signer = _signer(files, known)
    _check_manifest(files, signer)
    if archive(files) != content:
        raise BadInput(
            "bytes of the pack between its files were changed", "the pack as it was built", "ask for it again"
        )
    verified = _check_report(files, signer, version, known is not None)
    return {"verified": to_json(verified)}


def _unpacked(content: bytes) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as pack:
            entries = pack.infolist()
            if len(entries) > MAX_FILES or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise BadInput("a pack with compressed files, or too many", "files as they are", "ask for it again")
            files = {entry.filename: pack.read(entry) for entry in entries}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError) as error:
        raise BadInput(
            f"a pack that was changed or is none ({error})", "a pack of Sitewright", "ask for it again"
        ) from error
    if missing := [name for name in NEEDED if name not in files]:
        raise BadInput(f"a pack without {missing[0]}", ", ".join(NEEDED), "ask for it again")
    return files


def _signer(files: Mapping[str, bytes], known: dict[str, Any] | None) -> Key:
    keys = _json(files, "keys.json").get("keys")
    if not isinstance(keys, list) or len(keys) != 1 or not isinstance(keys[0], dict):
        raise BadInput("a pack without one key", "the key that signed it", "ask for it again")
    signer = from_public(keys[0])
    if known and known["kid"] != signer.thumbprint():
        raise BadInput(f"a pack signed by {signer.thumbprint()}", f"the key {known['kid']}", "ask who made it")
    return signer


def _check_manifest(files: Mapping[str, bytes], signer: Key) -> None:
    told = json.loads(verify(_text(files, "manifest.jws"), signer))
    found = manifest({name: data for name, data in files.items() if name != "manifest.jws"})
    for name in sorted({*told["files"], *found["files"]}):
        if told["files"].get(name) != found["files"].get(name):
            raise BadInput(f"{name} was changed, added or removed", "what was signed", "ask for the pack again")
    if told != found:
        raise BadInput(f"a pack of the form {told.get('format')}", found["format"], "use the Sitewright that made it")


def _check_report(files: Mapping[str, bytes], signer: Key, version: str, trusted: bool) -> Verified:
    verify_detached(_text(files, "report.jws"), files["report.json"], signer)
    journal = list(read_chain(files["hazards.jsonl"].splitlines(keepends=True)))
    links = {link.seq: link for link in journal}
    checkpoints = _text(files, "checkpoints.txt").splitlines()
    for token in checkpoints:
        check_checkpoint(token, "hazards", links, signer)
    report = _json(files, "report.json")
    notes = _check_figures(files, journal, report, version)
    names = {each["file"] for hazard in report["hazards"] for each in hazard["evidence"]}
    held = _check_evidence(files)
    pages = {name for name in files if name.endswith(".pdf")}
    return Verified(
        report["report_id"], report["site"]["name"], signer.thumbprint(), trusted, len(report["hazards"]), len(held),
        len(names - held), len(checkpoints), (*notes, *(_page(name, files[name]) for name in sorted(pages))),
    )  # fmt: skip


def _check_figures(
    files: Mapping[str, bytes], journal: list[Link], report: dict[str, Any], version: str
) -> tuple[Reason, ...]:
    """The figures, made again from the journal; another version may count otherwise and says so."""
    inputs = from_json(Inputs, _json(files, "inputs.json"), "inputs.json")
    if report["sitewright"] != version:
        made = report["sitewright"]
        return (Reason(f"Made by version {made}: the figures were not made again.",
                       f"由 {made} 版本生成：未重新计算数字。"),)  # fmt: skip
    for link in journal:
        from_json(Event, link.entry)
    if canonical(report_json(report_of(inputs, journal))) != files["report.json"]:
        raise BadInput("figures that the journal does not bear out", "what the journal says", "ask who made them")
    return ()


def _check_evidence(files: Mapping[str, bytes]) -> set[str]:
    names = {name.removeprefix("evidence/") for name in files if name.startswith("evidence/")}
    for name in names:
        if hashlib.sha256(files[f"evidence/{name}"]).hexdigest() != name.partition(".")[0]:
            raise BadInput(f"evidence {name} is another file", "content with the hash in its name", "ask for it again")
    return names


def _page(name: str, content: bytes) -> Reason:
    """Whether the pages carry a signature of their own, and by whom; the pack's signature covers them in any case."""
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature

    signatures = PdfFileReader(io.BytesIO(content)).embedded_signatures
    if not signatures:
        return Reason(f"{name} carries no certificate of its own.", f"{name} 未附证书签名。")
    status = validate_pdf_signature(signatures[0])
    if not (status.intact and status.valid):
        raise BadInput(f"{name} was changed after it was signed", "the pages as signed", "ask for the pack again")
    who = status.signing_cert.subject.human_friendly
    return Reason(f"{name} is signed by {who}; whether to trust it is yours to check.",
                  f"{name} 由 {who} 签名，是否信任该证书请自行核实。")  # fmt: skip


def _json(files: Mapping[str, bytes], name: str) -> dict[str, Any]:
    try:
        found = json.loads(files[name])
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or canonical(found) != files[name]:
        raise BadInput(f"{name} is no canonical JSON", "RFC 8785", "ask for the pack again")
    return found


def _text(files: Mapping[str, bytes], name: str) -> str:
    return files[name].decode("ascii", "replace")
