"""Which addresses are asked, how passwords are kept, and streams that come back after anything."""

import contextlib
import functools
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import get_context
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import cv2
import numpy as np
import pytest

from bim.errors import BadInput
from site_safety.camera_onvif import MEDIA, SCHEMA, stream_of
from site_safety.cameras import SITE_NETWORKS, Camera, Source, Trouble, checked_address, read_cameras, source_of
from site_safety.streams import _COUNTS, _HALF, Stream, _Board
from site_safety.streams_sources import LARGEST_JPEG

SYSTEM_PYTHON = "/usr/bin/python3"
LOOPBACK = ("127.0.0.0/8", "::1/128")
PATIENCE_S = 20.0
SECRET = "op3n-sesame"


# --- Addresses and passwords ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("ftp://192.168.1.4/a", "ftp://"),
        ("file:///etc/passwd", "file://"),
        ("gopher://192.168.1.4/", "gopher://"),
        ("rtsp://user:pw@192.168.1.4/a", "password_file"),
        ("rtsp://127.0.0.1/a", r"is 127\.0\.0\.1"),
        ("rtsp://localhost/a", "host localhost is"),
        ("http://169.254.169.254/latest", "allowed_networks"),
        ("http://[::ffff:169.254.169.254]/", "allowed_networks"),
        ("rtsp://8.8.8.8/a", "allowed_networks"),
        ("rtsp://[fe80::1]/a", "allowed_networks"),
        ("rtsp://0.0.0.0/a", "allowed_networks"),
        ("rtsp://2130706433/a", r"is 127\.0\.0\.1"),
        ("rtsp://192.168.1.4:99999/a", "port"),
        ("rtsp:///a", "host|allowed_networks"),
    ],
)
def test_only_cameras_of_the_sites_networks_are_asked(address: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        checked_address(address, SITE_NETWORKS)


def test_an_allowed_host_is_kept_as_the_number_that_was_checked() -> None:
    assert checked_address("rtsp://192.168.1.4/ch/2?x=1", SITE_NETWORKS) == "rtsp://192.168.1.4:554/ch/2?x=1"
    assert checked_address("rtsp://localhost:9/a", LOOPBACK) in ("rtsp://127.0.0.1:9/a", "rtsp://[::1]:9/a")


def settings(folder: Path, text: str) -> Path:
    path = folder / "cameras.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("camera = 3", "camera"),
        ("[[camera]]\ncamera_id = 'a'\nname = 'A'\naddress = 'a.mp4'\npassword = 'x'", "unknown .*password"),
        ("[[camera]]\ncamera_id = 'a'\nname = 'A'\naddress = 'a.mp4'\nfps = 90.0", "90 frames"),
        ("[[camera]]\ncamera_id = 'a'\nname = 'A'\naddress = 'a.mp4'\n" * 2, "two cameras a"),
        ("[[", "no TOML"),
    ],
)
def test_a_file_of_cameras_that_is_wrong_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        read_cameras(settings(tmp_path, text))


def test_a_password_comes_from_a_file_that_its_owner_alone_reads_and_shows_nowhere(tmp_path: Path) -> None:
    secret = tmp_path / "north.secret"
    secret.write_text(f"viewer:{SECRET}@/\n")
    camera = Camera("north", "North", "rtsp://192.168.1.4/a", password_file="north.secret")
    secret.chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        source_of(camera, SITE_NETWORKS, tmp_path)
    secret.chmod(0o600)
    source = source_of(camera, SITE_NETWORKS, tmp_path)
    assert source.checked().full == f"rtsp://viewer:{SECRET}%40%2F@192.168.1.4:554/a"
    assert SECRET not in f"{source!r}{source.address}{camera!r}"


def test_a_host_that_nobody_knows_now_is_a_camera_that_is_not_reached_and_one_elsewhere_is_refused(
    tmp_path: Path,
) -> None:
    unknown = Camera("north", "North", "rtsp://north.invalid/a")
    with Stream(source_of(unknown, SITE_NETWORKS, tmp_path), 5.0) as stream:
        assert trouble_of(stream) is Trouble.UNOPENED
    with pytest.raises(BadInput, match="127"):
        source_of(Camera("north", "North", "rtsp://127.0.0.1/a"), SITE_NETWORKS, tmp_path)
    with Stream(Source("rtsp://127.0.0.1/a", networks=SITE_NETWORKS), 5.0) as stream:
        assert trouble_of(stream) is Trouble.REFUSED


# --- A real RTSP server ---------------------------------------------------------------------------------------------


@functools.cache
def has_gstreamer() -> bool:
    if not Path(SYSTEM_PYTHON).exists():
        return False
    check = "import gi; gi.require_version('GstRtspServer', '1.0')"
    done = subprocess.run([SYSTEM_PYTHON, "-c", check], capture_output=True, check=False)
    return done.returncode == 0


