"""Signatures: JSON in its canonical form (RFC 8785) as JWS (RFC 7515), by Ed25519 (RFC 9864) or ES256.

A signature says that the holder of a key said this; who that is, the reader must know: keys are told apart by their
thumbprint (RFC 7638), which a regulator writes down once.
"""

import base64
import json
import os
from pathlib import Path
from typing import Any

import rfc8785
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, import_key

from bim.errors import BadInput

Key = OKPKey | ECKey
ALGORITHMS = ["Ed25519", "ES256"]
REGISTRY = jws.JWSRegistry(algorithms=ALGORITHMS)
# A week of hazards is larger than what joserfc takes from strangers; who reads a file bounds its size before.
REGISTRY.max_payload_length = 2**31
MAX_KEY_BYTES = 16 * 1024


def canonical(value: Any) -> bytes:
    """JSON values as the one form that the same values always have. Raises BadInput for what JSON cannot say."""
    try:
        return rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        raise BadInput(f"a value that JSON cannot say ({error})", "finite numbers, texts, tables", "mend it") from error


def new_key(path: Path) -> Key:
    """A new Ed25519 key, written where only its owner reads it. Refuses to overwrite one."""
    key = OKPKey.generate_key("Ed25519")
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(key.as_pem(private=True))
    except OSError as error:
        found = f"cannot write {path} ({error.strerror})"
        raise BadInput(found, "a new file in a folder that exists", "choose another") from None
    return key


def read_key(path: Path) -> Key:
    """The private or public key of a PEM or JWK file: Ed25519 or P-256. Raises BadInput without quoting the file."""
    found = f"{path} holds no key that can be used"
    try:
        if path.stat().st_size > MAX_KEY_BYTES:
            raise ValueError
        text = path.read_text(encoding="ascii")
        if text.lstrip().startswith("{"):
            return _usable(import_key(json.loads(text)))
        return _usable(_from_pem(text))
    except (OSError, ValueError, KeyError, TypeError, JoseError):
        raise BadInput(found, "Ed25519 or P-256 as PEM or JWK, without a passphrase", "check the file") from None


def _from_pem(text: str) -> object:
    try:
        return OKPKey.import_key(text)
    except (ValueError, TypeError, JoseError):
        return ECKey.import_key(text)


def _usable(key: object) -> Key:
    if isinstance(key, OKPKey | ECKey) and key.curve_name in ("Ed25519", "P-256"):
        return key
    raise ValueError


def public(key: Key) -> dict[str, Any]:
    """The public part as a JWK, named by its thumbprint."""
    return {**key.as_dict(private=False), "kid": key.thumbprint()}


def from_public(jwk: Any) -> Key:
    """A key of its public part. Raises BadInput."""
    try:
        return _usable(import_key({name: value for name, value in jwk.items() if name != "d"}))
    except (ValueError, KeyError, TypeError, AttributeError, JoseError):
        raise BadInput("a public key that is none", "a JWK of Ed25519 or P-256", "ask for the pack again") from None


def sign(payload: bytes, key: Key) -> str:
    """A compact JWS that holds the payload. Raises BadInput where the key is only a public one."""
    if not key.is_private:
        raise BadInput("a public key", "a private one to sign with", "give the other file")
    algorithm = "Ed25519" if isinstance(key, OKPKey) else "ES256"
    return jws.serialize_compact({"alg": algorithm, "kid": key.thumbprint()}, payload, key, registry=REGISTRY)


def verify(token: str, key: Key) -> bytes:
    """What a compact JWS holds, if this key signed it. Raises BadInput, also where a part is not in its one form."""
    try:
        found = jws.deserialize_compact(token, key, registry=REGISTRY)
        exact = all(_encoded(_decoded(part)) == part for part in token.split("."))
    except (JoseError, ValueError):
        exact = False
    if not exact:
        raise BadInput("a signature that does not hold", "what was signed, unchanged", "ask for it again")
    return found.payload or b""


def sign_detached(payload: bytes, key: Key) -> str:
    """A JWS beside its payload (RFC 7515, appendix F)."""
    header, _, signature = sign(payload, key).split(".")
    return f"{header}..{signature}"


def verify_detached(token: str, payload: bytes, key: Key) -> None:
    """Refuse a payload that is not what this key signed. Raises BadInput."""
    header, _, signature = token.partition("..")
    verify(f"{header}.{_encoded(payload)}.{signature}", key)


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
