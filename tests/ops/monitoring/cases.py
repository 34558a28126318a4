"""One case per alert: series that are well, go wrong and are well again, in promtool's notation.

A series is samples of 15 s: `WELL` of them, `WRONG`, then `after`. Each case says its labels and
the values, of a gauge or as steps of a counter; None is no sample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final, NamedTuple

STEP_S: Final = 15
WELL: Final = 40  # 10 minutes: longer than any window but those of the objectives
WRONG: Final = 40
ACCOUNT: Final = {"account": "sim-1"}


class Series(NamedTuple):
    """`well` and `wrong`: a gauge's values, or what a counter gains with each sample."""

    name: str
    labels: dict[str, str]
    well: float
    wrong: float | None
    gains: bool = False
    grows: float = 0.0  # from sample to sample, while it is wrong

    def written(self, after: int) -> dict[str, str]:
        stretches = (
            (self.well, 0.0, WELL),
            (self.wrong, self.grows, WRONG),
            (self.well, 0.0, after),
        )
        each = [(value, at * by) for value, by, count in stretches for at in range(count)]
        values = [None if value is None else value + more for value, more in each]
        if self.gains:
            values = list(accumulate(value or 0.0 for value in values))
        text = " ".join("_" if value is None else f"{value:g}" for value in values)
        return {"series": selector(self.name, self.labels), "values": text}


class Case(NamedTuple):
    """`fires`: labels of the alert, besides its severity."""

    alert: str
    fires: dict[str, str]
    series: tuple[Series, ...]
    after: int = WELL


def selector(name: str, labels: dict[str, str]) -> str:
    pairs = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{pairs}}}"


def gauge(alert: str, name: str, labels: dict[str, str], well: float, wrong: float | None) -> Case:
    """An alert about one gauge, which keeps its labels."""
    return Case(alert, labels, (Series(name, labels, well, wrong),))


def counted(
    alert: str, fires: dict[str, str], *series: tuple[str, dict[str, str], float, float]
) -> Case:
    return Case(alert, fires, tuple(Series(*one, gains=True) for one in series))


def state(alert: str, state: str, process: str = "market") -> Case:
    """Told by the supervisor, about a process: the alert carries that one's name."""
    about = {"supervised": process, "state": state}
    series = Series("tape_process_state", {**about, "process": "desk"}, 0, 1)
    return Case(alert, {**about, "process": process}, (series,))


LINE: Final = {"venue": "BINANCE", "line": "A"}
WHERE: Final = {"account": "sim-1", "instrument": "BTCUSDT.BINANCE"}
UP: Final = {"job": "tape", "process": "market"}
LIMIT: Final = {"limit": "LOSS_DAILY_MAX", "account": "*", "strategy": "*", "instrument": "*"}
BUCKET: Final = "trading_fill_latency_seconds_bucket"
TAKER: Final = {**ACCOUNT, "liquidity": "TAKER"}
PLACE: Final = {"pipeline": "market", "shard": "0", "topic": "md.raw.v1", "partition": "3"}
REQUESTS: Final = "trading_venue_requests_total"
AN_HOUR: Final = 260  # samples, until the windows of an hour hold nothing that was wrong
FEED: Final = {"venue": "BINANCE"}
PROBES: Final = "trading_flatten_probes_total"
RUN: Final = {"folder": "run"}
EPOCH: Final = "tape_epoch_duration_seconds"
MARKET: Final = {"pipeline": "market"}

