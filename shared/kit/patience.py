"""How the parts of a process outlive what their work stands on: they wait, say so, and begin again."""

import time
from weakref import WeakSet

from shared.kit import telemetry
from shared.kit.transient import Backoff, in_words, is_waited_out, needs_mending

REMIND_EVERY = 60.0
"""Real seconds after which the log says again what a part waits for."""

STEADY_AFTER = 30.0
"""Real seconds without a failure after which a part counts as going on, whether it had anything to do or not."""

_ALL: "WeakSet[Patience]" = WeakSet()

_WAITING = telemetry.gauge(
    "liandu_waiting_for_repair", "1 while this part cannot go on until the database is mended", ["part"]
)
_INTERRUPTIONS = telemetry.counter("liandu_interruptions_total", "Times that this part began anew", ["part"])


class Patience:
    """The patience of one part of the process.

    What passes by itself (a lost connection, a deadlock) is only noted in the log. What somebody has to mend (a missing
    column or right, an I/O error, a full disk) is named by `faults` for as long as it keeps the part from its work.
    """

    def __init__(
        self, part: str, *, longest: float = 1.0, passing: tuple[type[Exception], ...] = (), first: float = 0.01
    ) -> None:
        """Pauses grow from `first` to `longest` seconds. `passing`: what else passes by itself, for this part."""
        self.part = part
        self._passing = passing
        self._backoff = Backoff(first=first, longest=longest)
        self._fault: str | None = None
        self._failed_at = self._said_at = 0.0
        _ALL.add(self)
        _WAITING.labels(part).set_function(lambda: part in faults())

    @property
    def fault(self) -> str | None:
        """What somebody has to mend, in words."""
        return self._fault if time.monotonic() - self._failed_at < STEADY_AFTER else None

    async def bear(self, error: Exception) -> None:
        """Pause before the work is begun again.

        Raises:
            Exception: the error itself, when waiting helps nobody.
        """
        if not (is_waited_out(error) or isinstance(error, self._passing)):
            raise error
        if time.monotonic() - self._failed_at > STEADY_AFTER:
            self.over()
        self._note(error)
        await self._backoff.pause()

    def over(self) -> None:
        """The work goes on."""
        self._backoff.reset()
        if self._fault is not None:
            telemetry.log.info("mended", part=self.part)
            self._fault = None

    def _note(self, error: Exception) -> None:
        _INTERRUPTIONS.labels(self.part).inc()
        self._failed_at = time.monotonic()
        words = telemetry.without_secrets(in_words(error))
        if not needs_mending(error):
            telemetry.log.warning("interrupted", part=self.part, error=words)
            return
        if self._fault is None or self._failed_at - self._said_at > REMIND_EVERY:
            telemetry.log.error("waits until the database is mended", part=self.part, error=words, exc_info=error)
            self._said_at = self._failed_at
        self._fault = words


def faults() -> dict[str, str]:
    """What the parts of this process wait for that somebody has to mend, by part."""
    return {each.part: each.fault for each in _ALL if each.fault is not None}
