"""A report: its figures lead to hazards, its pages can be read, its pack holds to the last bit."""

import io
import json
import re
import subprocess
import zipfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from hypothesis import given, settings
from hypothesis import strategies as st

from bim.errors import BadInput
from bim.verdict import Reason
from site_safety.evidence import checkpoint, links_of
from site_safety.hazards import Deed, Event, HazardState, Level, Source, Subject
from site_safety.records import from_json, to_json
from site_safety.register import CameraLog, HazardRegister, camera_signs
from site_safety.report_pack import Content, Inputs, archive, build, manifest
from site_safety.report_pages import pdf
from site_safety.report_words import WORDS
from site_safety.reports import CameraSign, Site, Stop, day_of, summarise, week_of
from site_safety.rules_policy import default_policy
from site_safety.signing import Key, canonical, new_key, read_key, sign, sign_detached
from site_safety.verify import verify_pack
from sitewright.cli import run
from tests.web.test_serve import PASSWORD, running

DAY = date(2026, 5, 4)
NOW = datetime(2026, 5, 4, 8, tzinfo=UTC)
SITE = Site("riverside", "Riverside Office 滨江")
VERSION = "0.1.0"


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def watched(folder: Path) -> HazardRegister:
    """Two hazards of a morning, one rectified, the other a false alarm; one from before; a camera that goes dark."""
    register, log = HazardRegister(folder), CameraLog(folder)
    clip = folder / "clip.mp4"
    clip.write_bytes(b"ten seconds")
    before = Subject(
        "open_edge", Source.SCAN, Level.DANGER, Reason("Open edge", "临边无防护"), "01", place_m=(1.0, 2.0, 3.2)
    )
    register.register(before, at(-1440), "scan")
    helmet = Subject(
        "no_helmet", Source.CAMERA, Level.WARNING, Reason("No helmet", "未戴安全帽"), "00", "gate", camera_id="c1"
    )
    evidence = register.evidence.add(clip, "clip", purpose="hazard", at=at(0), camera_id="c1")
    first = register.register(helmet, at(0), "watch", (evidence,)).hazard_id
    for minutes, deed, by in ((3, Deed.ASSIGN, "officer"), (4, Deed.START, "mason"), (9, Deed.SUBMIT, "mason"),
                              (12, Deed.CLOSE, "officer")):  # fmt: skip
        register.record(Event(first, deed, at(minutes), by, "note", to="mason"))
    false = Subject("no_vest", Source.CAMERA, Level.NOTICE, Reason("No vest", "未穿反光衣"), "00", camera_id="c2")
    second = register.register(false, at(5), "watch").hazard_id
    register.record(Event(second, Deed.REVIEW, at(6), "officer", review="false"))
    for minute in range(60):
        log.tell(CameraSign("c1", "live" if minute < 45 else "dark", at(minute)))
    return register


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("watch")
    watched(data)
    return data


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "key.pem"
    new_key(file)
    return file


STOP = Stop(
    "s1", "zone", "cell", Reason("Person", "有人"), "watch", at(20), "officer", at(30), {"r1": at(20.01), "r2": None}
)


def events(folder: Path) -> list[Event]:
    return [from_json(Event, link.entry) for link in links_of(folder / "hazards.jsonl")]


def test_every_figure_leads_to_the_hazards_that_it_counts(folder: Path) -> None:
    signs = [CameraSign("c1", "live", at(m)) for m in range(45)] + [
        CameraSign("c1", "dark", at(m)) for m in range(45, 60)
    ]
    found = summarise(events(folder), day_of(DAY), SITE, version=VERSION, signs=signs, stops=[STOP])
    known = {hazard.hazard_id: hazard for hazard in found.hazards}
    assert (found.opened.count, found.closed.count, found.open.count) == (2, 2, 1)
    assert (found.overdue.count, found.false_alarms.count) == (1, 1)
    for rows in (found.by_rule, found.by_zone, found.by_level, found.by_state, found.by_source):
        assert sum(row.opened.count for row in rows) == found.opened.count
        assert {each for row in rows for each in (*row.opened.hazards, *row.open.hazards)} <= set(known)
    assert [(each.level, each.count, each.median_s) for each in found.to_acknowledge] == [
        (None, 2, 120.0), (Level.NOTICE, 1, 60.0), (Level.WARNING, 1, 180.0),
    ]  # fmt: skip
    assert found.to_close[0].longest_s == 720.0
    camera = found.cameras[0]
    assert (camera.live_s, camera.blind_s) == (45 * 60, 14 * 60 + 180)
    assert camera.live_s + camera.blind_s + camera.unknown_s == 24 * 3600
    assert found.stops[0].confirmed_s is None


