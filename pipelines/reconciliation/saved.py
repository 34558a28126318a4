"""The state's canonical bytes: sorted JSON, numbers as text without padding."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, Final, get_args, get_origin, get_type_hints

import msgspec

from pipelines.logic import StateVersionError
from pipelines.reconciliation.state import Account, Asset, Finding, ReconciliationState
from pipelines.saving import as_json
from schemas.events import BreakFound

VERSION: Final = 2
_HINTS: Final = get_type_hints(Account)


def dump(state: ReconciliationState) -> bytes:
    body = {
        "accounts": {name: _account(account) for name, account in state.accounts.items()},
        "assets": {name: as_json(asset) for name, asset in state.assets.items()},
    }
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def load(body: bytes, version: int) -> ReconciliationState:
    """Raises `StateVersionError` for another form. Version 1 kept every fill, without its time, and
    is read as that; there is no way back.
    """
    if not 1 <= version <= VERSION:
        raise StateVersionError(f"reconciliation state version {version}, not {VERSION}")
    found = json.loads(body)
    assets = msgspec.convert(found["assets"], dict[str, Asset])
    accounts = {name: _loaded(value) for name, value in found["accounts"].items()}
    return ReconciliationState(accounts, assets)


def finding_of(event: BreakFound) -> Finding:
    """What an open break keeps of its event."""
    return Finding(**{name: getattr(event, name) for name in Finding._fields})


def _account(account: Account) -> dict[str, Any]:
    return {each.name: _by_hint(account, each.name) for each in fields(account)}


def _by_hint(account: Account, name: str) -> Any:
    value, hint = getattr(account, name), _HINTS[name]
    if get_origin(hint) is dict and get_args(hint)[0] is not str:
        return [[as_json(key), as_json(item)] for key, item in sorted(value.items())]
    return as_json(value)


def _loaded(value: dict[str, Any]) -> Account:
    known = {name: hint for name, hint in _HINTS.items() if name in value}
    return Account(**{name: _field(value[name], hint) for name, hint in known.items()})


def _field(value: Any, hint: Any) -> Any:
    """A mapping by several names is a list of pairs in JSON."""
    if get_origin(hint) is dict and get_args(hint)[0] is not str:
        key, item = get_args(hint)
        return dict(msgspec.convert(value, list[tuple[key, item]]))  # type: ignore[valid-type]
    return msgspec.convert(value, hint)
