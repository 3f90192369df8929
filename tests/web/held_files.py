"""Files of a server behind HTTP, one of which is held back: whoever asks for it waits until they end."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class HeldFiles(ThreadingHTTPServer):
    """Serves a folder, and takes files into it. `held` is the SHA-256 that nobody gets."""

    daemon_threads = True

    def __init__(self, folder: Path, held: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.folder, self.held = folder, held
        self.url = f"http://127.0.0.1:{self.server_port}"
        self._heard: set[tuple[str, str]] = set()
        self._news = threading.Condition()

    def tell(self, what: str, sha256: str) -> None:
        with self._news:
            self._heard.add((what, sha256))
            self._news.notify_all()

    def wait_until(self, what: str, sha256: str) -> None:
        """Wait until somebody has `asked` for a file, or is `gone` who waited for one."""
        with self._news:
            assert self._news.wait_for(lambda: (what, sha256) in self._heard, timeout=300)


class _Handler(BaseHTTPRequestHandler):
    server: HeldFiles

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        sha256 = self.path.rpartition("/")[2]
        self.server.tell("asked", sha256)
        if sha256 == self.server.held:
            with suppress(ConnectionError):
                self.rfile.read(1)  # nothing comes any more: it ends with who asked
            self.server.tell("gone", sha256)
        else:
            self._answer(with_body=True)

    def do_POST(self) -> None:
        content = b""
        while size := int(self.rfile.readline(), 16):  # it comes in chunks
            content += self.rfile.read(size)
            self.rfile.readline()
        path = self.server.folder / self.path.strip("/")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        self.send_response(201)
        self.end_headers()

    def _answer(self, *, with_body: bool) -> None:
        path = self.server.folder / self.path.strip("/")
        content = path.read_bytes() if path.is_file() else None
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if with_body and content:
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def held_files(folder: Path, held: str) -> Iterator[HeldFiles]:
    """The server, while it is needed."""
    with HeldFiles(folder, held) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()