@contextlib.contextmanager
def rtsp_server(*arguments: str) -> Iterator[str]:
    if not has_gstreamer():
        pytest.skip("needs Debian's gir1.2-gst-rtsp-server-1.0, python3-gi and gstreamer1.0-plugins-{base,good}")
    script = Path(__file__).with_name("rtsp_server.py")
    server = subprocess.Popen([SYSTEM_PYTHON, script, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout
        yield f"rtsp://127.0.0.1:{server.stdout.readline().strip()}/ball"
    finally:
        server.kill()
        server.wait()


def trouble_of(stream: Stream) -> Trouble:
    """What a camera that gives no picture says, once it was tried twice."""
    while stream.tries < 2:
        assert stream.wait(0.1) is None
    return stream.trouble


def film(path: Path, frames: int = 30) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10.0, (160, 120))
    for i in range(frames):
        writer.write(np.full((120, 160, 3), 8 * i % 256, dtype=np.uint8))
    writer.release()
    return path


def test_frames_of_an_rtsp_camera_arrive_now() -> None:
    with rtsp_server() as address, Stream(Source(address), 10.0) as stream:
        first = stream.wait(PATIENCE_S)
        second = stream.wait(PATIENCE_S)
        assert first is not None
        assert second is not None
        assert second.picture.shape == (240, 320, 3)
        assert second.number > first.number
        assert (datetime.now(UTC) - second.at).total_seconds() < PATIENCE_S


def test_a_password_opens_a_camera_and_is_on_no_command_line(capfd: pytest.CaptureFixture[str]) -> None:
    with rtsp_server(f"viewer:{SECRET}") as address:
        with Stream(Source(address, "viewer", SECRET), 5.0) as stream:
            assert stream.wait(PATIENCE_S) is not None
            lines = Path(f"/proc/{stream.process_id}/cmdline").read_bytes()
            assert SECRET.encode() not in lines
        with Stream(Source(address, "viewer", "wrong-" + SECRET), 5.0) as stream:
            assert trouble_of(stream) is Trouble.UNOPENED
    assert SECRET not in "".join(capfd.readouterr())


def test_a_stream_whose_process_was_killed_is_started_again() -> None:
    with rtsp_server() as address, Stream(Source(address), 5.0) as stream:
        assert stream.wait(PATIENCE_S) is not None
        assert not stream.keep_alive()
        os.kill(stream.process_id, signal.SIGKILL)
        while stream.wait(0.2) is not None:
            pass
        assert stream.keep_alive()
        assert stream.trouble is Trouble.BROKEN
        assert stream.wait(PATIENCE_S) is not None
        assert stream.trouble is Trouble.NONE


def test_a_frame_is_whole_however_fast_the_next_ones_come() -> None:
    memory = SharedMemory(create=True, size=_COUNTS + 2 * _HALF)

    def write_for_ever() -> None:
        board, number = _Board(SharedMemory(name=memory.name)), 0
        while True:
            number += 1
            board.alive(number)
            board.write(np.full((24, 32 + number % 2, 3), number % 251, np.uint8), float(number))

    writer, board = get_context("fork").Process(target=write_for_ever, daemon=True), _Board(memory)
    writer.start()
    try:
        whole = 0
        while whole < 2_000:
            frame = board.read(board.written) if board.written else None
            if frame:
                assert frame.picture.shape == (24, 32 + frame.number % 2, 3)
                assert set(np.unique(frame.picture)) == {frame.number % 251}
                assert frame.second == frame.number
                whole += 1
    finally:
        writer.kill()
        writer.join()
        board.close()
        memory.unlink()


def test_a_camera_that_goes_away_is_tried_again_and_harms_no_other(tmp_path: Path) -> None:
    with rtsp_server() as stays, Stream(Source(stays), 5.0) as other:
        with rtsp_server() as goes, Stream(Source(goes), 5.0) as stream:
            assert stream.wait(PATIENCE_S) is not None
            tries = stream.tries
        with Stream(Source(goes), 5.0) as stream:
            while stream.tries < 2:
                assert stream.wait(0.1) is None
        assert tries == 1
        assert other.wait(PATIENCE_S) is not None


@pytest.mark.parametrize("content", [b"", b"not a film", bytes(5000), b"\x00\x00\x00\x18ftypmp42" + bytes(90)])
def test_a_file_that_is_no_film_gives_no_frame_and_its_decoder_says_nothing(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(content)
    with Stream(Source(str(path)), 5.0, live=False) as stream:
        assert list(stream.frames()) == []
        assert stream.trouble is Trouble.UNOPENED
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("seed", range(3))
def test_a_film_with_wrong_bytes_gives_what_can_be_decoded_and_no_more(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(film(tmp_path / "film.avi", 60).read_bytes())
    for at in rng.integers(0, len(content), len(content) // 50):
        content[at] = rng.integers(256)
    (tmp_path / "wrong.avi").write_bytes(content)
    with Stream(Source(str(tmp_path / "wrong.avi")), 10.0, live=False) as stream:
        frames = list(stream.frames())
        assert all(frame.picture.shape == (120, 160, 3) for frame in frames)
        assert stream.trouble in (Trouble.ENDED if frames else Trouble.UNREADABLE, Trouble.UNOPENED)


def test_a_camera_without_a_picture_says_so_and_harms_no_other() -> None:
    with rtsp_server() as address, Stream(Source(address), 5.0) as other:
        with Stream(Source(address.replace("/ball", "/sound")), 5.0) as stream:
            assert trouble_of(stream) in (Trouble.UNOPENED, Trouble.UNREADABLE)
        assert other.wait(PATIENCE_S) is not None
        assert other.trouble is Trouble.NONE


def test_a_film_cut_off_in_the_middle_ends_where_it_ends(tmp_path: Path) -> None:
    whole = film(tmp_path / "film.avi", 60)
    (tmp_path / "cut.avi").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with Stream(Source(str(tmp_path / "cut.avi")), 10.0, live=False) as stream:
        assert 0 < len(list(stream.frames())) < 60


def test_a_film_is_read_whole_at_the_frames_a_second_that_are_asked_for(tmp_path: Path) -> None:
    with Stream(Source(str(film(tmp_path / "film.mp4"))), 5.0, live=False) as stream:
        frames = list(stream.frames())
    assert [round(frame.second, 1) for frame in frames] == pytest.approx(np.arange(0.0, 3.0, 0.2), abs=0.01)
    assert [frame.number for frame in frames] == list(range(1, 16))


# --- MJPEG and ONVIF ------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def http_server(answers: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


PAGES = {"/page": b"<html>Sign in</html>", "/flood": b"\xff\xd8" + bytes(LARGEST_JPEG + 2**20)}


class Mjpeg(BaseHTTPRequestHandler):
    """Ten pictures and an end; /elsewhere sends on to another address."""

    def do_GET(self) -> None:
        if self.path in PAGES:
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(PAGES[self.path])
            return
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "/pictures")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=x")
        self.end_headers()
        for i in range(10):
            jpeg = cv2.imencode(".jpg", np.full((90, 160, 3), 20 * i, dtype=np.uint8))[1].tobytes()
            self.wfile.write(b"--x\r\nContent-Type: image/jpeg\r\n\r\n" + jpeg + b"\r\n")

    def log_message(self, *args: object) -> None: ...


def test_mjpeg_over_http_is_a_camera_and_a_redirect_is_not_followed() -> None:
    with http_server(Mjpeg) as host:
        with Stream(Source(f"http://{host}/pictures"), 30.0) as stream:
            frame = stream.wait(PATIENCE_S)
            assert frame is not None
            assert frame.picture.shape == (90, 160, 3)
        with Stream(Source(f"http://{host}/elsewhere"), 30.0) as stream:
            assert trouble_of(stream) is Trouble.REFUSED


@pytest.mark.parametrize(("path", "trouble"), [("/page", Trouble.UNREADABLE), ("/flood", Trouble.REFUSED)])
def test_what_is_no_mjpeg_is_no_camera_and_says_so(path: str, trouble: Trouble) -> None:
    with http_server(Mjpeg) as host, Stream(Source(f"http://{host}{path}"), 30.0) as stream:
        assert trouble_of(stream) is trouble


class Onvif(BaseHTTPRequestHandler):
    """A camera with two profiles that answers with the stream of the profile that is asked for."""

    host = "127.0.0.1"

    def do_POST(self) -> None:
        asked = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "GetProfiles" in asked:
            sizes = "".join(
                f'<m:Profiles token="{name}"><t:VideoEncoderConfiguration><t:Resolution><t:Width>{width}</t:Width>'
                "</t:Resolution></t:VideoEncoderConfiguration></m:Profiles>"
                for name, width in (("main", 1920), ("sub", 704), ("tiny", 320))
            )
            body = f"<m:GetProfilesResponse>{sizes}</m:GetProfilesResponse>"
        else:
            token = asked.partition("<ProfileToken>")[2].partition("<")[0]
            body = f"<m:MediaUri><t:Uri>rtsp://{self.host}:8554/{token}?a=1</t:Uri></m:MediaUri>"
        self.send_response(200 if "PasswordDigest" in asked and SECRET not in asked else 401)
        self.end_headers()
        self.wfile.write(f'<e xmlns:m="{MEDIA}" xmlns:t="{SCHEMA}">{body}</e>'.encode())

    def log_message(self, *args: object) -> None: ...


class Elsewhere(Onvif):
    host = "10.9.9.9"


def test_onvif_tells_the_sub_stream_without_the_password_crossing_the_network() -> None:
    with http_server(Onvif) as host:
        found = stream_of(Source(f"onvif://{host}/onvif/media", "viewer", SECRET))
        assert found == Source("rtsp://127.0.0.1:8554/sub?a=1", "viewer", SECRET)
        with pytest.raises(BadInput, match="401"):
            stream_of(Source(f"onvif://{host}/onvif/media"))


def test_an_onvif_camera_cannot_send_us_to_another_host() -> None:
    with http_server(Elsewhere) as host, pytest.raises(BadInput, match=r"rtsp://10\.9\.9\.9"):
        stream_of(Source(f"onvif://{host}/", "viewer", SECRET))
