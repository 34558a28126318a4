"""Who speaks, and when: API key, signature, timestamp, receive window. Limits come before."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from connectors.simulated.errors import Refusal, bad_key, illegal, missing
from connectors.simulated.keys import Key

_NS_PER_US: Final = 1_000
_NS_PER_MS: Final = 1_000_000
RECV_WINDOW_NS: Final = 5_000 * _NS_PER_MS
RECV_WINDOW_MS_MAX: Final = 60_000
AHEAD_NS_MAX: Final = 1_000 * _NS_PER_MS
_MICROSECONDS_FROM: Final = 10**15
_WINDOW: Final = "^[0-9]{1,20}(\\.[0-9]{1,3})?$"
_window = re.compile(_WINDOW.strip("^$")).fullmatch  # `$` would let a newline follow


class Caller(NamedTuple):
    """A request whose signature holds. `alive` is asked again where the request meets the market:
    it may have grown too old on its way.
    """

    key: Key
    stamp_ns: int
    recv_window_ns: int

    def alive(self, now_ns: int) -> None:
        """Raises -1021."""
        check_age(self.stamp_ns, self.recv_window_ns, now_ns)


def check_age(stamp_ns: int, recv_window_ns: int, now_ns: int) -> None:
    """Whether a request may still be taken, or already. Raises -1021."""
    if stamp_ns >= now_ns + AHEAD_NS_MAX:
        raise Refusal(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if now_ns - stamp_ns > recv_window_ns:
        raise Refusal(-1021, "Timestamp for this request is outside of the recvWindow.")


class Guard:
    """Knows the keys."""

    def __init__(self, keys: Mapping[str, Key], now_ns: Callable[[], int]) -> None:
        self._keys, self._now_ns = keys, now_ns

    def check(
        self,
        api_key: str | None,
        permission: str,
        sent: Mapping[str, str],
        *payloads: bytes,
    ) -> Caller:
        """`payloads`: the bytes that may have been signed. Raises what the venue answers."""
        if not api_key or not api_key.isalnum():
            raise bad_key(-2014)
        for name in ("signature", "timestamp"):
            if not sent.get(name):
                raise missing(name)
        key = self._keys.get(api_key)
        if key is None or permission not in key.permissions:
            raise bad_key()
        caller = Caller(key, _stamp_ns(sent["timestamp"]), _window_ns(sent.get("recvWindow")))
        caller.alive(self._now_ns())
        if not any(key.signed(payload, sent["signature"]) for payload in payloads):
            raise Refusal(-1022, "Signature for this request is not valid.")
        return caller


def _stamp_ns(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise illegal("timestamp", "^[0-9]{1,20}$")
    stamp = int(text)
    return stamp * (_NS_PER_US if stamp >= _MICROSECONDS_FROM else _NS_PER_MS)


def _window_ns(text: str | None) -> int:
    if not text:
        return RECV_WINDOW_NS
    if not _window(text):
        raise illegal("recvWindow", _WINDOW)
    window = Decimal(text)
    if not 0 < window <= RECV_WINDOW_MS_MAX:
        raise Refusal(-1131, "'recvWindow' must be less than 60000.")
    return int(window * _NS_PER_MS)
