"""ONVIF: ask a camera which streams it has, and take the smallest that is good enough to see people.

ONVIF Media Service 2.6 (GetProfiles, GetStreamUri) with WS-Security username tokens (digest). Only the host that was
asked may be named in its answer.
"""

import base64
import hashlib
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from xml.sax.saxutils import escape

import httpx
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from bim.errors import BadInput
from site_safety.cameras import SCHEMES, Source

LEAST_WIDTH_PX = 640
LARGEST_BYTES = 1_000_000
MEDIA, SCHEMA = "http://www.onvif.org/ver10/media/wsdl", "http://www.onvif.org/ver10/schema"
_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"


def stream_of(source: Source) -> Source:
    """The RTSP stream of an ONVIF camera, on the same host, with the same password."""
    parts = urlsplit(source.address)
    service = urlunsplit(("http", parts.netloc, parts.path or "/onvif/media_service", "", ""))
    profiles = _ask(service, source, f'<GetProfiles xmlns="{MEDIA}"/>')
    token = _smallest(profiles)
    answer = _ask(
        service,
        source,
        f'<GetStreamUri xmlns="{MEDIA}"><StreamSetup><Stream xmlns="{SCHEMA}">RTP-Unicast</Stream>'
        f'<Transport xmlns="{SCHEMA}"><Protocol>RTSP</Protocol></Transport></StreamSetup>'
        f"<ProfileToken>{escape(token)}</ProfileToken></GetStreamUri>",
    )
    found = urlsplit(answer.findtext(f".//{{{SCHEMA}}}Uri") or "")
    if found.scheme != "rtsp" or found.hostname != parts.hostname:
        raise BadInput(f"a stream {found.scheme}://{found.hostname}", f"rtsp:// on {parts.hostname}", "set it by hand")
    netloc = f"{found.hostname}:{found.port or SCHEMES['rtsp']}"
    return replace(source, address=urlunsplit(found._replace(netloc=netloc)))


def _smallest(profiles: Any) -> str:
    sizes = []
    for profile in profiles.iter(f"{{{MEDIA}}}Profiles"):
        width = profile.findtext(f".//{{{SCHEMA}}}Resolution/{{{SCHEMA}}}Width")
        if width and width.isdigit():
            sizes.append((int(width), str(profile.get("token"))))
    if not sizes:
        raise BadInput("an ONVIF camera without video profiles", "one or more", "set its rtsp:// address by hand")
    enough = [each for each in sizes if each[0] >= LEAST_WIDTH_PX]
    return min(enough)[1] if enough else max(sizes)[1]


def _ask(service: str, source: Source, body: str) -> Any:
    envelope = (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
        f"<s:Header>{_token(source)}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
    try:
        headers = {"Content-Type": "application/soap+xml; charset=utf-8"}
        answer = httpx.post(service, content=envelope, headers=headers, timeout=5.0, follow_redirects=False)
        if answer.status_code != httpx.codes.OK or len(answer.content) > LARGEST_BYTES:
            raise BadInput(f"ONVIF answered {answer.status_code}", "200", "check the user and its rights")
        return fromstring(answer.content)
    except (httpx.HTTPError, ParseError, DefusedXmlException, ValueError) as error:
        raise BadInput(f"no ONVIF answer ({type(error).__name__})", "a media service", "check the address") from None


def _token(source: Source) -> str:
    if not source.user:
        return ""
    nonce, created = secrets.token_bytes(16), datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    # SHA-1 is what WS-Security's profile says; the nonce keeps it from being used again.
    digest = hashlib.sha1(nonce + created.encode() + source.password.encode(), usedforsecurity=False).digest()
    return (
        f'<Security xmlns="{_SECURITY}"><UsernameToken><Username>{escape(source.user)}</Username>'
        f'<Password Type="{_DIGEST}">{base64.b64encode(digest).decode()}</Password>'
        f"<Nonce>{base64.b64encode(nonce).decode()}</Nonce>"
        f'<Created xmlns="{_UTILITY}">{created}</Created></UsernameToken></Security>'
    )
