"""Delivering events to webhooks: signed, to public addresses only, tried again with growing patience.

A delivery keeps its id over every attempt (`Sitewright-Delivery`), so that a receiver can pass over a repetition. The
name is resolved once and the connection goes to the address that was checked: a name that changes its answer in
between leads nowhere (DNS rebinding). Redirects are not followed.
"""

import hashlib
import hmac
import ipaddress
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit

import httpx

from bim.errors import BadInput
from web.database import reading
from web.jobs import finishing
from web.tables import Webhook
from web.work import TryLater, Work

TIMEOUT_S = 10.0
PATIENCE_S = 30.0
CARRIERS = tuple(
    map(ipaddress.IPv6Network, ("::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"))
)
"""IPv6 addresses that carry an IPv4 address, which could be any: mapped, NAT64, 6to4, Teredo."""


def deliver(work: Work) -> None:
    """Send one event to one webhook."""
    with reading(work.engine) as session:
        webhook = session.get(Webhook, (work.job.site_id, work.job.payload["webhook_id"]))
    if webhook and webhook.is_active:
        status = _send(work, webhook)
        if not 200 <= status < 300:
            raise _not_taken(work, f"answer {status}")
    with finishing(work.engine, work.job) as (_, job):
        job.result = {"delivered": webhook is not None}


def _send(work: Work, webhook: Webhook) -> int:
    body = json.dumps({"id": work.job.id, **work.job.payload["event"]}, ensure_ascii=False).encode()
    at = str(int(time.time()))
    signature = hmac.new(webhook.key.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "Sitewright-Delivery": work.job.id,
               "Sitewright-Signature": f"t={at},v1={signature}"}  # fmt: skip
    try:
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False) as client:
            url, more = pinned(webhook.url, private=work.settings.webhook_private_networks)
            return client.post(
                url, content=body, headers=headers | more["headers"], extensions=more["extensions"]
            ).status_code
    except httpx.HTTPError as error:
        raise _not_taken(work, type(error).__name__) from error


def pinned(url: str, *, private: bool) -> tuple[str, dict[str, Any]]:
    """The URL with its host's checked address in the host's place, and what keeps the name in Host and in TLS.

    Raises BadInput for a host that cannot be found, or leads into this machine or a private network.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        raise BadInput(f"no host {host}", "a host that can be found", "correct the webhook") from None
    address = ipaddress.ip_address(found[0][4][0])
    if not private and not _is_public(address):
        raise BadInput(f"{host} leads to {address}", "a public address", "correct the webhook")
    shown = f"[{address}]" if address.version == 6 else str(address)
    pinned_url = parts._replace(netloc=f"{shown}:{port}").geturl()
    return pinned_url, {"headers": {"Host": parts.netloc.rpartition("@")[2]}, "extensions": {"sni_hostname": host}}


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and any(address in network for network in CARRIERS):
        return False
    return address.is_global and not address.is_multicast


def _not_taken(work: Work, why: str) -> TryLater:
    words = {"en": f"the webhook did not take it ({why})", "zh": f"Webhook 未接收（{why}）"}
    return TryLater(words, PATIENCE_S * 4 ** (work.job.attempts - 1))