def test_the_cameras_of_a_day_are_those_that_the_watcher_told_of_then(folder: Path) -> None:
    signs = camera_signs(folder, day_of(DAY))
    assert {sign.state for sign in signs} == {"live", "dark"}
    assert len(signs) == 60
    assert camera_signs(folder, day_of(DAY + timedelta(days=1))) == ()
    found = summarise(events(folder), day_of(DAY), SITE, version=VERSION, signs=signs)
    assert (found.cameras[0].live_s, found.cameras[0].blind_s) == (45 * 60, 14 * 60 + 180)


def test_a_report_shows_hazards_as_they_stood_at_its_end(folder: Path) -> None:
    yesterday = summarise(events(folder), day_of(DAY - timedelta(days=1)), SITE, version=VERSION)
    assert [hazard.state for hazard in yesterday.hazards] == [HazardState.REGISTERED]
    week = summarise(events(folder), week_of(DAY), SITE, version=VERSION)
    assert len(week.hazards) == 3
    assert week.report_id == "riverside-safety-weekly-2026-05-04"


def test_a_day_on_site_ends_at_its_own_midnight() -> None:
    shanghai = day_of(DAY, "Asia/Shanghai")
    assert (shanghai.start, shanghai.end) == (
        datetime(2026, 5, 3, 16, tzinfo=UTC),
        datetime(2026, 5, 4, 16, tzinfo=UTC),
    )
    assert week_of(date(2026, 5, 10)).start.date() == DAY
    with pytest.raises(BadInput, match="time zone Mars"):
        day_of(DAY, "Mars")


def test_what_nobody_reported_of_cameras_is_unknown_and_said(folder: Path) -> None:
    found = summarise(events(folder), day_of(DAY), SITE, version=VERSION)
    assert found.cameras == ()
    assert any("Nothing is known of the cameras" in note.en for note in found.assumptions)


def test_every_rule_that_comes_along_has_words_for_the_pages() -> None:
    assert not [rule.id for rule in default_policy().rule if rule.id not in WORDS]
    for said in WORDS.values():
        assert re.search(r"[\u4e00-\u9fff]", said.zh)


def text_of(content: bytes, tmp_path: Path) -> str:
    file = tmp_path / "page.pdf"
    file.write_bytes(content)
    return subprocess.run(["pdftotext", "-layout", file, "-"], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("en", ["Site safety report", "no helmet", "Riverside Office 滨江"]),
        ("zh", ["现场安全日报", "未戴安全帽", "摄像头覆盖"]),
    ],
)
def test_the_pages_say_it_in_both_languages_and_are_the_same_again(
    folder: Path, tmp_path: Path, language: str, said: list[str]
) -> None:
    found = summarise(events(folder), day_of(DAY), SITE, version=VERSION, stops=[STOP])
    content = pdf(found, language)  # type: ignore[arg-type]
    assert content == pdf(found, language)  # type: ignore[arg-type]
    page = text_of(content, tmp_path)
    assert not [words for words in said if words not in page]


def test_what_a_hazard_says_is_never_read_as_markup(tmp_path: Path) -> None:
    evil = '#read("/etc/passwd") $x$ *bold* #panic()'
    subject = Subject("x", Source.PERSON, Level.NOTICE, Reason(evil, evil), evil)
    event = Event("h", Deed.REGISTER, at(0), "someone", subject=subject)
    found = summarise([event], day_of(DAY), Site(evil, evil), version=VERSION)
    assert evil in text_of(pdf(found, "en"), tmp_path)


