"""Whether another process is dead, as the kernel knows it: certainly, and at once.

A process keeps a socket bound to its number in Linux's abstract namespace. The kernel frees that name when the process
ends, however it ends, and not while it is frozen or cut off from the database. Such names are seen within one network
namespace only, so the upper half of a number says in which it was given. Of all others nothing is known: a process in
another container or on another machine, or where there are no such names.
"""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from pathlib import Path
from secrets import randbits

_HALF = 32
_NOWHERE = 0


@contextmanager
def number() -> Iterator[int]:
    """A number of 63 bits for this process, that others may ask about until the block ends."""
    own = _here() << _HALF | randbits(_HALF)
    bound = _bind(own)
    try:
        yield own if bound else own & (1 << _HALF) - 1
    finally:
        if bound:
            bound.close()


def is_dead(other: int) -> bool:
    """Whether the process with this number has certainly ended; False also where nobody can tell."""
    if other >> _HALF != _here() or _here() == _NOWHERE:
        return False
    freed = _bind(other)
    if freed:
        freed.close()
    return freed is not None


def _bind(own: int) -> socket.socket | None:
    """A socket bound to this name; None when it is taken, or there are no such names."""
    if own >> _HALF == _NOWHERE:
        return None
    bound = socket.socket(socket.AF_UNIX)
    try:
        bound.bind(f"\0liandu-sender-{own}")
    except OSError:
        bound.close()
        return None
    return bound


@cache
def _here() -> int:
    """This kernel and network namespace, in 31 bits."""
    if sys.platform != "linux":
        return _NOWHERE
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_bytes()
        namespace = Path("/proc/self/ns/net").stat().st_ino
    except OSError:
        return _NOWHERE
    return int.from_bytes(blake2b(b"%b %d" % (boot, namespace), digest_size=4).digest()) >> 1
