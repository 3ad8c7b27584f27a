"""Ports for a whole platform."""

import random

from services.operator.processes import is_free

_SPAN = 10
_BASES = range(10_000, 20_000, _SPAN)
"""Below the ports that single servers take here, and below those of outgoing connections."""


def free_port_base() -> int:
    """A PORT_BASE whose ten ports nobody uses at this moment."""
    while True:
        base = random.choice(_BASES)
        if all(is_free(base + offset) for offset in range(_SPAN)):
            return base