# --- Packs ------------------------------------------------------------------------------------------------------------


def made(folder: Path, key: Key, **pages: bytes) -> bytes:
    journal = links_of(folder / "hazards.jsonl")
    evidence = {file.name: file.read_bytes() for file in (folder / "evidence").glob("*.mp4")}
    token = checkpoint("hazards", journal[2], at(60), key)
    inputs = Inputs(day_of(DAY), SITE, VERSION, stops=(STOP,))
    return build(Content(inputs, tuple(journal), pages, evidence, (token,)), key)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def pack(folder: Path, key: Path) -> bytes:
    return made(folder, read_key(key))


def verified(content: bytes, folder: Path, **options: object):
    file = folder / "pack.zip"
    file.write_bytes(content)
    return verify_pack(file, version=VERSION, **options)  # type: ignore[arg-type]


def test_a_pack_holds_and_says_whose_it_is(pack: bytes, tmp_path: Path, key: Path) -> None:
    found = verified(pack, tmp_path, key=key)
    assert (found.trusted, found.hazards, found.evidence, found.missing_evidence, found.checkpoints) == (
        True,
        3,
        1,
        0,
        1,
    )
    assert not verified(pack, tmp_path).trusted


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found(
    pack: bytes, tmp_path_factory: pytest.TempPathFactory, place: float, bit: int
) -> None:
    changed = bytearray(pack)
    changed[int(place * len(pack))] ^= 1 << bit
    with pytest.raises(BadInput):
        verified(bytes(changed), tmp_path_factory.getbasetemp())


