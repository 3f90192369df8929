"""Errors as the API tells them: RFC 9457 problem+json, in English and Chinese, with what to do."""

import errno
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from bim.errors import SitewrightError

MEDIA_TYPE = "application/problem+json"
RETRY_S = "2"


class ProblemBody(BaseModel):
    """The document of every error."""

    type: str
    title: str
    status: int
    detail: str
    detail_zh: str
    errors: list[dict[str, Any]] | None = None


class Problem(Exception):
    """Ends a request with a status, a code that programs may rely on, and a sentence in both languages."""

    def __init__(self, status: int, code: str, en: str, zh: str, headers: dict[str, str] | None = None) -> None:
        self.status, self.code, self.en, self.zh, self.headers = status, code, en, zh, headers
        super().__init__(en)

    def response(self, errors: list[dict[str, Any]] | None = None) -> JSONResponse:
        """The problem as a response."""
        body = ProblemBody(
            type=f"urn:sitewright:problem:{self.code}",
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.en,
            detail_zh=self.zh,
            errors=errors,
        )
        content = body.model_dump(exclude_none=True)
        return JSONResponse(content, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def not_found(what: str = "nothing here") -> Problem:
    """What does not exist, or is not for the caller to know of."""
    return Problem(404, "not-found", f"{what} was not found; check the address", f"未找到 {what}；请检查地址")


def bad_input(error: SitewrightError) -> Problem:
    """A file or value that the domain refused, in its own words."""
    return Problem(422, "bad-input", str(error), f"无法使用该输入：{error}")


def conflict(code: str, en: str, zh: str) -> Problem:
    """The request is sound, but not as things stand."""
    return Problem(409, code, en, zh)


def stale(version: int) -> Problem:
    """Someone else changed it in the meantime."""
    return Problem(
        412,
        "changed-meanwhile",
        f"it was changed by someone else and is now version {version}; look at it and send your change again",
        f"内容已被他人修改，当前为第 {version} 版；请查看后重新提交",
        {"ETag": f'"{version}"'},
    )


# --- What other layers raise ------------------------------------------------------------------------------------------


async def on_problem(request: Request, error: Exception) -> JSONResponse:
    """A problem that was raised as such."""
    assert isinstance(error, Problem)
    return error.response()


async def on_refusal(request: Request, error: Exception) -> JSONResponse:
    """A refusal of the domain."""
    assert isinstance(error, SitewrightError)
    return bad_input(error).response()


async def on_invalid(request: Request, error: Exception) -> JSONResponse:
    """A request of the wrong shape. What was sent is not repeated: it may hold a password."""
    assert isinstance(error, RequestValidationError)
    errors = [{"at": [str(part) for part in each["loc"]], "error": str(each["msg"])} for each in error.errors()[:20]]
    first = f"{'.'.join(errors[0]['at'])}: {errors[0]['error']}" if errors else "the request"
    problem = Problem(422, "invalid", f"{first}; see /openapi.json", f"请求格式有误（{first}）；参见 /openapi.json")
    return problem.response(errors)


async def on_http(request: Request, error: Exception) -> JSONResponse:
    """What the framework itself refuses: no such route, wrong method."""
    assert isinstance(error, HTTPException)
    phrase = HTTPStatus(error.status_code).phrase
    headers = dict(error.headers or {})
    return Problem(error.status_code, phrase.lower().replace(" ", "-"), f"{phrase}; see /openapi.json",
                   f"{phrase}；参见 /openapi.json", headers).response()  # fmt: skip


async def on_database(request: Request, error: Exception) -> JSONResponse:
    """A database that refuses a value, is full, or has gone away."""
    return database_problem(error).response()


def database_problem(error: Exception) -> Problem:
    """What a database error means for the caller."""
    if isinstance(error, IntegrityError):
        return conflict(
            "already-there", "this exists already, or what it refers to does not", "该内容已存在，或其引用的内容不存在"
        )
    if isinstance(error, DataError):
        return Problem(422, "invalid", "a value that cannot be stored; correct it", "存在无法保存的值；请更正")
    if isinstance(error, OperationalError) and "full" in str(error.orig):
        return full_disk()
    return Problem(503, "database-away", "the database does not answer; nothing was changed, try again soon",
                   "数据库暂时无响应；未做任何更改，请稍后重试", {"Retry-After": RETRY_S})  # fmt: skip


async def on_system(request: Request, error: Exception) -> JSONResponse:
    """A disk that is full, wherever it is noticed; any other error of the system is a fault of ours."""
    assert isinstance(error, OSError)
    if error.errno not in FULL:
        raise error
    return full_disk().response()


async def on_fault(request: Request, error: Exception) -> JSONResponse:
    """Anything else: a fault of ours, which the log has."""
    return Problem(500, "fault", "a fault in Sitewright; the server's log has it, and nothing was changed",
                   "程序内部错误，详见服务器日志；未做任何更改").response()  # fmt: skip


async def on_gone(request: Request, error: Exception) -> Response:
    """A client that went away while it was sending; nobody hears the answer."""
    return Response(status_code=400)


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""No room on the disk, in its owner's share, or in one file."""


def full_disk() -> Problem:
    """No room left."""
    return Problem(507, "disk-full", "the server's disk is full; what arrived is kept, free some space and go on",
                   "服务器磁盘已满；已收到的内容已保留，请清理空间后继续")  # fmt: skip


DATABASE_ERRORS = (IntegrityError, DataError, OperationalError, PoolTimeout)
