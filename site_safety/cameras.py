"""The cameras of a site: what is set for each, and which addresses may be asked.

cameras.toml names them. Passwords never stand in it: they lie in a file of their own that only its owner can read, are
put into the address inside the camera's own process, and are shown and logged nowhere.
"""

import ipaddress
import socket
import stat
import tomllib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from bim.errors import BadInput
from site_safety.records import from_json
from site_safety.telemetry import TelemetrySettings

SCHEMES = {"rtsp": 554, "rtsps": 322, "http": 80, "https": 443, "onvif": 80}
SITE_NETWORKS = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")
"""Where cameras may be, unless the file says otherwise: networks that the internet does not reach."""
LARGEST_BYTES = 1_000_000


class Trouble(IntEnum):
    """What hinders a camera, as its own process and the loop found it."""

    NONE = 0
    UNOPENED = 1
    REFUSED = 2
    UNREADABLE = 3
    ENDED = 4
    BROKEN = 5
    UNJUDGED = 6


@dataclass(frozen=True, slots=True)
class Camera:
    """One camera as it is set."""

    camera_id: str
    name: str
    address: str
    """rtsp, rtsps, http (MJPEG), https, onvif, or the path of a video file; 640 to 1280 pixels wide are enough."""
    storey: str | None = None
    """Whose ground it sees; with `calibration`."""
    calibration: str | None = None
    """File of `sitewright calibrate`."""
    password_file: str | None = None
    """`user:password`, readable by its owner alone."""
    guards: tuple[str, ...] = ()
    """Ids of the zones whose robots stop when nobody sees the zone."""
    fps: float = 5.0
    """Frames a second that are looked at."""
    closer: bool = False
    """Look a second time, and larger, at the part of the picture that holds the guarded zones."""


@dataclass(frozen=True, slots=True)
class CameraFile:
    """What cameras.toml holds."""

    camera: tuple[Camera, ...]
    allowed_networks: tuple[str, ...] = SITE_NETWORKS
    telemetry: TelemetrySettings | None = None
    """Where machines, cranes and tags report; None: the rules know of none."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where a camera's process reads: an address, or a file. Its repr hides the password."""

    address: str
    user: str = ""
    password: str = field(default="", repr=False)
    networks: tuple[str, ...] = ()
    """Where its host must be, looked up anew at each try; none for an address that may be asked as it stands."""

    def checked(self) -> "Source":
        """The same with its host as a number. Raises BadInput, and NoHost where the name is not known now."""
        if not self.networks:
            return self
        return replace(self, address=checked_address(self.address, self.networks), networks=())

    @property
    def full(self) -> str:
        """The address with user and password, for the camera alone."""
        if not self.user:
            return self.address
        parts = urlsplit(self.address)
        secret = f"{quote(self.user, safe='')}:{quote(self.password, safe='')}@"
        return urlunsplit(parts._replace(netloc=secret + parts.netloc))


class NoHost(BadInput):
    """Nobody knows the name of a host now; that may pass."""


def read_cameras(path: Path) -> CameraFile:
    """The cameras of a file. Raises BadInput for unknown keys, double names and passwords in addresses."""
    if not path.is_file() or path.stat().st_size > LARGEST_BYTES:
        raise BadInput(f"no file {path} of at most 1 MB", "the site's cameras as TOML", "see docs/guide/cameras.md")
    try:
        found = from_json(CameraFile, tomllib.loads(path.read_text(encoding="utf-8")), path.name)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name} is no TOML ({error})", "[[camera]] tables", "correct it") from None
    names = [camera.camera_id for camera in found.camera]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise BadInput(f"two cameras {twice}", "an id of its own for each", "rename one")
    for camera in found.camera:
        if not 0.2 <= camera.fps <= 30.0:
            raise BadInput(f"camera {camera.camera_id}: {camera.fps:g} frames a second", "0.2 to 30", "correct it")
    return found


def source_of(camera: Camera, networks: Sequence[str], folder: Path) -> Source:
    """Where a camera's process may read. Files named in the settings are relative to `folder`.

    Raises BadInput. A host that nobody knows now is no mistake: its camera is lost until it is known.
    """
    if "://" not in camera.address:
        path = folder / camera.address
        if not path.is_file():
            raise BadInput(f"camera {camera.camera_id}: no file {path}", "a video file or an address", "correct it")
        return Source(str(path))
    user, password = _password(folder / camera.password_file) if camera.password_file else ("", "")
    source = Source(camera.address, user, password, tuple(networks))
    with suppress(NoHost):
        source.checked()
    return source


def checked_address(address: str, networks: Sequence[str]) -> str:
    """The address with its host resolved to a number that the settings allow, so that it cannot change afterwards.

    Raises NoHost, and BadInput for other schemes, for credentials in it, and for hosts elsewhere: this machine itself,
    the internet, or a cloud's own services are not asked on behalf of whoever typed an address.
    """
    parts = urlsplit(address)
    if parts.scheme not in SCHEMES:
        raise BadInput(f"an address with {parts.scheme}://", f"one of {', '.join(SCHEMES)}", "correct it")
    if parts.username is not None or parts.password is not None:
        raise BadInput("a password in a camera's address", "a password_file beside it", "move it there")
    try:
        host, port = parts.hostname, parts.port or SCHEMES[parts.scheme]
    except ValueError:
        raise BadInput("an address with a port that is none", "1 to 65535", "correct it") from None
    number = _allowed_number(host or "", port, networks)
    if parts.scheme in ("rtsps", "https"):
        return address  # Its certificate is for the name; TLS makes sure that the name is who answers.
    shown = f"[{number}]" if ":" in number else number
    return urlunsplit(parts._replace(netloc=f"{shown}:{port}"))


def _allowed_number(host: str, port: int, networks: Sequence[str]) -> str:
    allowed = [_network(text) for text in networks]
    try:
        found = sorted({str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)})
    except (OSError, UnicodeError):
        raise NoHost(f"no host {host}", "a camera's name or number", "check it") from None
    for number in found:
        ip = ipaddress.ip_address(number.partition("%")[0])
        ip = getattr(ip, "ipv4_mapped", None) or ip
        if not any(ip.version == network.version and ip in network for network in allowed):
            raise BadInput(
                f"host {host} is {ip}", f"within {', '.join(networks)}", "add its network to allowed_networks"
            )
    return found[0]


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise BadInput(f"allowed_networks holds {text}", "such as 192.168.0.0/16", "correct it") from None


def _password(path: Path) -> tuple[str, str]:
    if not path.is_file():
        raise BadInput(f"no file {path}", "user:password in one line", "write it")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadInput(f"{path} can be read by others", "its owner alone", f"chmod 600 {path}")
    user, colon, password = path.read_text(encoding="utf-8").strip().partition(":")
    if not colon:
        raise BadInput(f"{path} holds no user:password", "both, in one line", "correct it")
    return user, password
