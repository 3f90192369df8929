"""A device that trusts the site's authority reaches its server by TLS, and no other name."""

import socket
import ssl
import threading
from pathlib import Path

import pytest

from bim.errors import BadInput
from sitewright.certificate import make_certificate


def greeted(folder: Path, name: str) -> str:
    """Who the server says it is, to a client that trusts the authority alone."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(folder / "server.crt", folder / "server.key")
    client = ssl.create_default_context(cafile=folder / "authority.crt")
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def answer() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except (ssl.SSLError, OSError):
            theirs.close()

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as connection:
            return str(connection.version())
    finally:
        ours.close()
        thread.join()


@pytest.mark.parametrize("name", ["site.example", "192.168.0.5"])
def test_the_server_is_trusted_under_its_names(name: str, tmp_path: Path) -> None:
    make_certificate(["site.example", "192.168.0.5"], tmp_path)
    assert greeted(tmp_path, name) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError):
        greeted(tmp_path, "other.example")


def test_a_new_certificate_needs_no_new_trust_and_keys_are_private(tmp_path: Path) -> None:
    make_certificate(["site.example"], tmp_path)
    authority = (tmp_path / "authority.crt").read_bytes()
    make_certificate(["new.example"], tmp_path)
    assert (tmp_path / "authority.crt").read_bytes() == authority
    assert greeted(tmp_path, "new.example") == "TLSv1.3"
    assert {path.stat().st_mode & 0o777 for path in tmp_path.glob("*.key")} == {0o600}


@pytest.mark.parametrize("name", ["site example", "a/b", "müller.example", ""])
def test_what_is_no_name_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        make_certificate([name], tmp_path)
