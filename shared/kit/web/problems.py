"""Every refusal and failure as RFC 9457 problem details (`application/problem+json`), rendered in this one place.

`type`      `urn:liandu:problem:<code>`: what a program switches on; the error's class name in kebab case
`title`     the same in English words, for engineers
`detail`    Chinese, for the official in front of the screen (a domain error's `message`)
`trace_id`  finds the request in the logs of every service
and the error's `details` as further members; one that has the name of a member above gets the prefix `the_`.
Validation: `errors` is a list of {in, pointer | name, code, detail}; `pointer` is a JSON pointer into the body.
"""

import http
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from asyncpg import PostgresError
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException

from shared.kit import telemetry
from shared.kit.errors import Conflict, DomainError, Invalid, NotAllowed, NotFound, VersionConflict
from shared.kit.transient import is_transient
from shared.kit.web.links import LinkExpired

MEDIA_TYPE = "application/problem+json"
STATUSES: Mapping[type[DomainError], int] = {
    DomainError: 422,
    NotFound: 404,
    NotAllowed: 403,
    Invalid: 422,
    Conflict: 409,
    VersionConflict: 412,
    LinkExpired: 410,
}
_STANDARD = frozenset({"type", "title", "status", "detail", "instance", "trace_id"})
_RETRY = {"Retry-After": "1"}


class HttpProblem(Exception):
    """What HTTP itself refuses: no token, a malformed header, a foreign page cursor. Not for rules of the domain."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: object
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers
        self.members = members

    def response(self) -> Response:
        return problem(self.status, self.code, self.detail, members=self.members, headers=self.headers)


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    members: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem answer; `code` in kebab case, `detail` in Chinese."""
    body = {**details(status, code, detail, members=members), "trace_id": telemetry.current_trace_id()}
    content = orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS)
    return Response(content, status, dict(headers or {}), MEDIA_TYPE)


def details(status: int, code: str, detail: str, *, members: Mapping[str, object] | None = None) -> dict[str, object]:
    """A problem as it may stand inside an answer, for one of many things that were asked for."""
    own = {f"the_{name}" if name in _STANDARD else name: value for name, value in (members or {}).items()}
    title = code.replace("-", " ").capitalize()
    return {"type": f"urn:liandu:problem:{code}", "title": title, "status": status, "detail": detail, **own}


def details_of(error: DomainError, statuses: Mapping[type[DomainError], int]) -> dict[str, object]:
    """A domain error's problem; `statuses` as for `install`."""
    status = _status(type(error), {**STATUSES, **statuses})
    return details(status, code_of(type(error)), error.message, members=error.details)


def findings(errors: Sequence[Mapping[str, Any]], *under: str | int) -> list[dict[str, object]]:
    """pydantic's errors about a part of the body, as a problem tells them; `under`: the way to that part."""
    return [_finding({**error, "loc": ("body", *under, *error["loc"])}) for error in errors]


def internal_error() -> Response:
    """A 500 that tells nothing of the inside but the trace to look for."""
    return problem(500, "internal-error", "服务内部错误，请把追踪号（trace_id）告诉运维人员")


def install(app: FastAPI, statuses: Mapping[type[DomainError], int]) -> None:
    """Render every kind of failure of `app`; `statuses` are the service's own errors, the nearest base class wins."""
    known = {**STATUSES, **statuses}

    async def domain(_: Request, error: DomainError) -> Response:
        return problem(_status(type(error), known), code_of(type(error)), error.message, members=error.details)

    handlers: dict[type[Exception], Callable[[Request, Any], Awaitable[Response]]] = {
        DomainError: domain,
        HttpProblem: _http_problem,
        HTTPException: _http_exception,
        RequestValidationError: _invalid_request,
        DBAPIError: _database_error,
        PostgresError: _database_error,  # raised as it is while connecting
        PoolTimeout: _unavailable,
        OSError: _unavailable,
        Exception: _unexpected,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)


def _status(kind: type[DomainError], known: Mapping[type[DomainError], int]) -> int:
    return next(known[base] for base in kind.__mro__ if base in known)


