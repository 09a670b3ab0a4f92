"""Secrets as they are stored: each sealed with a key of its own, which is sealed with the master key.

A sealed text is bound to where it belongs: moved to another row, field or workspace it does not open. To change the
master key, only the small keys are sealed anew.
"""

import base64
import binascii
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_KEY_BYTES = 32
_NONCE_BYTES = 12
_FORM = "sealed1"


class CannotOpen(Exception):
    """A sealed text that none of the master keys opens, or that is not where it belongs."""


class MasterKeys:
    """The keys that seal keys: the first seals and opens, the others only open, while their records are rewrapped."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take keys of 32 bytes."""
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise ValueError("a master key has 32 bytes")
        self._keys = {_id_of(key): AESGCM(_derived(key, b"seals the keys of records")) for key in keys}
        self.first = next(iter(self._keys))

    def seal(self, text: str, place: str) -> str:
        """Return a text that only these keys open, and only for that place."""
        key = AESGCM.generate_key(8 * _KEY_BYTES)
        return _written(self.first, self._wrap(key, place), _encrypted(AESGCM(key), text.encode(), place))

    def open(self, sealed: str, place: str) -> str:
        """Return the text; raises `CannotOpen`."""
        by, wrapped, content = _parts(sealed)
        try:
            return _decrypted(AESGCM(self._unwrap(by, wrapped, place)), content, place).decode()
        except (InvalidTag, UnicodeDecodeError):
            raise CannotOpen("it was sealed for another place, or changed since") from None

    def rewrap(self, sealed: str, place: str) -> str:
        """Return the same text with its key sealed by the first master key; what is inside is not touched."""
        by, wrapped, content = _parts(sealed)
        if by == self.first:
            return sealed
        return _written(self.first, self._wrap(self._unwrap(by, wrapped, place), place), content)

    def _wrap(self, key: bytes, place: str) -> bytes:
        return _encrypted(self._keys[self.first], key, f"{self.first} {place}")

    def _unwrap(self, by: str, wrapped: bytes, place: str) -> bytes:
        if by not in self._keys:
            raise CannotOpen(f"it was sealed by the master key {by}, which is not given")
        try:
            return _decrypted(self._keys[by], wrapped, f"{by} {place}")
        except InvalidTag:
            raise CannotOpen("it was sealed for another place, or changed since") from None


def is_sealed(value: object) -> bool:
    """Whether a value is a sealed text."""
    return isinstance(value, str) and value.startswith(_FORM + ":")


def key_from(text: str) -> bytes:
    """Return a key that is written as base64 or hex; raises `ValueError`."""
    text = text.strip()
    for read in (bytes.fromhex, lambda word: base64.b64decode(word, validate=True)):
        try:
            key = read(text)
        except (ValueError, binascii.Error):
            continue
        if len(key) == _KEY_BYTES:
            return key
    raise ValueError("expected 32 bytes as base64 or hex; `openssl rand -base64 32` makes such a key")


def _derived(key: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=_KEY_BYTES, salt=None, info=b"beamsplitter " + purpose).derive(key)


def _id_of(key: bytes) -> str:
    return _derived(key, b"names itself")[:4].hex()


def _encrypted(cipher: AESGCM, content: bytes, place: str) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, content, place.encode())


def _decrypted(cipher: AESGCM, content: bytes, place: str) -> bytes:
    return cipher.decrypt(content[:_NONCE_BYTES], content[_NONCE_BYTES:], place.encode())


def _written(by: str, wrapped: bytes, content: bytes) -> str:
    return ":".join((_FORM, by, base64.b64encode(wrapped).decode(), base64.b64encode(content).decode()))


def _parts(sealed: str) -> tuple[str, bytes, bytes]:
    try:
        form, by, wrapped, content = sealed.split(":")
        parts = by, base64.b64decode(wrapped, validate=True), base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error):
        raise CannotOpen("it is no sealed text") from None
    if form != _FORM:
        raise CannotOpen("it was sealed by a later version")
    return parts
