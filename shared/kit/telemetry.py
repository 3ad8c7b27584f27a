"""What a process tells about itself: one structured log on stderr, metrics, and the W3C trace of each request.

Secrets never reach the log: values under telling names and the usual shapes of secrets in URLs are blanked in every
line, those of libraries included; paths are cut where a segment is long enough to be a signed link.
"""

import logging
import os
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from contextvars import ContextVar
from typing import Any, Literal, TypeVar

import orjson
import structlog
from prometheus_client import REGISTRY, Counter, Gauge, Histogram
from structlog.typing import EventDict, Processor, WrappedLogger

log: structlog.stdlib.BoundLogger = structlog.get_logger("liandu")

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_NO_TRACE = "0" * 32
_NO_SPAN = "0" * 16
_current: ContextVar[str | None] = ContextVar("traceparent", default=None)


def new_traceparent(parent: str | None = None) -> str:
    """A new span: of the trace of `parent` when that is a valid traceparent, otherwise of a new trace."""
    span = os.urandom(8).hex()
    match = _TRACEPARENT.fullmatch(parent) if parent else None
    if match is None or match[1] == "ff" or match[2] == _NO_TRACE or match[3] == _NO_SPAN:
        return f"00-{os.urandom(16).hex()}-{span}-01"
    if match[1] == "00" and len(match[0]) != 55:
        return f"00-{os.urandom(16).hex()}-{span}-01"
    return f"00-{match[2]}-{span}-{match[4]}"


def current_traceparent() -> str | None:
    """The traceparent of the request, batch or timer at hand."""
    return _current.get()


def current_trace_id() -> str | None:
    traceparent = _current.get()
    return traceparent[3:35] if traceparent else None


class tracing:  # noqa: N801 - reads as a verb: `with tracing(traceparent):`
    """Everything inside belongs to this trace: log lines carry its id, answers name it."""

    __slots__ = ("_token", "_traceparent")

    def __init__(self, traceparent: str | None) -> None:
        self._traceparent = traceparent

    def __enter__(self) -> None:
        self._token = _current.set(self._traceparent)

    def __exit__(self, *_: object) -> None:
        _current.reset(self._token)


_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)
_metrics: dict[str, Counter | Gauge | Histogram] = {}


def counter(name: str, says: str, labels: Sequence[str] = ()) -> Counter:
    """The process's counter of this name; asked for twice it is the same one."""
    return _metric(Counter, name, says, labels)


def gauge(name: str, says: str, labels: Sequence[str] = ()) -> Gauge:
    return _metric(Gauge, name, says, labels)


def histogram(name: str, says: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = ()) -> Histogram:
    """`buckets` in the metric's own unit (seconds as a rule); the library's default when left out."""
    return _metric(Histogram, name, says, labels, **({"buckets": buckets} if buckets else {}))


def _metric(kind: type[_Metric], name: str, says: str, labels: Sequence[str], **options: Any) -> _Metric:
    found = _metrics.get(name)
    if found is None:
        found = _metrics[name] = kind(name, says, labels, registry=REGISTRY, **options)
    if not isinstance(found, kind):
        raise TypeError(f"metric {name} is a {type(found).__name__}")
    return found


_SECRET_NAME = re.compile(r"(?:authorization|password|passwd|secret|token|api_?key|cookie)s?$", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r"""((?:access_token|[?&]key|sign|signature|token|password|secret)=|bearer\s+|/hook/|://[^:/@\s"']*:(?=[^@/\s"']*@))"""
    r"""[^&\s"'@\\/]+""",
    re.IGNORECASE,
)
_HINTS = ("=", "://", "/hook/", "earer", "EARER")
_LONG_SEGMENT = re.compile(r"[^/?]{41,}")


def without_secrets(text: str) -> str:
    """`text` with what looks like a secret blanked."""
    if not any(hint in text for hint in _HINTS):  # most lines; the expression takes 25 µs, this a tenth of one
        return text
    return _SECRET_TEXT.sub(r"\1***", text)


def shown_path(path: str) -> str:
    """A path as it may stand in a log: segments of more than 40 characters (signed links) are not shown."""
    return _LONG_SEGMENT.sub("…", path)[:300]


def _blank_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    for name in event:
        if _SECRET_NAME.search(name):
            event[name] = "***"
    return event


def _add_trace(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    if (trace_id := current_trace_id()) is not None:
        event.setdefault("trace_id", trace_id)
    return event


def _as_json(_: WrappedLogger, __: str, event: EventDict) -> str:
    return without_secrets(orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode())


class _Console:
    def __init__(self) -> None:
        self._renderer = structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            exception_formatter=structlog.dev.plain_traceback,  # the rich one prints local variables: tokens, URLs
        )

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        return without_secrets(str(self._renderer(logger, name, event)))


def configure_logging(service: str, *, form: Literal["json", "console"] = "json", level: str = "info") -> None:
    """Route structlog and the standard library's logging (uvicorn, aiokafka, alembic, …) to stderr in one form."""

    def name_service(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event["service"] = service
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
        _add_trace,
        _blank_secrets,
        *([structlog.processors.format_exc_info] if form == "json" else []),
    ]
    last: Processor = _as_json if form == "json" else _Console()
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    _route_standard_library(shared, last, level)


def _route_standard_library(shared: Sequence[Processor], last: Processor, level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    logging.captureWarnings(True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in ("httpx", "httpcore"):  # at INFO they write whole URLs: a robot's URL is its password
        logging.getLogger(name).setLevel(logging.WARNING)
    # Relay and consumer say themselves what is wrong with the broker; aiokafka says it twenty times a second.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def trace_headers(headers: MutableMapping[str, str] | None = None) -> Mapping[str, str]:
    """`headers` with the current trace, for a call to another service."""
    headers = {} if headers is None else headers
    if (traceparent := current_traceparent()) is not None:
        headers["traceparent"] = traceparent
    return headers
