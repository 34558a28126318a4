"""The faults of a demo: armed at the simulated venue by its operator's address, each at its share
of the slice, each for the next order it fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import httpx

from schemas.errors import TapeError

ANSWER_S: Final = 5.0
FAR: Final = 5  # parts of the price that a foreign order stays below the market


class FaultsUnreachable(TapeError):
    """The simulated venue's operator address does not answer as it should."""


class Planned(NamedTuple):
    """A fault at a `share` of the slice, from 0 to 1."""

    share: float
    body: dict[str, Any]

    @property
    def kind(self) -> str:
        return str(self.body["kind"])


PLAN: Final = (
    Planned(0.20, {"kind": "lost_response", "count": 1, "verb": "POST", "path": "/api/v3/order"}),
    Planned(0.27, {"kind": "report_duplicated", "count": 1}),
    Planned(0.34, {"kind": "fill_before_ack", "count": 1}),
    Planned(0.41, {"kind": "fill_missing", "count": 1}),
    Planned(0.48, {"kind": "server_error", "count": 1, "verb": "POST", "path": "/api/v3/order"}),
    Planned(0.55, {"kind": "report_delayed", "count": 1, "seconds": 1.0}),
)


class Operator:
    """Speaks to the operator's address of one venue."""

    def __init__(self, admin_url: str) -> None:
        self._client = httpx.Client(base_url=admin_url, timeout=ANSWER_S, trust_env=False)

    def __enter__(self) -> Operator:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def arm(self, body: dict[str, Any]) -> None:
        """One fault. Raises `FaultsUnreachable`."""
        self._said("POST", "/faults", body)

    def disarm(self) -> None:
        """All of them."""
        self._said("DELETE", "/faults")

    def struck(self) -> dict[str, int]:
        """How often each kind struck."""
        counts: dict[str, int] = self._said("GET", "/faults")["counts"]
        return counts

    def post(self, path: str, body: dict[str, Any]) -> Any:
        return self._said("POST", path, body)

    def _said(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        try:
            answer = self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise FaultsUnreachable(f"the venue's operator address: {error}") from None
        if answer.status_code != httpx.codes.OK:
            raise FaultsUnreachable(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json()


class Schedule:
    """Arms what is due. Call `step` often."""

    def __init__(self, operator: Operator, planned: Sequence[Planned] = PLAN) -> None:
        self._operator, self._left = operator, list(planned)
        self.planned = [one.kind for one in planned]

    def step(self, share: float) -> None:
        """`share` of the slice that has been played."""
        while self._left and share >= self._left[0].share:
            self._operator.arm(self._left.pop(0).body)
