"""What a record may show of what was sent: no secret, no live link, no telephone number."""

from collections.abc import Iterable

HIDDEN = "［已隐去］"


def redact(text: str, secrets: Iterable[str]) -> str:
    """The text with each secret hidden, longest first so that none shows through in part of another."""
    for secret in sorted({one for one in secrets if one}, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text