CASES: Final[tuple[Case, ...]] = (
    gauge("PositionDrift", "trading_position_drift_percent", WHERE, 0, 1.5),
    counted(
        "NoFills",
        {},
        ("trading_order_requests_total", {"strategy": "s"}, 2, 2),
        ("trading_fills_total", ACCOUNT, 1, 0),
    ),
    gauge("FeedDown", "trading_feed_connection_up", LINE, 1, 0),
    gauge("FeedSilent", "trading_feed_frame_age_seconds", LINE, 2, 31),
    gauge("PrivateStreamDown", "trading_private_stream_up", ACCOUNT, 1, 0),
    gauge("LossLimitReached", "trading_limit_use_ratio", LIMIT, 0.5, 1),
    state("DigestMismatch", "FINDING"),
    state("OrdersLeftOpen", "FINDING", "gateway"),
    state("Fenced", "FENCED"),
    state("ProcessRefused", "REFUSED"),
    gauge("ProcessDown", "up", UP, 1, 0),
    gauge("DeskUnseen", "up", UP, 1, None)._replace(fires={"job": "tape"}),
    gauge("RiskSilent", "trading_gateway_silent", {**ACCOUNT, "reason": "RISK_SILENT"}, 0, 1),
    gauge("LogUnreachable", "trading_gateway_cancel_only", ACCOUNT, 0, 1),
    gauge("GatewayNotReady", "trading_gateway_ready", ACCOUNT, 1, 0),
    Case(
        "DeadManNotRefreshed",
        ACCOUNT,
        (
            Series("trading_dead_man_age_seconds", ACCOUNT, 21, 61),
            Series("trading_dead_man_countdown_seconds", ACCOUNT, 60, 60),
            Series("trading_gateway_ready", ACCOUNT, 1, 1),
        ),
    ),
    counted(
        "FillLatencyHigh",
        ACCOUNT,
        (BUCKET, {**TAKER, "le": "0.5"}, 1, 0),
        (BUCKET, {**TAKER, "le": "1"}, 1, 0),
        (BUCKET, {**TAKER, "le": "2"}, 1, 1),
        (BUCKET, {**TAKER, "le": "+Inf"}, 1, 1),
    ),
    counted(
        "RejectionsHigh",
        ACCOUNT,
        ("trading_order_rejections_total", {**ACCOUNT, "reason": "PRICE_FILTER"}, 1, 4),
        ("trading_orders_total", {**ACCOUNT, "side": "BUY"}, 100, 100),
    ),
    counted(
        "OutcomesUnknown",
        {**ACCOUNT, "action": "SUBMIT"},
        ("trading_order_outcomes_unknown_total", {**ACCOUNT, "action": "SUBMIT"}, 0, 1),
    ),
    gauge("RateLimitHigh", "trading_venue_rate_limit_use_ratio", ACCOUNT, 0.7, 0.71),
    counted(
        "FeedDiverged", {"venue": "B"}, ("trading_feed_divergences_total", {"venue": "B"}, 0, 1)
    ),
    counted("FeedGaps", LINE, ("trading_feed_gaps_total", LINE, 0, 1)),
    gauge("MarketDataOld", "trading_market_data_age_seconds", {"instrument": "B"}, 5, 61),
    gauge("LimitUseHigh", "trading_limit_use_ratio", LIMIT, 0.8, 0.81),
    gauge("BreaksOpen", "trading_breaks_open", {**ACCOUNT, "kind": "FILL_MISSING"}, 0, 1),
    gauge("TradingNotActive", "trading_state", {"account": "*", "state": "HALTED"}, 0, 1),
    Case(
        "ConsumerLagGrowing",
        PLACE,
        (Series("tape_consumer_lag_records", PLACE, 0, 2_000, grows=300),),
    ),
    counted(
        "DeadLettersHigh",
        MARKET,
        ("tape_dead_letters_total", {**MARKET, "reason": "TOO_LARGE"}, 0, 2),
        ("tape_records_read_total", {**MARKET, "topic": "md.raw.v1"}, 1_000, 1_000),
    ),
    counted(
        "ProcessRestarting",
        {"supervised": "risk"},
        ("tape_process_restarts", {"supervised": "risk"}, 0, 0.2),
    ),
    counted(
        "VenueBudgetBurns",
        ACCOUNT,
        (REQUESTS, {**ACCOUNT, "outcome": "2xx"}, 90, 70),
        (REQUESTS, {**ACCOUNT, "outcome": "FAILED"}, 0, 30),
    ),
    counted(
        "VenueBudgetShrinks",
        ACCOUNT,
        (REQUESTS, {**ACCOUNT, "outcome": "2xx"}, 90, 70),
        (REQUESTS, {**ACCOUNT, "outcome": "5xx"}, 0, 30),
    )._replace(after=AN_HOUR),
    *(
        counted(
            alert,
            MARKET,
            (f"{EPOCH}_bucket", {**MARKET, "le": "0.512"}, 10, 4),
            (f"{EPOCH}_count", MARKET, 10, 10),
        )._replace(after=AN_HOUR)
        for alert in ("EpochsSlow", "EpochBudgetShrinks")
    ),
    *(
        Case(alert, FEED, (Series("trading_feed_connection_up", LINE, 1, 0),), AN_HOUR)
        for alert in ("FeedBudgetBurns", "FeedBudgetShrinks")
    ),
    *(
        Case(alert, ACCOUNT, (Series("trading_gateway_ready", ACCOUNT, 1, 0),), AN_HOUR)
        for alert in ("GatewayBudgetBurns", "GatewayBudgetShrinks")
    ),
    *(
        counted(
            alert,
            ACCOUNT,
            (PROBES, {**ACCOUNT, "outcome": "ANSWERED"}, 0.25, 0),
            (PROBES, {**ACCOUNT, "outcome": "VENUE_SILENT"}, 0, 0.25),
        )._replace(after=AN_HOUR)
        for alert in ("FlattenBudgetBurns", "FlattenBudgetShrinks")
    ),
    gauge("ArchiveBehind", "tape_archive_behind_seconds", {"process": "archive"}, 30, 901),
    Case(
        "DiskNearlyFull",
        RUN,
        (
            Series("tape_disk_free_bytes", RUN, 11 * 2**30, 9 * 2**30),
            Series("tape_disk_size_bytes", RUN, 100 * 2**30, 100 * 2**30),
        ),
    ),
    Case(
        "DiskFilling",
        RUN,
        (Series("tape_disk_free_bytes", RUN, 50 * 2**30, 50 * 2**30, grows=-(2**27)),),
        AN_HOUR,
    ),
)


