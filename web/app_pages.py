"""The app's pages: what was built into web/app/dist, or one plain page that says how to build it."""

import gzip
import mimetypes
from functools import lru_cache
from pathlib import Path

from fastapi import FastAPI, Request, Response

from web.problems import not_found

DIST = Path(__file__).parent / "app" / "dist"
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: blob:; "
    "font-src 'self'; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; media-src 'self' blob:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
LASTING = "public, max-age=31536000, immutable"
PACKED = frozenset({".js", ".css", ".html", ".json", ".svg", ".webmanifest", ".wasm", ".map"})
NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Sitewright</title>
<h1>Sitewright</h1><p>The server runs; its app is not built. In a checkout:
<code>cd web/app &amp;&amp; npm ci &amp;&amp; npm run build</code>.
The API is described at <a href="/openapi.json">/openapi.json</a>.</p>
<p lang="zh-CN">服务器已运行，但应用尚未构建。请在源码目录执行上述命令。</p></html>"""
mimetypes.add_type("application/wasm", ".wasm")
mimetypes.add_type("application/manifest+json", ".webmanifest")
mimetypes.add_type("text/javascript", ".js")


def add_app(app: FastAPI, folder: Path | None = None) -> None:
    """Serve the app at every address that is no route of the API; its screens are addresses too."""
    root = (folder or DIST).resolve()

    def serve_app(request: Request, path: str) -> Response:
        if path.startswith("api/"):
            raise not_found(f"/{path}")
        if not (root / "index.html").is_file():
            return Response(NOT_BUILT, media_type="text/html", headers={"Content-Security-Policy": POLICY})
        file = _file(root, path)
        if file is None and "." in path.rpartition("/")[2]:
            raise not_found(f"/{path}")
        return _page(request, file or root / "index.html", is_lasting=path.startswith("assets/"))

    app.add_api_route("/{path:path}", serve_app, include_in_schema=False)


def _file(root: Path, path: str) -> Path | None:
    """The file of that name within the folder; links and dots lead nowhere else."""
    if "\0" in path or len(path) > 500:
        return None
    file = (root / path).resolve()
    return file if file.is_relative_to(root) and file.is_file() else None


def _page(request: Request, file: Path, *, is_lasting: bool) -> Response:
    kind = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": LASTING if is_lasting else "no-cache",
               "Vary": "Accept-Encoding", "ETag": f'"{file.stat().st_mtime_ns:x}"'}  # fmt: skip
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    packed = file.suffix in PACKED and "gzip" in request.headers.get("accept-encoding", "")
    if packed:
        headers["Content-Encoding"] = "gzip"
    content = _packed(file, file.stat().st_mtime_ns) if packed else file.read_bytes()
    return Response(content, media_type=kind, headers=headers)


@lru_cache(maxsize=256)
def _packed(file: Path, changed_ns: int) -> bytes:
    return gzip.compress(file.read_bytes(), 9, mtime=0)
