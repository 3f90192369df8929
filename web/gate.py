"""What every request passes first: how many, how large, and what every answer says to a browser."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from web.problems import Problem
from web.server_state import Server

OFFSET_STREAM = "application/offset+octet-stream"
ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), geolocation=(self), microphone=()",
}
MIB = 1024**2
OPEN, OPEN_BYTES = ("/api/v1/session", "/api/v1/setup"), 64 * 1024
"""What strangers may send to sign in, and how much of it."""
LARGER = {"/photos": 30 * MIB, "/clips": 60 * MIB, "/reports": 100 * MIB, "/issues/import": 100 * MIB}
"""The most that a request has where files come as its body, by how its path ends."""
CLOSED = "default-src 'none'; frame-ancestors 'none'"
"""The policy of what is no page of the app."""


class Gate:
    """Limits requests, answers HEAD where GET is answered, and sets the headers that keep browsers strict."""

    def __init__(self, app: ASGIApp, server: Server) -> None:
        self._app, self._server = app, server
        self._most = int(server.settings.body_mib * 1024**2)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or end it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        head = scope["method"] == "HEAD" and "/uploads/" not in scope["path"]
        strict = _Strict(send, secure=self._server.settings.secure, head=head)
        try:
            self._refuse(scope, headers)
        except Problem as problem:
            await problem.response()(scope, receive, strict)
            return
        if head:
            scope = {**scope, "method": "GET"}
        await self._app(scope, _limited(receive, self._limit(scope, headers)), strict)

    def _refuse(self, scope: Scope, headers: Headers) -> None:
        address = (scope.get("client") or ("",))[0]
        client = headers.get("authorization") or headers.get("cookie") or address
        wait_s = self._server.addresses.wait_s(address) or self._server.requests.wait_s(client)
        if wait_s:
            raise Problem(429, "too-many-requests", "too many requests; wait a moment", "请求过多；请稍候",
                          {"Retry-After": str(int(wait_s) + 1)})  # fmt: skip
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > self._limit(scope, headers):
            raise _too_large(self._limit(scope, headers))

    def _limit(self, scope: Scope, headers: Headers) -> int:
        if _is_part(scope, headers):
            return int(self._server.settings.upload_gib * 1024**3)
        if scope["path"].startswith(OPEN):
            return OPEN_BYTES
        return next((max(most, self._most) for end, most in LARGER.items() if scope["path"].endswith(end)), self._most)


def _is_part(scope: Scope, headers: Headers) -> bool:
    """Whether it goes to a file and not into memory."""
    is_upload = scope["method"] == "PATCH" and "/uploads/" in scope["path"]
    return is_upload and headers.get("content-type") == OFFSET_STREAM


def _too_large(limit: int) -> Problem:
    return Problem(413, "too-large", f"a request has at most {limit} bytes; send files as uploads",
                   f"请求最大 {limit} 字节；大文件请通过上传接口发送")  # fmt: skip


def _limited(receive: Receive, most: int) -> Receive:
    """The body, as far as it may go. One that says less than it sends is cut off."""
    left = most

    async def limited() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise _too_large(most)
        return message

    return limited


class _Strict:
    """Sends an answer with the headers that keep browsers strict, without its body where only its head was asked."""

    def __init__(self, send: Send, *, secure: bool, head: bool) -> None:
        self._send, self._secure, self._head, self._ended = send, secure, head, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in ALWAYS.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", CLOSED)
            headers.setdefault("Cache-Control", "no-store")
            if self._secure:
                headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        elif self._head:
            if self._ended:
                return
            self._ended = True
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)
