"""The one thing a console may decide: a kill, by every path that `tape kill` takes.

It only reduces: there is no way back from here. Who has the token of this start may use it; the
token is printed once, in the fragment of a URL, which no browser sends anywhere.
"""

from __future__ import annotations

import hmac
import json
import secrets
import time
from collections.abc import Callable
from threading import Lock
from typing import Any, Final, NamedTuple

from connectors.gateway.latch import Halt
from ops.processes.kill import Killed, killed_json
from schemas.errors import TapeError

WHO: Final = "console"
BODY_BYTES: Final = 4_096
REASON_LETTERS: Final = 500
Kill = Callable[[Halt], Killed]


class KillRefused(TapeError):
    """What was asked is no kill, or one runs already."""


class Asked(NamedTuple):
    """A kill as a person confirmed it."""

    account: str
    reason: str


def make_token() -> str:
    """A new secret of 256 bits."""
    return secrets.token_urlsafe(32)


def is_allowed(authorization: str, token: str) -> bool:
    """Whether the header carries the token; in constant time."""
    kind, _, value = authorization.partition(" ")
    return kind.lower() == "bearer" and hmac.compare_digest(value.encode(), token.encode())


def asked_of(body: bytes) -> Asked:
    """Raises `KillRefused`."""
    try:
        found = json.loads(body) if len(body) <= BODY_BYTES else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise KillRefused("the body is JSON: account, reason, confirm")
    texts = [found.get(name) for name in ("account", "reason", "confirm")]
    account, reason, confirm = (one.strip() if isinstance(one, str) else "" for one in texts)
    if not account or not reason:
        raise KillRefused("a kill names its account and its reason")
    if len(reason) > REASON_LETTERS:
        raise KillRefused(f"a reason has {REASON_LETTERS} letters at most")
    if confirm != account:
        raise KillRefused("confirm is the account's name, once more")
    return Asked(account, reason)


class Killer:
    """One at a time."""

    def __init__(self, kill: Kill) -> None:
        self._kill = kill
        self._lock = Lock()

    def run(self, asked: Asked) -> dict[str, Any]:
        """Blocks until the venue was looked at. `killed`: nothing is open there, and something
        keeps it so; else `alarms` say why not. Raises `KillRefused`.
        """
        if not self._lock.acquire(blocking=False):
            raise KillRefused("a kill runs already")
        try:
            halt = Halt(asked.account, None, None, WHO, asked.reason, time.time_ns())
            done = self._kill(halt)
        finally:
            self._lock.release()
        return {"killed": not done.alarms, **killed_json(done)}
