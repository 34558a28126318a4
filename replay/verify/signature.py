"""Ed25519 over the bytes of a day manifest: who holds the public key needs to trust nobody else."""

from __future__ import annotations

from collections.abc import Callable

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from connectors.signing import private_key, public_key
from replay.archive.days import SIGNATURE, days, read
from replay.archive.errors import ArchiveConflict
from replay.archive.layout import day_manifest
from replay.archive.store import Store

Check = Callable[[bytes, bytes], bool]


def checked_by(pem: bytes) -> Check:
    """Whether a signature holds for some bytes, by a public key in PEM. Raises `BadKey`."""
    key = public_key(pem)

    def holds(data: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    return holds


def sign_days(store: Store, pem: bytes) -> list[str]:
    """Signs every closed day that is not signed yet, with a private key in PEM; the days signed.

    Raises `BadKey`, and `ArchiveError` where the archive cannot be read or written.
    """
    key, signed = private_key(pem), []
    for day in days(store):
        name = day_manifest(day)
        if not store.exists(name + SIGNATURE) and read(store, day)["closed"]:
            _sign(store, key, name)
            signed.append(day)
    return signed


def _sign(store: Store, key: Ed25519PrivateKey, name: str) -> None:
    """A signature of what was replaced while it was made would keep the right one out: it goes.
    Raises `ArchiveConflict`.
    """
    data = store.read(name)
    store.write(name + SIGNATURE, key.sign(data))
    if store.read(name) != data:
        store.remove(name + SIGNATURE)
        raise ArchiveConflict(f"{store.root}/{name}")
