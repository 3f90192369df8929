"""Identifiers: sortable by the time they were made, and secrets that cannot be guessed."""

import hashlib
import secrets
import time

ID_PATTERN = r"^[A-Za-z0-9_$.:-]{1,64}$"
"""What programs outside may choose as an id; IFC GUIDs among them."""


def new_id() -> str:
    """32 hexadecimal digits: 48 bits of time in milliseconds, 80 random ones. Later ids sort after earlier ones."""
    return f"{time.time_ns() // 1_000_000:012x}{secrets.token_hex(10)}"


def new_secret() -> str:
    """256 random bits, fit for a URL."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is stored of a secret. It is random and long, so a plain hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()
