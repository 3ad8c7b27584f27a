"""Where the processor time of this process goes, by part: samples of its stack, taken as processor time passes."""

import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType

_EVERY = 0.005
"""Seconds of processor time from one sample to the next: what waits is not sampled."""

_PARTS = (
    ("/asyncpg/", "asyncpg"),
    ("/sqlalchemy/", "SQLAlchemy"),
    ("/aiokafka/", "aiokafka"),
    ("/pydantic/", "pydantic"),
    ("/fastapi/", "FastAPI"),
    ("/starlette/", "FastAPI"),
    ("/uvicorn/", "FastAPI"),
    ("/httpx/", "httpx (the client)"),
    ("/httpcore/", "httpx (the client)"),
    ("/h11/", "httpx (the client)"),
    ("/aiohttp/", "aiohttp"),
    ("/structlog/", "structlog"),
    ("/domain/", "domain"),
    ("/services/", "handlers and store"),
    ("/shared/contracts/", "contracts"),
    ("/shared/kit/log/", "kit: log and relay"),
    ("/shared/kit/consuming/", "kit: consuming"),
    ("/shared/kit/web/", "kit: web"),
    ("/shared/kit/", "kit: the rest"),
    ("/tests/", "the bench"),
    ("/asyncio/runners", "event loop"),
)
"""By a piece of a file's path. The innermost frame that one of them names counts; the standard library's count for
whoever called them."""

Shares = Mapping[str, float]


class Profile:
    """Adds up samples over all blocks in which it is `running`. Only in the main thread."""

    def __init__(self) -> None:
        self._samples: Counter[str] = Counter()

    @contextmanager
    def running(self) -> Iterator[None]:
        before = signal.signal(signal.SIGPROF, self._sample)
        signal.setitimer(signal.ITIMER_PROF, _EVERY, _EVERY)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    def shares(self) -> Shares:
        """Of all samples, the largest first."""
        total = self._samples.total()
        return {part: count / total for part, count in self._samples.most_common()}

    def _sample(self, _: int, frame: FrameType | None) -> None:
        while frame is not None:
            file = frame.f_code.co_filename
            for piece, part in _PARTS:
                if piece in file:
                    self._samples[part] += 1
                    return
            frame = frame.f_back
        self._samples["other"] += 1
