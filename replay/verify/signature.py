"""Ed25519 over the bytes of a day manifest: who holds the public key needs to trust nobody else."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from connectors.signing import private_key, public_key
from replay.archive.days import SIGNATURE, days, read
from replay.archive.errors import ArchiveConflict
from replay.archive.layout import day_manifest
from replay.archive.manifest import digest
from replay.archive.signed import UNKNOWN, Check, Last, LastSigned
from replay.archive.store import Store


def checked_by(pem: bytes) -> Check:
    """Whether a signature holds for some bytes, by a public key in PEM. Raises `BadKey`."""
    return _checked(public_key(pem))


def own(pem: bytes) -> Check:
    """The same by the private key in PEM that signs. Raises `BadKey`."""
    return _checked(private_key(pem).public_key())


def _checked(key: Ed25519PublicKey) -> Check:
    def holds(data: bytes, signature: bytes) -> bool:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    return holds


def sign_days(store: Store, pem: bytes, last: LastSigned = UNKNOWN) -> list[str]:
    """Signs every closed day that is not signed yet, with a private key in PEM; the days signed.
    The newest of all is noted.

    Raises `BadKey`, and `ArchiveError` where the archive cannot be read or written.
    """
    key, signed, newest = private_key(pem), [], ""
    for day in days(store):
        name = day_manifest(day)
        if store.exists(name + SIGNATURE):
            newest = day
        elif read(store, day)["closed"]:
            _sign(store, key, name)
            signed.append(day)
            newest = day
    if newest:
        last.write(Last(newest, digest(store.read(day_manifest(newest)))))
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
