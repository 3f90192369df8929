"""`sitewright certificate`: a certificate authority of the site's own, and a certificate for its server.

A tablet has a camera and works offline only where the server is reached by TLS under a name. Each device trusts the
site's authority once; its key stays in the folder. Made after RFC 5280, EC P-256, names of the server only.
"""

import ipaddress
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bim.errors import BadInput

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

AUTHORITY_YEARS, SERVER_DAYS = 10, 825
"""Browsers take no server certificate that is valid for longer."""


def certificate(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names and addresses of the server.")],
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where keys and certificates go.")] = Path("site-tls"),
) -> None:
    """Make a certificate for the server, signed by an authority of the site that devices trust once."""
    folder.mkdir(parents=True, exist_ok=True)
    make_certificate(names, folder)
    print(f"Trust {folder / 'authority.crt'} on every device, once. Then, in sitewright.toml:\n")
    print(f'[server]\ntls_certificate = "{folder / "server.crt"}"\ntls_key = "{folder / "server.key"}"')


def make_certificate(names: list[str], folder: Path) -> None:
    """Write server.crt and server.key, and authority.crt and authority.key where there are none. Raises BadInput."""
    from cryptography.hazmat.primitives.asymmetric import ec

    authority, authority_key = _authority(folder)
    key = ec.generate_private_key(ec.SECP256R1())
    issued = _signed(names[0], key, authority, authority_key, _alternatives(names))
    _write_key(folder / "server.key", key)
    (folder / "server.crt").write_bytes(_pem(issued) + _pem(authority))


def _authority(folder: Path) -> "tuple[x509.Certificate, EllipticCurvePrivateKey]":
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    kept, kept_key = folder / "authority.crt", folder / "authority.key"
    if kept.exists() and kept_key.exists():
        try:
            key = load_pem_private_key(kept_key.read_bytes(), None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return x509.load_pem_x509_certificate(kept.read_bytes()), key
        except (ValueError, AssertionError):
            raise BadInput(f"{kept} or its key is broken", "what was made here before", "remove both") from None
    key = ec.generate_private_key(ec.SECP256R1())
    authority = _signed(f"Sitewright site authority {datetime.now(UTC):%Y-%m-%d}", key, None, key, None)
    _write_key(kept_key, key)
    kept.write_bytes(_pem(authority))
    return authority, key


def _signed(
    name: str,
    key: "EllipticCurvePrivateKey",
    authority: "x509.Certificate | None",
    authority_key: "EllipticCurvePrivateKey",
    alternatives: "x509.SubjectAlternativeName | None",
) -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    subject, at = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]), datetime.now(UTC)
    lasts = timedelta(days=SERVER_DAYS if authority else 365 * AUTHORITY_YEARS)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority.subject if authority else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at - timedelta(days=1))
        .not_valid_after(at + lasts)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None if authority else 0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .add_extension(_usage(is_authority=authority is None), critical=True)
    )
    if alternatives:
        builder = builder.add_extension(alternatives, critical=False)
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    return builder.sign(authority_key, hashes.SHA256())


def _usage(*, is_authority: bool) -> "x509.KeyUsage":
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not is_authority, key_cert_sign=is_authority, crl_sign=is_authority,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _alternatives(names: list[str]) -> "x509.SubjectAlternativeName":
    from cryptography import x509

    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            if not name.isascii() or not all(part.replace("-", "a").isalnum() for part in name.split(".")):
                raise BadInput(f"{name} is no name of a server", "site.example or 192.168.0.5", "correct it") from None
            found.append(x509.DNSName(name))
    return x509.SubjectAlternativeName(found)


def _pem(certificate: "x509.Certificate") -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _write_key(path: Path, key: "EllipticCurvePrivateKey") -> None:
    """For its owner's eyes only, from the first byte on."""
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
