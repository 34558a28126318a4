"""The accounts of the simulated venue and the keys that may speak for them, from a TOML file.

    [[accounts]]
    name = "desk"
    balances = { USDT = "100000", BTC = "1" }

    [[accounts.keys]]
    api_key = "..."              # 8 to 128 letters and digits
    secret = "..."               # HMAC; or public_key = "-----BEGIN PUBLIC KEY----- ..." (Ed25519)
    permissions = ["read", "trade"]

Permissions: `read`, `trade`, `withdraw` (nothing can be withdrawn here; a client that refuses such
keys wants one to refuse).
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import tomllib
from base64 import b64decode
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import IO, Final, Literal, NamedTuple

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from connectors.simulated.errors import VenueError
from pipelines.exact import plain
from schemas.errors import NotExact
from schemas.numbers import exact

Permission = Literal["read", "trade", "withdraw"]


class _KeyEntry(msgspec.Struct, forbid_unknown_fields=True):
    api_key: str
    secret: str = ""
    public_key: str = ""
    permissions: tuple[Permission, ...] = ("read", "trade")


class _AccountEntry(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    balances: dict[str, str] = {}
    keys: tuple[_KeyEntry, ...] = ()


class _File(msgspec.Struct, forbid_unknown_fields=True):
    accounts: tuple[_AccountEntry, ...]


class Key(NamedTuple):
    """One key; it never shows what it signs with."""

    api_key: str
    account: str
    permissions: frozenset[str]
    proves: HmacProof | Ed25519Proof

    def signed(self, payload: bytes, signature: str) -> bool:
        return self.proves(payload, signature)


class HmacProof:
    """HMAC SHA-256, hexadecimal."""

    def __init__(self, secret: str) -> None:
        self._begun = hmac.new(secret.encode(), digestmod="sha256")  # a copy costs a tenth of anew

    def __call__(self, payload: bytes, signature: str) -> bool:
        expected = self._begun.copy()
        expected.update(payload)
        sent = signature.lower().encode("utf-8", "surrogatepass")  # whatever came, as bytes
        return hmac.compare_digest(expected.hexdigest().encode(), sent)


class Ed25519Proof:
    """Ed25519, base64."""

    def __init__(self, public_key: Ed25519PublicKey) -> None:
        self._public_key = public_key

    def __call__(self, payload: bytes, signature: str) -> bool:
        try:
            self._public_key.verify(b64decode(signature, validate=True), payload)
        except (InvalidSignature, ValueError):
            return False
        return True


class Account(NamedTuple):
    """`balances`: what it starts with, by asset."""

    name: str
    balances: dict[str, Decimal]
    keys: tuple[Key, ...]


def load_accounts(path: Path) -> list[Account]:
    """Reads the file. Raises `VenueError`, naming the entry that is wrong, never its content."""
    try:
        document = tomllib.loads(path.read_text())
        entries = msgspec.convert(document, _File).accounts
    except OSError as error:
        raise VenueError(f"keys file {path}: {error.strerror}") from None
    except msgspec.ValidationError as error:
        raise VenueError(f"keys file {path}: {error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise VenueError(f"keys file {path} is not TOML") from None
    accounts = [_account(entry) for entry in entries]
    names = [one.name for one in accounts]
    keys = [key.api_key for one in accounts for key in one.keys]
    if len({*names}) < len(names) or len({*keys}) < len(keys):
        raise VenueError(f"keys file {path}: an account or a key is named twice")
    return accounts


def _account(entry: _AccountEntry) -> Account:
    try:
        balances = {asset: exact(qty) for asset, qty in entry.balances.items()}
    except NotExact as error:
        raise VenueError(f"account {entry.name}: a balance is no amount: {error}") from None
    if any(qty < 0 for qty in balances.values()):
        raise VenueError(f"account {entry.name}: a balance is below 0")
    return Account(entry.name, balances, tuple(_key(entry.name, one) for one in entry.keys))


def _key(account: str, entry: _KeyEntry) -> Key:
    if not (entry.api_key.isalnum() and 8 <= len(entry.api_key) <= 128):
        raise VenueError(f"account {account}: an api_key is not 8 to 128 letters and digits")
    if bool(entry.secret) == bool(entry.public_key):
        raise VenueError(f"account {account}: a key has either a secret or a public_key")
    proves = HmacProof(entry.secret) if entry.secret else _ed25519(account, entry.public_key)
    return Key(entry.api_key, account, frozenset(entry.permissions), proves)


def _ed25519(account: str, pem: str) -> Ed25519Proof:
    try:
        found = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        found = None
    if not isinstance(found, Ed25519PublicKey):
        raise VenueError(f"account {account}: a public_key is not an Ed25519 key in PEM form")
    return Ed25519Proof(found)


class NewKey(NamedTuple):
    """A key drawn now, as its user needs it; it never shows its secret."""

    api_key: str
    secret: str

    def __repr__(self) -> str:
        return "NewKey(...)"


BALANCES: Final = {"USDT": Decimal(100_000), "BTC": Decimal(1), "ETH": Decimal(10)}


def write_new_keys(
    path: Path, account: str = "desk", balances: Mapping[str, Decimal] = BALANCES
) -> tuple[NewKey, NewKey]:
    """A file to begin with: an account, a key that trades and one that only reads, both drawn now.
    Readable by its owner alone. Raises `VenueError`, also where the file exists.
    """
    keys = [NewKey(secrets.token_hex(32), secrets.token_hex(32)) for _ in range(2)]
    begins = ", ".join(f'{asset} = "{plain(qty)}"' for asset, qty in balances.items())
    with _own(path) as handle:
        handle.write(f'[[accounts]]\nname = "{account}"\nbalances = {{ {begins} }}\n')
        for key, permissions in zip(keys, ('["read", "trade"]', '["read"]'), strict=True):
            handle.write(f'\n[[accounts.keys]]\napi_key = "{key.api_key}"\n')
            handle.write(f'secret = "{key.secret}"\npermissions = {permissions}\n')
    return keys[0], keys[1]


def write_key(path: Path, key: NewKey) -> None:
    """A key as a gateway reads it (JSON), for its owner's eyes alone. Raises `VenueError`."""
    with _own(path) as handle:
        handle.write(json.dumps(key._asdict()) + "\n")


def _own(path: Path) -> IO[str]:
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w")
    except OSError as error:
        raise VenueError(f"{path}: {error.strerror}") from None
