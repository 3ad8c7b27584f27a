"""Where a message may go, and the sealing of addresses, secrets and mobile numbers at rest."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import UUID

import orjson

from services.notification.channels.base import Channel, Target
from shared.kit.errors import Invalid
from shared.kit.vault import Vault


class TargetRefused(Invalid):
    """The address is not on the allow-list, or lies in a private range."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """What is sealed before it is stored, each in its place. Opening raises `shared.kit.vault.CannotOpen`."""

    vault: Vault

    def seal_target(self, robot_id: str, target: Target) -> bytes:
        return self.vault.close(orjson.dumps([target.url, target.secret]).decode(), where=f"robot/{robot_id}/target")

    def open_target(self, robot_id: str, sealed: bytes) -> Target:
        url, secret = orjson.loads(self.vault.open(sealed, where=f"robot/{robot_id}/target"))
        return Target(url, secret)

    def seal_mobile(self, person_id: UUID, mobile: str) -> bytes:
        return self.vault.close(mobile, where=f"mention/{person_id}/mobile")

    def open_mobile(self, person_id: UUID, sealed: bytes) -> str:
        return self.vault.open(sealed, where=f"mention/{person_id}/mobile")


@dataclass(frozen=True, slots=True)
class Targets:
    """The policy of outgoing addresses: the vendors' own hosts and those listed, none private unless allowed."""

    allowed: Sequence[str]
    allow_private: bool

    def check(self, target: Target, channel: Channel) -> None:
        """
        Raises:
            TargetRefused: the host is not allowed, or is written as an address that is not.
        """
        parts = urlsplit(target.url)
        host = (parts.hostname or "").rstrip(".")
        listed = any(_matches(pattern, host, parts.port) for pattern in (*channel.hosts, *self.allowed))
        if not listed:
            raise TargetRefused("该地址不在允许发送的名单内，请联系系统运维", host=host)
        if parts.scheme != "https" and not self.allow_private:
            raise TargetRefused("机器人地址必须使用 https", host=host)
        if (address := _address(host)) is not None:
            self.check_address(address)

    def check_address(self, address: str) -> None:
        """The address a name led to is checked when it is connected to, so that no later answer of DNS can differ.

        Raises:
            TargetRefused: loopback, private, link-local (cloud metadata), multicast or reserved, unless allowed.
        """
        ip = ipaddress.ip_address(address.split("%")[0])
        mapped = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None) or ip
        special = mapped.is_reserved or mapped.is_unspecified or mapped.is_link_local or mapped.is_multicast
        if self.allow_private and (mapped.is_loopback or (mapped.is_private and not special)):
            return
        if not (ip.is_global and mapped.is_global) or mapped.is_multicast:
            raise TargetRefused("不允许向内网、本机或保留地址发送", address=address)


def _matches(pattern: str, host: str, port: int | None) -> bool:
    name, _, only = pattern.lower().partition(":")
    if only and only != str(port):
        return False
    return host == name or (name.startswith("*.") and host.endswith(name[1:]))


def _address(host: str) -> str | None:
    try:
        return str(ipaddress.ip_address(host.split("%")[0]))
    except ValueError:
        return None
