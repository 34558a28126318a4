"""Decisions signed: what the gateway obeys was written by risk, for this log, and not altered.

Ed25519 over environment, log id, topic, key and value, each with its length before it, in the
header `tape_signature`; `tape_signed_by` names the public key. Headers are no part of an epoch's
digest, so a replay needs no key. The private key comes by reference and never leaves the signer.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from connectors.log.interface import OutRecord
from schemas.errors import TapeError

SIGNATURE_HEADER: Final = "tape_signature"
KEY_HEADER: Final = "tape_signed_by"
_DOMAIN: Final = b"tape decision 1"
_RAW = serialization.Encoding.Raw, serialization.PublicFormat.Raw


class BadKey(TapeError):
    """A key is missing, or not an Ed25519 key in PEM."""


class Scope(NamedTuple):
    """What a signature holds for: a decision of another environment or log is worth nothing."""

    environment: str
    log_id: str


def signed_bytes(scope: Scope, topic: str, key: bytes, value: bytes) -> bytes:
    """What is signed: no two records give the same bytes."""
    parts = (_DOMAIN, scope.environment.encode(), scope.log_id.encode(), topic.encode(), key, value)
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class Signer:
    """Signs with a private key in PEM. Raises `BadKey`, which never shows the key."""

    def __init__(self, pem: bytes, scope: Scope) -> None:
        self._key, self._scope = private_key(pem), scope
        self._name = key_id(self._key.public_key())

    def sign(self, record: OutRecord) -> OutRecord:
        """The record with its signature and the name of the key."""
        what = signed_bytes(self._scope, record.topic, record.key, record.value)
        added = ((SIGNATURE_HEADER, self._key.sign(what)), (KEY_HEADER, self._name))
        return record._replace(headers=[*record.headers, *added])

    def sign_all(self, records: Sequence[OutRecord], topic: str) -> list[OutRecord]:
        """Those of one topic signed, the others as they are."""
        return [self.sign(r) if r.topic == topic else r for r in records]


class Verifier:
    """Checks signatures with public keys in PEM, by the name in the record's header."""

    def __init__(self, pems: Sequence[bytes], scope: Scope) -> None:
        keys = [public_key(pem) for pem in pems]
        self._keys, self._scope = {key_id(key): key for key in keys}, scope

    def holds(
        self, topic: str, key: bytes, value: bytes, headers: Sequence[tuple[str, bytes]]
    ) -> bool:
        """Whether a known key signed just this record, for this environment and log."""
        named = dict(headers)
        public = self._keys.get(named.get(KEY_HEADER, b""))
        if public is None:
            return False
        try:
            what = signed_bytes(self._scope, topic, key, value)
            public.verify(named.get(SIGNATURE_HEADER, b""), what)
        except InvalidSignature:
            return False
        return True


def private_key(pem: bytes) -> Ed25519PrivateKey:
    """A private key in PEM. Raises `BadKey`, which never shows it."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise BadKey("the signing key is not an unencrypted private key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey("the signing key is not an Ed25519 key")
    return key


def public_key(pem: bytes) -> Ed25519PublicKey:
    """A public key in PEM. Raises `BadKey`."""
    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        raise BadKey("the verifying key is not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise BadKey("the verifying key is not an Ed25519 key")
    return key


def key_id(key: Ed25519PublicKey) -> bytes:
    """The name of a public key: the head of its SHA-256, in hexadecimal."""
    return hashlib.sha256(key.public_bytes(*_RAW)).hexdigest()[:16].encode()


def make_key(path: Path) -> None:
    """A new private key, for its owner's eyes alone, and `<path>.pub` beside it.

    A key that is there is kept, also against a process that makes one at the same time.
    """
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "wb") as file:
        file.write(private)
    path.with_name(path.name + ".pub").write_bytes(public)
