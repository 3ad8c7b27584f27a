"""Signed links in messages: what a press of one may do, for which records, until when. Their time is the platform's.

A token is base64url of `purpose, expiry, message number, subjects` in binary and 16 bytes of HMAC-SHA256 over them:
about a hundred characters for one subject. Every holder of the link may use it, so it says nothing about who pressed.
"""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from shared.kit.errors import DomainError, NotAllowed

_VERSION = 1
_MAC_BYTES = 16
_CONTEXT = b"liandu link"
_HEAD = struct.Struct(">BBBBI")  # version, length of purpose, length of message number, subjects, expiry (Unix, s)
_LONGEST_TOKEN = 1000


class LinkForged(NotAllowed):
    """The token was not signed by us, for this purpose, or was damaged on its way."""

    def __init__(self) -> None:
        super().__init__("链接无效，请使用消息中的原链接")


class LinkExpired(DomainError):
    """The token is ours and its time is over."""

    def __init__(self, expired_at: datetime) -> None:
        super().__init__("链接已过期，请登录系统办理", expired_at=expired_at.isoformat())


@dataclass(frozen=True, slots=True)
class Link:
    """`purpose`: what a press does, e.g. `acknowledge`. `message`: the number of the message that carries it."""

    purpose: str
    subjects: tuple[UUID, ...]
    message: str
    expires_at: datetime
    """To the second: fractions are dropped when signing."""


def sign_link(link: Link, *, secrets: Sequence[str]) -> str:
    """A URL-safe token for `link`, signed with the first of `secrets`.

    Raises:
        ValueError: a purpose or message number over 255 bytes, more than 255 subjects, or a naive time.
    """
    if link.expires_at.tzinfo is None:
        raise ValueError("a link's expiry needs an offset")
    content = _pack(link)
    return base64.urlsafe_b64encode(content + _mac(content, secrets[0])).rstrip(b"=").decode()


def read_link(token: str, *, purpose: str, now: datetime, secrets: Sequence[str]) -> Link:
    """The link in a token, signed with any of `secrets`. `now`: the platform's time.

    Raises:
        LinkForged: not one of ours, or for another purpose.
        LinkExpired: `now` is its expiry or later.
    """
    content, mac = _split(token)
    if not any(hmac.compare_digest(mac, _mac(content, secret)) for secret in secrets):
        raise LinkForged
    link = _unpack(content)
    if link.purpose != purpose:
        raise LinkForged
    if now >= link.expires_at:
        raise LinkExpired(link.expires_at)
    return link


def _mac(content: bytes, secret: str) -> bytes:
    return hmac.new(secret.encode(), _CONTEXT + content, hashlib.sha256).digest()[:_MAC_BYTES]


def _split(token: str) -> tuple[bytes, bytes]:
    """Only the one spelling that `sign_link` gives is read: no padding, no stray bits, no other alphabet."""
    if len(token) > _LONGEST_TOKEN or not token.isascii():
        raise LinkForged
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), b"-_", validate=True)
    except binascii.Error:
        raise LinkForged from None
    if len(raw) < _HEAD.size + _MAC_BYTES or base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != token:
        raise LinkForged
    return raw[:-_MAC_BYTES], raw[-_MAC_BYTES:]


def _pack(link: Link) -> bytes:
    purpose, message = link.purpose.encode(), link.message.encode()
    if max(len(purpose), len(message), len(link.subjects)) > 255:
        raise ValueError("too much for one link")
    head = _HEAD.pack(_VERSION, len(purpose), len(message), len(link.subjects), int(link.expires_at.timestamp()))
    return head + purpose + message + b"".join(subject.bytes for subject in link.subjects)


def _unpack(content: bytes) -> Link:
    """Of signed content only; an unknown version is a later one's."""
    version, purpose, message, subjects, expiry = _HEAD.unpack_from(content)
    if version != _VERSION:
        raise LinkForged
    words = content[_HEAD.size :]
    ids = words[purpose + message :]
    return Link(
        purpose=words[:purpose].decode(),
        message=words[purpose : purpose + message].decode(),
        subjects=tuple(UUID(bytes=ids[at : at + 16]) for at in range(0, subjects * 16, 16)),
        expires_at=datetime.fromtimestamp(expiry, UTC),
    )
