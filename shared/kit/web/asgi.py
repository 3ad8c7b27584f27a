"""What goes around every request: its trace, one line in the log, its metrics, and an answer when all else failed."""

import re
import time

from fastapi import FastAPI
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.kit import telemetry
from shared.kit.web import problems

_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})
_REQUESTS = telemetry.counter("liandu_http_requests", "HTTP requests answered", ("method", "route", "status"))
_SECONDS = telemetry.histogram(
    "liandu_http_request_seconds",
    "Time from a request's first byte to its answer's last",
    ("method", "route"),
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)


class App(FastAPI):
    """FastAPI with `Frame` outside everything, so that it sees what the application's own middleware answers."""

    def build_middleware_stack(self) -> ASGIApp:
        return Frame(super().build_middleware_stack())


class Frame:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        exchange = _Exchange(scope, send)
        with telemetry.tracing(exchange.traceparent):
            try:
                await self._app(scope, receive, exchange.send)
            except Exception as error:
                await exchange.failed(error, receive)
            finally:
                exchange.report()


class _Exchange:
    """One request and what became of it."""

    __slots__ = ("_replaced", "_scope", "_send", "_since", "_status", "request_id", "traceparent")

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self._since = time.perf_counter()
        self._status = 0
        self._replaced = False
        headers: dict[bytes, bytes] = dict(scope["headers"])
        self.traceparent = telemetry.new_traceparent(headers.get(b"traceparent", b"").decode("latin-1"))
        given = headers.get(b"x-request-id", b"").decode("latin-1")
        self.request_id = given if _REQUEST_ID.fullmatch(given) else self.traceparent[3:35]

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            if self._status == 413 and _is_plain(message):
                await self._too_large()
                return
            message["headers"] = [*message.get("headers", ()), *self._headers()]
        elif self._replaced:
            return
        await self._send(message)

    async def failed(self, error: Exception, receive: Receive) -> None:
        """Nobody dealt with it: into the log with it, and a bare 500 to the caller if nothing was sent yet."""
        telemetry.log.error("request failed", **self._facts(), exc_info=error)
        if not self._status:
            await problems.internal_error()(self._scope, receive, self.send)

    async def _too_large(self) -> None:
        """The framework's body limit answers in plain text, past every handler: make it a problem like the rest."""
        self._replaced = True
        response = problems.problem(413, "body-too-large", "请求正文过大")
        headers = [*response.raw_headers, *self._headers()]
        await self._send({"type": "http.response.start", "status": 413, "headers": headers})
        await self._send({"type": "http.response.body", "body": response.body})

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"traceparent", self.traceparent.encode()), (b"x-request-id", self.request_id.encode())]

    def report(self) -> None:
        facts = self._facts()
        seconds = time.perf_counter() - self._since
        _REQUESTS.labels(facts["method"], facts["route"], self._status).inc()
        _SECONDS.labels(facts["method"], facts["route"]).observe(seconds)
        say = telemetry.log.debug if facts["route"] in _QUIET else telemetry.log.info
        say("request", **facts, status=self._status, ms=round(seconds * 1000, 1), request_id=self.request_id)

    def _facts(self) -> dict[str, object]:
        facts: dict[str, object] = {"method": _method(self._scope), "route": _template(self._scope)}
        if (path := telemetry.shown_path(self._scope["path"])) != facts["route"]:
            facts["path"] = path
        if (subject := self._scope.get("liandu.subject")) is not None:
            facts["subject"] = subject
        return facts


def _is_plain(start: Message) -> bool:
    return any(name == b"content-type" and value.startswith(b"text/plain") for name, value in start["headers"])


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _method(scope: Scope) -> str:
    return scope["method"] if scope["method"] in _METHODS else "OTHER"


def _template(scope: Scope) -> str:
    """The route's path with its parameters' names: few values, as labels of metrics must be."""
    included = scope.get("fastapi", {}).get("effective_route_context")
    route = included or scope.get("route")
    return getattr(route, "path_format", None) or "unmatched"
