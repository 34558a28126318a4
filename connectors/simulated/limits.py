"""Request weight per address and orders per account, in the venue's fixed windows.

Over the limit is 429 with the seconds left; who keeps calling is banned with 418, twice as long
every time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from connectors.simulated.errors import Refusal

_NS: Final = 1_000_000_000
MINUTE_S: Final = 60
BAN_S_MAX: Final = 3 * 86_400
_LETTERS: Final = {"SECOND": "S", "MINUTE": "M", "HOUR": "H", "DAY": "D"}
_SECONDS: Final = {"SECOND": 1, "MINUTE": MINUTE_S, "HOUR": 3_600, "DAY": 86_400}


class Limit(NamedTuple):
    """So many per window of `number` units. `kind`: REQUEST_WEIGHT or ORDERS."""

    kind: str
    unit: str
    number: int
    limit: int

    @property
    def seconds(self) -> int:
        return _SECONDS[self.unit] * self.number

    @property
    def suffix(self) -> str:
        """As in the headers: `1M`, `10S`."""
        return f"{self.number}{_LETTERS[self.unit]}"

    def shown(self) -> dict[str, Any]:
        """As in exchangeInfo."""
        return {
            "rateLimitType": self.kind,
            "interval": self.unit,
            "intervalNum": self.number,
            "limit": self.limit,
        }


class LimitSettings(NamedTuple):
    """Binance Spot's limits. `offences_max`: requests over the limit before a ban of `ban_s`."""

    weight: int = 6_000
    orders_10s: int = 100
    orders_day: int = 200_000
    offences_max: int = 20
    ban_s: int = 120


class Window:
    """Counts in the current window, by whom."""

    def __init__(self, limit: Limit) -> None:
        self.limit = limit
        self._at, self._used = 0, Counter[str]()

    def add(self, who: str, amount: int, now_ns: int) -> int:
        """What `who` has used in this window, with `amount`."""
        at = now_ns // (self.limit.seconds * _NS)
        if at != self._at:
            self._at = at
            self._used.clear()
        self._used[who] += amount
        return self._used[who]

    def left_s(self, now_ns: int) -> int:
        """Until the window ends, rounded up."""
        length_ns = self.limit.seconds * _NS
        return -(-(length_ns - now_ns % length_ns) // _NS)


class Limits:
    """All limits of the venue."""

    def __init__(self, settings: LimitSettings, now_ns: Callable[[], int]) -> None:
        self._settings, self._now_ns = settings, now_ns
        self.weight = Window(Limit("REQUEST_WEIGHT", "MINUTE", 1, settings.weight))
        self.orders = (
            Window(Limit("ORDERS", "SECOND", 10, settings.orders_10s)),
            Window(Limit("ORDERS", "DAY", 1, settings.orders_day)),
        )
        self._offences, self._bans = Counter[str](), Counter[str]()
        self._banned_until_ns: dict[str, int] = {}

    def all(self) -> list[dict[str, Any]]:
        return [one.limit.shown() for one in (self.weight, *self.orders)]

    def spend(self, address: str, weight: int) -> int:
        """Weight used so far. Raises 429, or 418 for a banned address."""
        now_ns = self._now_ns()
        self._check_ban(address, now_ns)
        used = self.weight.add(address, weight, now_ns)
        if used > self._settings.weight:
            raise self._over(address, now_ns)
        self._offences.pop(address, None)
        return used

    def count_order(self, account: str) -> list[int]:
        """Orders in each window, this one included; refused ones count as well."""
        return [window.add(account, 1, self._now_ns()) for window in self.orders]

    def check_orders(self, counts: list[int]) -> None:
        """Raises 429."""
        for count, window in zip(counts, self.orders, strict=True):
            if count > window.limit.limit:
                raise Refusal(
                    -1015,
                    f"Too many new orders; current limit is {window.limit.limit} orders "
                    f"per {window.limit.number} {window.limit.unit}.",
                    429,
                    window.left_s(self._now_ns()),
                )

    def order_counts(self, account: str) -> list[dict[str, Any]]:
        """As `rateLimit/order` shows them."""
        now_ns = self._now_ns()
        return [{**one.limit.shown(), "count": one.add(account, 0, now_ns)} for one in self.orders]

    def ban(self, address: str, seconds: int) -> Refusal:
        """Bans, and gives the answer that says so."""
        now_ns = self._now_ns()
        self._banned_until_ns[address] = now_ns + seconds * _NS
        return _banned(self._banned_until_ns[address], now_ns)

    def pardon(self) -> None:
        """Ends all bans."""
        self._banned_until_ns.clear()
        self._offences.clear()

    def _check_ban(self, address: str, now_ns: int) -> None:
        until_ns = self._banned_until_ns.get(address, 0)
        if now_ns < until_ns:
            raise _banned(until_ns, now_ns)

    def _over(self, address: str, now_ns: int) -> Refusal:
        self._offences[address] += 1
        if self._offences[address] > self._settings.offences_max:
            self._bans[address] += 1
            seconds = min(self._settings.ban_s << (self._bans[address] - 1), BAN_S_MAX)
            return self.ban(address, seconds)
        return Refusal(
            -1003,
            f"Too much request weight used; current limit is {self._settings.weight} request "
            "weight per 1 MINUTE. Please use WebSocket Streams for live updates to avoid "
            "polling the API.",
            429,
            self.weight.left_s(now_ns),
        )


def _banned(until_ns: int, now_ns: int) -> Refusal:
    return Refusal(
        -1003,
        f"Way too much request weight used; IP banned until {until_ns // 1_000_000}. "
        "Please use WebSocket Streams for live updates to avoid bans.",
        418,
        -(-(until_ns - now_ns) // _NS),
    )
