"""What the venue answers when it refuses, in its own codes and words."""

from __future__ import annotations

from typing import Any, Final

from pipelines.matching.model import Reason
from schemas.errors import Portable, TapeError


class Refusal(Portable):
    """An error answer: HTTP status, the venue's code and text; `data` where it carries more."""

    def __init__(
        self,
        code: int,
        message: str,
        status: int = 400,
        retry_after_s: int | None = None,
        data: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status
        self.retry_after_s, self.data = retry_after_s, data

    def body(self) -> dict[str, Any]:
        """`{"code":..., "msg":...}`"""
        more = {} if self.data is None else {"data": self.data}
        return {"code": self.code, "msg": self.message, **more}


class VenueError(TapeError):
    """The simulated venue cannot start or go on: its files, its address, its disk."""


_NOT_TAKEN: Final = -2010
_FILTERED: Final = -1013

_REASONS: Final[dict[Reason, tuple[int, str]]] = {
    "UNKNOWN_SYMBOL": (-1121, "Invalid symbol."),
    "UNKNOWN_ORDER": (-2011, "Unknown order sent."),
    "DUPLICATE_CL_ORD_ID": (_NOT_TAKEN, "Duplicate order sent."),
    "INSUFFICIENT_BALANCE": (
        _NOT_TAKEN,
        "Account has insufficient balance for requested action.",
    ),
    "WOULD_TAKE": (_NOT_TAKEN, "Order would immediately match and take."),
    "PRICE_FILTER": (_FILTERED, "Filter failure: PRICE_FILTER"),
    "LOT_SIZE": (_FILTERED, "Filter failure: LOT_SIZE"),
    "MARKET_LOT_SIZE": (_FILTERED, "Filter failure: MARKET_LOT_SIZE"),
    "NOTIONAL": (_FILTERED, "Filter failure: NOTIONAL"),
    "PERCENT_PRICE_BY_SIDE": (_FILTERED, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    "MAX_NUM_ORDERS": (_FILTERED, "Filter failure: MAX_NUM_ORDERS"),
}


def refusal(reason: Reason) -> Refusal:
    """The exchange's refusal in the venue's words."""
    return Refusal(*_REASONS[reason])


def unknown(status: int = 500) -> Refusal:
    """What the venue answers where it cannot say what went wrong."""
    return Refusal(-1000, "An unknown error occurred while processing the request.", status)


def no_order() -> Refusal:
    return Refusal(-2013, "Order does not exist.")


def missing(name: str) -> Refusal:
    return Refusal(
        -1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    )


def unwanted(name: str) -> Refusal:
    return Refusal(-1106, f"Parameter '{name}' sent when not required.")


def illegal(name: str, legal: str) -> Refusal:
    return Refusal(
        -1100, f"Illegal characters found in parameter '{name}'; legal range is '{legal}'."
    )


def bad_key(code: int = -2015) -> Refusal:
    if code == -2014:
        return Refusal(code, "API-key format invalid.", 401)
    return Refusal(code, "Invalid API-key, IP, or permissions for action.", 401)