def code_of(kind: type[Exception]) -> str:
    """`VersionConflict` → `version-conflict`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind.__name__).lower()


async def _unexpected(_: Request, __: Exception) -> Response:
    return internal_error()


async def _http_problem(_: Request, error: HttpProblem) -> Response:
    return error.response()


_HTTP: Mapping[int, tuple[str, str]] = {
    400: ("malformed-request", "请求格式有误"),
    404: ("no-such-route", "没有这个地址"),
    405: ("method-not-allowed", "该地址不支持这种请求方法"),
    413: ("body-too-large", "请求正文过大"),
    415: ("unsupported-media-type", "不支持这种内容类型"),
}


async def _http_exception(_: Request, error: HTTPException) -> Response:
    phrase = http.HTTPStatus(error.status_code).phrase
    code, detail = _HTTP.get(error.status_code, (re.sub(r"[^a-z]+", "-", phrase.lower()), phrase))
    return problem(error.status_code, code, detail, headers=error.headers)


def _said(error: Exception) -> str:
    """The database's own words; SQLAlchemy's would add the statement and its values."""
    return str(getattr(error, "orig", error)) or repr(error)


async def _unavailable(_: Request, error: Exception) -> Response:
    telemetry.log.warning("database unavailable", error=_said(error))
    return problem(503, "unavailable", "服务暂时不可用，请稍后重试", headers=_RETRY)


_NOT_IN_ORDER = ("25006", "28", "3D", "3F", "58", "F0", "XX")
"""SQLSTATEs of a server that has to be mended, or whose role or database is yet to be made. A missing table or column
is not among them: it may as well be a fault of the statement, and shows as such."""


async def _database_error(request: Request, error: Exception) -> Response:
    """What a statement's SQLSTATE says about the request; anything else is a fault of ours and stays a 500."""
    state = str(getattr(getattr(error, "orig", error), "sqlstate", None) or "")
    if state in ("23505", "23503"):
        telemetry.log.info("constraint refused a write", sqlstate=state, error=_said(error))
        return problem(409, "conflicting-record", "与已有记录冲突，请刷新后重试")
    if state in ("22021", "22P05"):
        return problem(422, "unstorable-text", "文本含有无法保存的字符（例如空字符）")
    if state in ("40001", "40P01", "55P03", "57014"):
        telemetry.log.warning("a transaction gave way", sqlstate=state, error=_said(error))
        return problem(503, "busy", "系统繁忙，请稍后重试", headers=_RETRY)
    if is_transient(error) or state.startswith(_NOT_IN_ORDER):
        return await _unavailable(request, error)
    raise error


async def _invalid_request(request: Request, error: RequestValidationError) -> Response:
    errors = error.errors()
    if errors and errors[0]["type"] == "json_invalid":
        return _malformed_json(errors[0], error.body)
    if _wrong_media_type(request, error.body):
        return problem(415, "unsupported-media-type", "不支持这种内容类型")
    return problem(422, "invalid-request", "请求内容不符合要求", members={"errors": [_finding(e) for e in errors]})


def _malformed_json(finding: Mapping[str, Any], text: object) -> Response:
    position = int(finding["loc"][-1])
    before = text[:position] if isinstance(text, str) else ""
    line, column = before.count("\n") + 1, position - (before.rfind("\n") + 1) + 1
    return problem(
        400,
        "malformed-json",
        f"请求正文不是有效的 JSON：第 {line} 行第 {column} 列",
        members={"line": line, "column": column, "reason": finding["ctx"]["error"]},
    )


def _wrong_media_type(request: Request, body: object) -> bool:
    """FastAPI leaves a body that it does not take for JSON as bytes, and one that is not a form as an empty form."""
    if isinstance(body, bytes):
        return True
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    forms = ("multipart/form-data", "application/x-www-form-urlencoded")
    return isinstance(body, FormData) and sent not in forms


def _finding(error: Mapping[str, Any]) -> dict[str, object]:
    place, *path = error["loc"]
    where = {"pointer": _pointer(path)} if place == "body" else {"name": ".".join(str(step) for step in path)}
    return {"in": place, **where, "code": error["type"], "detail": _explain(error)}


def _pointer(path: Sequence[object]) -> str:
    return "#" + "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)


_MESSAGES: Mapping[str, str] = {
    "missing": "缺少该项",
    "extra_forbidden": "没有这一项",
    "string_type": "应为文本",
    "string_too_short": "至少 {min_length} 个字符",
    "string_too_long": "最多 {max_length} 个字符",
    "string_pattern_mismatch": "格式不符：应匹配 {pattern}",
    "string_unicode": "文本含有无效字符",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数，不能有小数",
    "float_type": "应为数字",
    "float_parsing": "应为数字",
    "finite_number": "应为有限的数字",
    "decimal_type": "应为数字",
    "decimal_parsing": "应为数字",
    "decimal_max_places": "最多 {decimal_places} 位小数",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "uuid_type": "应为 UUID",
    "uuid_parsing": "应为 UUID",
    "date_type": "应为日期，如 2026-03-02",
    "date_parsing": "应为日期，如 2026-03-02",
    "date_from_datetime_parsing": "应为日期，如 2026-03-02",
    "date_from_datetime_inexact": "应为日期，不含时刻",
    "datetime_type": "应为时间，如 2026-03-02T09:00:00+08:00",
    "datetime_parsing": "应为时间，如 2026-03-02T09:00:00+08:00",
    "datetime_from_date_parsing": "应为时间，如 2026-03-02T09:00:00+08:00",
    "timezone_aware": "时间须带时区，如 +08:00",
    "enum": "只能是 {expected}",
    "literal_error": "只能是 {expected}",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "list_type": "应为列表",
    "tuple_type": "应为列表",
    "too_short": "至少 {min_length} 项",
    "too_long": "最多 {max_length} 项",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
    "url_type": "应为网址",
    "url_parsing": "应为网址",
    "url_scheme": "网址须以 {expected_schemes} 开头",
    "union_tag_not_found": "缺少类别 {discriminator}",
    "union_tag_invalid": "类别 {tag} 不在 {expected_tags} 之中",
    "value_error": "{error}",
    "assertion_error": "{error}",
}


def _explain(error: Mapping[str, Any]) -> str:
    """Chinese where the kind is known, otherwise pydantic's English; never the input itself."""
    message = _MESSAGES.get(error["type"])
    if message is None:
        return str(error["msg"])
    return message.format_map({name: str(value) for name, value in error.get("ctx", {}).items()})