def together(cases: Iterable[Case]) -> list[list[Case]]:
    """Cases that can be played at once: as long as each other, and of other series each. Playing
    evaluates every rule at every sample, for one case as for many.
    """
    groups: list[list[Case]] = []
    for case in cases:
        for group in groups:
            if case.after == group[0].after and all(apart(case, other) for other in group):
                group.append(case)
                break
        else:
            groups.append([case])
    return groups


def apart(case: Case, other: Case) -> bool:
    """Whether they share no series, or all of them."""
    mine, theirs = ({one.name for one in each.series} for each in (case, other))
    return not mine & theirs or case.series == other.series


def played(cases: Sequence[Case], severities: Mapping[str, str]) -> dict[str, Any]:
    """Quiet at the end of each stretch that is well, firing at the end of the one between. Alerts
    are asked for as series: promtool's own form would repeat every annotation. `severities`: of
    each alert.
    """
    after = cases[0].after
    each = [one for case in cases for one in case.series]
    series = [one for at, one in enumerate(each) if one not in each[:at]]
    return {
        "interval": f"{STEP_S}s",
        "input_series": [one.written(after) for one in series],
        "promql_expr_test": [asked for case in cases for asked in said_of(case, severities)],
    }


def said_of(case: Case, severities: Mapping[str, str]) -> list[dict[str, Any]]:
    """What is asked about a case's alert, and the answers."""
    ends = ((WELL, False), (WELL + WRONG, True), (WELL + WRONG + case.after, False))
    named = {"alertname": case.alert, "alertstate": "firing"}
    labels = {**named, **case.fires, "severity": severities[case.alert]}
    firing = {"labels": selector("ALERTS", labels), "value": 1}
    return [
        {
            "expr": selector("ALERTS", named),
            "eval_time": f"{(at - 1) * STEP_S}s",
            "exp_samples": [firing] if fires else [],
        }
        for at, fires in ends
    ]
