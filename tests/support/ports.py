"""Ports for a whole platform."""

import socket

from services.operator.processes import free_port


def free_port_base() -> int:
    """A PORT_BASE whose ten ports nobody uses at this moment."""
    while True:
        base = free_port()
        if base < 65000 and all(_is_free(base + offset) for offset in range(10)):
            return base


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
