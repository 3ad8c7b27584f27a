"""Encryption at rest for what the database must not show: robots' URLs and secrets.

AES-256-GCM; each text is bound to its place (`where`), so that one row's cannot be moved into another's. Keys come from
the lines of LIANDU_VAULT_KEY_FILE: the first encrypts, all decrypt; `renew` re-encrypts what an older key made.
"""

import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_VERSION = b"\x01"
_ID_BYTES = 4
_NONCE_BYTES = 12


class CannotOpen(Exception):
    """The text was encrypted with a key that is not in the file, belongs elsewhere, or was damaged."""


class Vault:
    def __init__(self, keys: Sequence[str]) -> None:
        """`keys`: secrets of at least 32 random characters (`settings.read_secrets`), the current one first."""
        if not keys:
            raise ValueError("a vault needs a key")
        derived = [_derive(key) for key in keys]
        self._current = derived[0][0]
        self._keys = {key_id: AESGCM(key) for key_id, key in reversed(derived)}

    def close(self, plain: str, *, where: str) -> bytes:
        """Encrypt `plain`; `where` names its place, e.g. `robot/<id>/url`, and must be the same at opening."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._keys[self._current].encrypt(nonce, plain.encode(), where.encode())
        return _VERSION + self._current + nonce + sealed

    def open(self, sealed: bytes, *, where: str) -> str:
        """Raises `CannotOpen`."""
        key = self._keys.get(self._key_id(sealed))
        if sealed[:1] != _VERSION or key is None:
            raise CannotOpen("no key of the vault fits")
        body = sealed[1 + _ID_BYTES :]
        try:
            return key.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], where.encode()).decode()
        except (InvalidTag, ValueError):
            raise CannotOpen("damaged, or of another place") from None

    def is_stale(self, sealed: bytes) -> bool:
        """Whether an older key than the current one encrypted it."""
        return self._key_id(sealed) != self._current

    def renew(self, sealed: bytes, *, where: str) -> bytes:
        """The same text under the current key. Raises `CannotOpen`."""
        return self.close(self.open(sealed, where=where), where=where)

    @staticmethod
    def _key_id(sealed: bytes) -> bytes:
        return sealed[1 : 1 + _ID_BYTES]


def _derive(secret: str) -> tuple[bytes, bytes]:
    """(id, key): both from the secret, neither tells of the other."""
    material = HKDF(hashes.SHA256(), 32 + _ID_BYTES, salt=None, info=b"liandu vault 1").derive(secret.encode())
    return material[32:], material[:32]
