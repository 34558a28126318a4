"""Risk's signature over a decision: without it, or with it a second time, nothing is sent.

Ed25519 over environment, log_id, topic, key and value, each with its length before it, so that no
two records give the same bytes; in the header `tape_signature`.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

HEADER: Final = "tape_signature"


class Scope(NamedTuple):
    """Where a signature holds: a record copied to another log or environment is not approved."""

    environment: str
    log_id: str


def signed_bytes(scope: Scope, topic: str, key: bytes, value: bytes) -> bytes:
    """What is signed. `topic` without the environment's prefix."""
    parts = (scope.environment.encode(), scope.log_id.encode(), topic.encode(), key, value)
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def sign(private: Ed25519PrivateKey, scope: Scope, topic: str, key: bytes, value: bytes) -> bytes:
    """64 bytes, for the header."""
    return private.sign(signed_bytes(scope, topic, key, value))


def holds(
    public: Ed25519PublicKey, scope: Scope, topic: str, key: bytes, value: bytes, signature: bytes
) -> bool:
    """Whether a signature is risk's, for this record on this log."""
    try:
        public.verify(signature, signed_bytes(scope, topic, key, value))
    except InvalidSignature:
        return False
    return True
