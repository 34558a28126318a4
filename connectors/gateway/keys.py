"""Trading keys: read by reference, used to sign, shown nowhere.

The text that a reference leads to is JSON, `{"api_key": ..., "secret": ...}` for HMAC or
`{"api_key": ..., "private_key": "-----BEGIN PRIVATE KEY-----..."}` for Ed25519. No error names what
was read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from schemas.errors import TapeError
from schemas.secret import MASK, Secret

_PROBE: Final = b"probe"


class KeyRefused(TapeError):
    """A trading key that cannot be used, or must not be."""


class Key:
    """See `connectors.orderport.interface.Credentials`. Its text is masked everywhere."""

    __slots__ = ("_api_key", "_sign")

    def __init__(self, api_key: str, sign: Callable[[bytes], str]) -> None:
        self._api_key, self._sign = api_key, sign

    @property
    def api_key(self) -> str:
        return self._api_key

    def sign(self, payload: bytes) -> str:
        return self._sign(payload)

    def same_as(self, other: Key) -> bool:
        """Whether both sign alike."""
        return (self._api_key, self.sign(_PROBE)) == (other.api_key, other.sign(_PROBE))

    def __repr__(self) -> str:
        return f"Key({MASK})"

    def __reduce__(self) -> Any:
        raise TypeError("a key is not written anywhere")


def parse_key(text: Secret) -> Key:
    """The key in a reference's text. Raises `KeyRefused`."""
    try:
        said = json.loads(text.reveal())
        api_key = said["api_key"]
        private = said.get("private_key")
        sign = _hmac(said["secret"]) if private is None else _ed25519(private)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyRefused(
            'the trading key is not JSON with "api_key" and "secret" or "private_key"'
        ) from None
    if not (isinstance(api_key, str) and api_key.isalnum() and api_key.isascii()):
        raise KeyRefused('"api_key" of the trading key is not letters and digits')
    return Key(api_key, sign)


def _hmac(secret: str) -> Callable[[bytes], str]:
    raw = secret.encode()

    def sign(payload: bytes) -> str:
        return hmac.new(raw, payload, hashlib.sha256).hexdigest()

    return sign


def _ed25519(pem: str) -> Callable[[bytes], str]:
    key = load_pem_private_key(pem.encode(), password=None)
    if not isinstance(key, Ed25519PrivateKey):
        raise ValueError("not Ed25519")

    def sign(payload: bytes) -> str:
        return b64encode(key.sign(payload)).decode()

    return sign
