"""Webhooks, and sites that move between servers."""

from typing import Annotated

from pydantic import Field, StringConstraints

from web.schemas.wire import STORABLE, Id, Stored, Wire


class WebhookIn(Wire):
    """An address to be told of events: names such as `hazard.updated`, or all that begin alike: `hazard.`"""

    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s]{1,2000}$"), STORABLE]
    events: Annotated[list[Annotated[str, StringConstraints(pattern=r"^[a-z_]+\.[a-z_]*$")]],
                      Field(min_length=1, max_length=50)]  # fmt: skip
    is_active: bool = True


class WebhookOut(Stored):
    """A webhook."""

    webhook_id: str
    url: str
    events: list[str]
    is_active: bool


class NewWebhook(WebhookOut):
    """A webhook with the key that signs what it is sent, which is shown once."""

    key: str


class ImportIn(Wire):
    """An archive that was uploaded to a site of this server."""

    site_id: Id
    upload_id: Id