def repacked(pack: bytes, **changes: bytes | None) -> bytes:
    with zipfile.ZipFile(io.BytesIO(pack)) as found:
        files = {name: found.read(name) for name in found.namelist()}
    named = {name.replace("__", "/").replace("_", "."): content for name, content in changes.items()}
    return archive({name: content for name, content in {**files, **named}.items() if content is not None})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"report_json": b"{}"}, "report.json was changed"),
        ({"evidence__extra_mp4": b"x"}, "evidence/extra.mp4 was changed, added or removed"),
        ({"checkpoints_txt": b""}, "checkpoints.txt was changed"),
        ({"keys_json": None}, "a pack without keys.json"),
        ({"manifest_jws": b"a.b.c"}, "signature that does not hold"),
    ],
)
def test_files_that_were_exchanged_are_named(
    pack: bytes, tmp_path: Path, change: dict[str, bytes | None], message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        verified(repacked(pack, **change), tmp_path)


def test_who_signs_another_story_with_another_key_is_found_by_the_key(folder: Path, tmp_path: Path, key: Path) -> None:
    forged = made(folder, new_key(tmp_path / "other.pem"))
    assert not verified(forged, tmp_path).trusted
    with pytest.raises(BadInput, match=r"a pack signed by .*; the key "):
        verified(forged, tmp_path, key=key)


def test_figures_that_the_journal_does_not_bear_out_are_found_though_they_are_signed(
    pack: bytes, tmp_path: Path, key: Path
) -> None:
    signer = read_key(key)
    with zipfile.ZipFile(io.BytesIO(pack)) as found:
        files = {name: found.read(name) for name in found.namelist() if name != "manifest.jws"}
    report = canonical(json.loads(files["report.json"]) | {"closed": {"count": 99, "hazards": []}})
    files |= {"report.json": report, "report.jws": sign_detached(report, signer).encode()}
    files["manifest.jws"] = sign(canonical(manifest(files)), signer).encode()
    with pytest.raises(BadInput, match="figures that the journal does not bear out"):
        verified(archive(files), tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK", b"no zip at all" * 99, b"PK\x05\x06" + bytes(18)])
def test_what_is_no_pack_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(BadInput, match="pack"):
        verified(content, tmp_path)


# --- Commands ---------------------------------------------------------------------------------------------------------


def certificate(folder: Path) -> tuple[Path, Path]:
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Riverside Safety Office")])
    builder = x509.CertificateBuilder(
        name, name, secret.public_key(), 1, NOW - timedelta(days=9), NOW + timedelta(days=9999)
    )
    own = builder.sign(secret, hashes.SHA256())
    file, passphrase = folder / "cert.p12", folder / "passphrase"
    file.write_bytes(pkcs12.serialize_key_and_certificates(b"x", secret, own, None, BestAvailableEncryption(b"secret")))
    passphrase.write_text("secret\n")
    return file, passphrase


def test_a_signed_week_goes_from_the_folder_to_a_regulator(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, passphrase = certificate(tmp_path)
    key, pack, stops = tmp_path / "key.pem", tmp_path / "week.zip", tmp_path / "stops.json"
    stops.write_text(json.dumps([to_json(STOP)]))
    assert run(["report", "key", str(key)]) == 0
    arguments = ["--data", folder, "--site", "riverside", "--week", DAY, "--pack", pack, "--key", key, "--stops", stops,
                 "--certificate", own, "--passphrase-file", passphrase, "--timezone", "Asia/Shanghai"]  # fmt: skip
    assert run(["report", "safety", *map(str, arguments)]) == 0
    capsys.readouterr()
    assert (
        run(["verify", str(pack), "--key", str(key.with_suffix(".jwk")), "--json", str(tmp_path / "answer.json")]) == 0
    )
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert answer["trusted"]
    assert "d" not in json.loads(key.with_suffix(".jwk").read_text())
    assert "report.en.pdf is signed by Common Name: Riverside Safety Office" in json.dumps(answer["notes"])
    pack.write_bytes(pack.read_bytes().replace(b"no_helmet", b"no_helmut", 1))
    assert run(["verify", str(pack)]) == 2
    assert "was changed" in capsys.readouterr().err


def test_a_pack_is_filed_at_a_server_and_pulled_by_a_regulator(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    key, pack = tmp_path / "key.pem", tmp_path / "week.zip"
    run(["report", "key", str(key)])
    with running(tmp_path) as server:
        server.sign_in("/setup", secret=server.first_link(), name="Li", email="li@example.org", password=PASSWORD)
        site = server.client.post("/sites", json={"name": "Riverside"}).json()["site_id"]

        def token(*scopes: str) -> str:
            wanted = {"name": "t", "scopes": list(scopes), "site_id": site}
            return str(server.client.post("/tokens", json=wanted).json()["token"])

        arguments = ["--data", folder, "--site", site, "--week", DAY, "--pack", pack, "--key", key, "--quiet"]
        file = ["report", "safety", *map(str, arguments), "--server", server.address]
        monkeypatch.setenv("SITEWRIGHT_TOKEN", token("read"))
        assert run(file) == 2
        assert "refused the report" in capsys.readouterr().err
        monkeypatch.setenv("SITEWRIGHT_TOKEN", token("read", "ingest"))
        assert run(file) == 0
        regulator = httpx.Client(headers={"Authorization": f"Bearer {token('read')}"})
        reports = f"{server.address}/api/v1/sites/{site}/reports"
        (filed,) = regulator.get(reports).json()["items"]
        assert filed["title"]["en"] == "Site safety, week of 2026-05-04"
        (tmp_path / "pulled.zip").write_bytes(regulator.get(f"{reports}/{filed['report_id']}/file").content)
    assert run(["verify", str(tmp_path / "pulled.zip"), "--key", str(key.with_suffix(".jwk"))]) == 0
    assert run(file) == 2
    assert "no answer of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--day and --week; one of the two"),
        (["--day", "2026-05-04", "--week", "2026-05-04"], "--day and --week"),
        (["--day", "yesterday"], "the date yesterday"),
        (["--day", "2026-05-04", "--pack", "x.zip"], "--pack without --key"),
    ],
)
def test_mistakes_are_told_in_one_line(
    folder: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["report", "safety", "--data", str(folder), "--site", "s", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_an_ec_key_signs_as_well(folder: Path, tmp_path: Path) -> None:
    from joserfc.jwk import ECKey

    file = tmp_path / "ec.pem"
    file.write_bytes(ECKey.generate_key("P-256").as_pem(private=True))
    assert verified(made(folder, read_key(file)), tmp_path, key=file).trusted
