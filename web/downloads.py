"""How files leave the server: whole, in part or not changed; never as a page."""

from fastapi import Request, Response
from fastapi.responses import StreamingResponse

from web.files import Files, safe_name
from web.problems import Problem, not_found

SHOWN = frozenset({"image/jpeg", "image/png", "image/webp"})
"""What a browser may show in place; everything else is saved."""


def file_response(request: Request, files: Files, sha256: str, filename: str, media_type: str) -> Response:
    """A kept file, or the range of it that was asked for; never a page."""
    try:
        size = files.size(sha256)
    except FileNotFoundError:
        raise not_found(f"the file {filename}") from None
    shown = "inline" if media_type in SHOWN else "attachment"
    headers = {
        "ETag": f'"{sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f'{shown}; filename="{_ascii(filename)}"',
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    start, length, status = _range(request, headers["ETag"], size)
    if status == 206:
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{size}"
    headers["Content-Length"] = str(length)
    return StreamingResponse(files.blocks(sha256, start, length), status, headers, media_type)


def _ascii(filename: str) -> str:
    return safe_name(filename).encode("ascii", "replace").decode().replace("?", "_")


def _range(request: Request, etag: str, size: int) -> tuple[int, int, int]:
    """Start, length and status. One range is served; several, as RFC 9110 allows, as the whole."""
    unit, _, spec = request.headers.get("range", "").partition("=")
    first, dash, last = spec.strip().partition("-")
    if unit != "bytes" or not dash or "," in spec or request.headers.get("if-range", etag) != etag:
        return 0, size, 200
    if not (first + last).isascii() or not (first + last).isdigit():
        return 0, size, 200
    start = int(first) if first else max(size - int(last), 0)
    end = min(int(last) + 1 if first and last else size, size)
    if start >= end:
        raise Problem(416, "range", f"the file has {size} bytes; ask for a part of them",
                      f"文件共 {size} 字节；请求的范围无效",
                      {"Content-Range": f"bytes */{size}"})  # fmt: skip
    return start, end - start, 206
