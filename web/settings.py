"""What a server sets once. Pure data: `sitewright.settings` nests it, `create_app` takes it."""

from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)


class ServerSettings(BaseModel):
    """The server: where it listens, where it keeps what, and how much it takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on.")
    port: NonNegativeInt = Field(default=8420, le=65535, description="Port to listen on; 0 takes a free one.")
    data: Path = Field(default=Path("site-data"), description="Folder for the database, files and uploads.")
    database_url: str | None = Field(
        default=None,
        description="PostgreSQL as `postgresql+psycopg://…`; SQLite in the data folder when left out.",
    )
    files_url: str | None = Field(
        default=None, description="Where files go, as an fsspec URL such as `s3://bucket/sitewright`."
    )
    public_url: str | None = Field(
        default=None, description="Address by which people reach the server, when a proxy stands before it."
    )
    tls_certificate: Path | None = Field(default=None, description="Certificate chain in PEM; with `tls_key`.")
    tls_key: Path | None = Field(default=None, description="Private key in PEM; with `tls_certificate`.")
    workers: NonNegativeInt = Field(
        default=1, description="Worker processes that `serve` starts; 0 where workers run elsewhere."
    )
    dask_scheduler: str | None = Field(
        default=None,
        description="Dask cluster that does comparisons, as `tcp://host:8786`; it has to reach `files_url`.",
    )
    session_days: PositiveFloat = Field(default=14.0, description="How long a sign-in lasts, in days.")
    sign_in_attempts: PositiveInt = Field(
        default=8, description="Wrong passwords in a row before an account is locked for 15 minutes."
    )
    oidc_issuer: str | None = Field(
        default=None, description="OpenID Connect provider to sign in with, such as `https://login.example.org`."
    )
    oidc_client_id: str = Field(default="", description="What the provider knows this server by.")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="The secret that the provider gave this server; none for a public client."
    )
    requests_per_s: PositiveFloat = Field(default=100.0, description="Requests a second that one client may make.")
    upload_gib: PositiveFloat = Field(default=64.0, description="Largest file that is taken, in GiB.")
    body_mib: PositiveFloat = Field(default=8.0, description="Largest request that is no upload, in MiB.")
    job_attempts: PositiveInt = Field(default=3, description="How often a job is tried when its worker dies.")
    lease_s: PositiveFloat = Field(
        default=30.0, description="How long a job stays with a worker that gives no sign of life, in seconds."
    )
    webhook_private_networks: bool = Field(
        default=False, description="Whether webhooks may go to private addresses; true only on a closed network."
    )

    @model_validator(mode="after")
    def _pairs(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key come together")
        issuer = self.oidc_issuer or "https://"
        if not issuer.startswith("https://") and urlsplit(issuer).hostname not in ("127.0.0.1", "localhost"):
            raise ValueError("oidc_issuer is an https address")
        if self.oidc_issuer and not self.oidc_client_id:
            raise ValueError("oidc_issuer and oidc_client_id come together")
        return self

    @property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'sitewright.sqlite'}"

    @property
    def files(self) -> str:
        """The files' URL, with the default filled in."""
        return self.files_url or str(self.data.absolute() / "files")

    @property
    def secure(self) -> bool:
        """Whether people reach the server by TLS, so that cookies may insist on it."""
        return self.tls_certificate is not None or (self.public_url or "").startswith("https://")
