"""What all schemas are made of."""

from datetime import datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from web.identifiers import ID_PATTERN
from web.security import MIN_PASSWORD

T = TypeVar("T")


def _storable(text: str) -> str:
    """No database keeps NUL or half a surrogate pair."""
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("text with a NUL or half a surrogate pair")
    return text


STORABLE = AfterValidator(_storable)
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), STORABLE]
Text = Annotated[str, StringConstraints(max_length=20_000), STORABLE]
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Ids = Annotated[list[Id], Field(max_length=10_000)]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s]{1,64}@[^@\s]{1,190}$", to_lower=True), STORABLE]
Password = Annotated[str, StringConstraints(min_length=MIN_PASSWORD, max_length=200), STORABLE]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Language = Literal["en", "zh"]
Metres = Annotated[float, Field(ge=-1e7, le=1e7, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Number = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Point = tuple[Metres, Metres, Metres]
Point2 = tuple[Metres, Metres]


class Wire(BaseModel):
    """The base of everything on the wire."""

    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Out(Wire):
    """What the server says; it may say more one day."""

    model_config = ConfigDict(extra="ignore", from_attributes=True)


class Page(Out, Generic[T]):
    """Part of a list. `next` goes into `cursor` for the following part; null at the end."""

    items: list[T]
    next: str | None = None


class Words(Wire):
    """The same in both languages."""

    en: Text
    zh: Text


class Span(Wire):
    """From when to when; null is open."""

    from_: Annotated[AwareDatetime | None, Field(alias="from")] = None
    to: AwareDatetime | None = None

    model_config = ConfigDict(extra="forbid", from_attributes=True, populate_by_name=True, serialize_by_alias=True)


class Stored(Out):
    """What every stored thing says of itself. Send `version` back as If-Match to notice others' changes."""

    version: int
    created_at: datetime
    updated_at: datetime
    created_by: str | None = None
