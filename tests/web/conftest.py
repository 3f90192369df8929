"""Servers on both databases. PostgreSQL is started here, in a folder of its own, as nobody's root."""

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient

from tests.web.people import Crowd
from web.server import create_app
from web.settings import ServerSettings

BIN = next(iter(sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), None)


class Cluster:
    """A PostgreSQL of our own, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"postgresql+psycopg://postgres@127.0.0.1:{port}"
        self._run, self._data, self._log = _as_postgres(folder), f"{folder}/data", f"{folder}/log"
        self._options = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder} -c fsync=off"
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8")
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._run("pg_ctl", "-D", self._data, "-w", "-l", self._log, "-o", self._options, "start")

    def stop(self) -> None:
        """Stop it at once, as a crash does."""
        self._run("pg_ctl", "-D", self._data, "-m", "immediate", "stop")


@contextlib.contextmanager
def _cluster() -> Iterator[Cluster]:
    if BIN is None and shutil.which("initdb") is None:
        pytest.skip("needs PostgreSQL's programs (apt install postgresql)")
    with tempfile.TemporaryDirectory(prefix="sitewright-pg-") as folder:
        cluster = Cluster(Path(folder))
        try:
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a cluster without a database of ours."""
    with _cluster() as cluster:
        yield cluster.url


@pytest.fixture
def own_postgresql() -> Iterator[Cluster]:
    """A cluster that a test may stop and start; it runs when the test ends."""
    with _cluster() as cluster:
        yield cluster


def _as_postgres(folder: Path) -> Callable[..., None]:
    """PostgreSQL refuses to run as root: then it runs as the user that its package made."""
    as_user: list[str] = []
    if os.getuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]

    def run(program: str, *arguments: str) -> None:
        path = str(BIN / program) if BIN else program
        subprocess.run([*as_user, path, *arguments], check=True, cwd=folder, stdout=subprocess.DEVNULL)

    return run


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each kind."""
    return _fresh(request) if request.param == "postgresql" else f"sqlite:///{tmp_path / 'test.sqlite'}"


def _fresh(request: pytest.FixtureRequest) -> str:
    base: str = request.getfixturevalue("postgresql")
    name = f"test_{os.urandom(6).hex()}"
    with psycopg.connect(base.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{base}/{name}"


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> ServerSettings:
    """Settings of a server of its own, in no hurry with anybody."""
    return ServerSettings(data=tmp_path / "data", database_url=database_url, requests_per_s=100_000.0)


@pytest.fixture
def crowd(settings: ServerSettings) -> Iterator[Crowd]:
    """A server with two sites and somebody of every role."""
    yield from _running(settings)


@pytest.fixture(scope="module")
def one_crowd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crowd]:
    """The same on SQLite, for a whole file of tests."""
    yield from _running(ServerSettings(data=tmp_path_factory.mktemp("server"), requests_per_s=100_000.0))


def _running(settings: ServerSettings) -> Iterator[Crowd]:
    app = create_app(settings)
    with ExitStack() as stack:
        yield Crowd(app, stack.enter_context(TestClient(app)))
