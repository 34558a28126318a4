"""Private streams: who listens, and what reaches them, faults included."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import count

from connectors.simulated.faults import Fault, Faults
from connectors.simulated.render import Json
from connectors.simulated.venue import Report
from pipelines.matching.latency import Latency
from pipelines.matching.model import OrderAdded, OrderEnded, OrderTraded

Send = Callable[[Json], None]


class Streams:
    """`publish` hands a report to everybody who subscribed to its account."""

    def __init__(self, faults: Faults, latency: Latency) -> None:
        self._faults, self._latency = faults, latency
        self._listeners: dict[str, dict[int, Send]] = defaultdict(dict)
        self._numbers = count()
        self._sent = 0
        self._due_s = self._held_answer_s = 0.0
        self._held: dict[str, Report] = {}
        self._last_fill: dict[int, Report] = {}

    def subscribe(self, account: str, send: Send) -> int:
        """A number of the subscription, unique in this process."""
        number = next(self._numbers)
        self._listeners[account][number] = send
        return number

    def unsubscribe(self, account: str, number: int) -> None:
        self._listeners[account].pop(number, None)

    def publish(self, report: Report) -> None:
        """One report, after what the venue's distance and the armed faults do to it."""
        for one in self._reordered(report):
            self._publish(one)

    def arrange(self, reports: list[Report]) -> None:
        """The reports of one decision, in the order they will go: where that fault strikes, the
        fills of a new order come before its NEW and its answer waits (`held_answer_s`).
        """
        if not any(isinstance(one.event, OrderTraded) for one in reports):
            return
        first = reports[0]
        if isinstance(first.event, OrderAdded):
            fault = self._faults.strikes("fill_before_ack", _of(first.account))
            if fault is not None:
                reports.append(reports.pop(0))
                self._held_answer_s = fault.seconds

    def held_answer_s(self) -> float:
        """How long the answer to the decision just made is to wait."""
        held, self._held_answer_s = self._held_answer_s, 0.0
        return held

    def _publish(self, report: Report) -> None:
        faults, mine = self._faults, _of(report.account)
        again = self._fill_again(report)
        if isinstance(report.event, OrderTraded) and faults.strikes("fill_missing", mine):
            return
        if faults.strikes("stream_silent", mine):
            return
        if again is not None and faults.strikes("fill_resent_on_cancel", mine):
            self._send(again, 0.0)
        delayed = faults.strikes("report_delayed", mine)
        self._send(report, delayed.seconds if delayed else 0.0)
        if faults.strikes("report_duplicated", mine):
            self._send(report, 0.0)

    def _fill_again(self, report: Report) -> Report | None:
        """The last fill of an order that is cancelled; fills of open orders are kept for that."""
        event = report.event
        if isinstance(event, OrderTraded):
            self._last_fill[event.order_id] = report
        if not isinstance(event, OrderTraded | OrderEnded) or (report.order and report.order.open):
            return None
        fill = self._last_fill.pop(event.order_id, None)
        cancelled = isinstance(event, OrderEnded) and event.status == "CANCELED"
        return fill if cancelled else None

    def _reordered(self, report: Report) -> Sequence[Report]:
        """Holds a report until the next one of its account has gone."""
        held = self._held.pop(report.account, None)
        if held is not None:
            return report, held
        fault = self._faults.strikes("reports_out_of_order", _of(report.account))
        if fault is not None:
            self._held[report.account] = report
            asyncio.get_running_loop().call_later(fault.seconds, self._release, report)
            return ()
        return (report,)

    def _release(self, report: Report) -> None:
        """What waits for a next report that does not come goes all the same."""
        if self._held.get(report.account) is report:
            del self._held[report.account]
            self._publish(report)

    def _send(self, report: Report, late_s: float) -> None:
        self._sent += 1
        travel_s = self._latency.delay_ns("report", self._sent) / 1e9
        if not travel_s and not late_s and not self._due_s:
            self._write(report)
            return
        loop = asyncio.get_running_loop()
        due_s = max(loop.time() + travel_s, self._due_s)  # reports do not overtake on their way
        self._due_s = due_s if travel_s else 0.0
        loop.call_at(due_s + late_s, self._write, report)

    def _write(self, report: Report) -> None:
        listeners = list(self._listeners[report.account].values())
        forms = report.forms() if listeners else ()
        for send in listeners:
            for form in forms:
                send(form)


def _of(account: str) -> Callable[[Fault], bool]:
    return lambda fault: fault.account in ("", account)
