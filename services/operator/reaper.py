"""Ends what a killed launcher left behind.

    python -S reaper.py < pipe

The launcher holds the other end of the pipe and writes `+PID` for each process group it starts and `-PID` when that
has ended. When the pipe closes, the launcher is gone, and whatever is still listed is asked to end, then killed. On
Linux the kernel has asked already (processes.spawn); this is for other systems, and for those that do not listen.
Imports little: it is one more process on the machine, all the time.
"""

import os
import signal
import sys
import time

_GRACE = 4.0


def follow(lines: object) -> set[int]:
    """The process groups that are left when the launcher's lines end."""
    left: set[int] = set()
    for line in lines:  # type: ignore[attr-defined]
        action, number = line[0], int(line[1:])
        left.add(number) if action == "+" else left.discard(number)
    return left


def reap(groups: set[int]) -> None:
    if sys.platform != "linux":
        _signal(groups, signal.SIGTERM)
    until = time.monotonic() + _GRACE
    while groups and time.monotonic() < until:
        groups = {group for group in groups if _is_there(group)}
        time.sleep(0.05)
    _signal(groups, signal.SIGKILL)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _signal(groups: set[int], number: signal.Signals) -> None:
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            continue


if __name__ == "__main__":
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)  # it ends when the pipe does, not before
    reap(follow(sys.stdin))
