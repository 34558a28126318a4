# tidy: generated, and as long as there are events
"""The events as Python classes; fields in the order of the schema.

Generated from `schemas/avro` by `python -m schemas.generate`: change the schema, not this file.
Times (`ts_*_ns`) are nanoseconds UTC.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias

BreakKind: TypeAlias = Literal[
    "UNKNOWN",
    "FILL_MISSING",
    "FILL_DUPLICATE",
    "FILL_FOREIGN",
    "ORDER_UNKNOWN",
    "ORDER_FOREIGN",
    "ORDER_STATE_MISMATCH",
    "POSITION_DRIFT",
    "BALANCE_DRIFT",
    "FEE_MISMATCH",
    "SNAPSHOT_STALE",
]
CancelReason: TypeAlias = Literal[
    "UNKNOWN",
    "TARGET_CHANGED",
    "PRICE_MOVED",
    "ORDER_TIMED_OUT",
    "MARKET_STALE",
    "STATE_REDUCING",
    "STATE_PAUSED",
    "STATE_HALTED",
    "STATE_UNREADABLE",
    "OPERATOR_REQUESTED",
    "RISK_SILENT",
    "CLOCK_SILENT",
    "LOG_UNREACHABLE",
    "GATEWAY_STOPPED",
    "ORDER_FOREIGN",
]
CloseReason: TypeAlias = Literal[
    "UNKNOWN",
    "VENUE_CLOSED",
    "STALE",
    "SUBSCRIBE_REFUSED",
    "LOG_UNAVAILABLE",
    "LIFETIME_REACHED",
    "STOPPED",
    "PROTOCOL_ERROR",
]
DeadLetterReason: TypeAlias = Literal[
    "UNKNOWN",
    "MALFORMED_JSON",
    "UNKNOWN_STREAM",
    "MISSING_FIELD",
    "WRONG_TYPE",
    "NEGATIVE_PRICE",
    "CROSSED_QUOTE",
    "TOO_PRECISE",
    "DUPLICATE",
    "OUT_OF_ORDER",
    "TOO_LARGE",
    "UNKNOWN_SCHEMA",
    "UNDECODABLE",
    "VENUE_ERROR",
]
DecisionExpiry: TypeAlias = Literal[
    "UNKNOWN",
    "TICK_STALE",
    "MARK_STALE",
    "SIGNATURE_INVALID",
    "DECISION_REPEATED",
    "DECISION_SUPERSEDED",
    "SEND_TOO_LATE",
    "GATEWAY_NOT_READY",
    "GATEWAY_CANCEL_ONLY",
    "STATE_HALTED",
    "STATE_PAUSED",
    "STATE_UNREADABLE",
    "CIRCUIT_OPEN",
    "RATE_BUDGET",
    "CAP_ORDER_NOTIONAL",
    "CAP_PRICE",
    "CAP_QUOTE_MISSING",
    "CAP_ORDERS_PER_SECOND",
    "CAP_ORDERS_PER_DAY",
    "CAP_NOTIONAL_PER_DAY",
    "CAP_OPEN_ORDERS",
    "CAP_POSITION",
    "CAP_INSTRUMENT",
    "CAP_PARENT",
    "ACCOUNT_FOREIGN",
    "SPEED_NOT_ONE",
    "VENUE_UNREACHABLE",
]
EpochReason: TypeAlias = Literal["UNKNOWN", "INPUT", "SNAPSHOT", "STOP", "BOUNDARY"]
BoundaryKind: TypeAlias = Literal[
    "UNKNOWN",
    "FIRST_START",
    "UPGRADE_CARRY",
    "UPGRADE_REBUILD",
    "SKIP",
    "ACCEPT_DIVERGENCE",
]
FailoverReason: TypeAlias = Literal["UNKNOWN", "STALE", "GAP", "CLOSED"]
FeedFault: TypeAlias = Literal["UNKNOWN", "GAP", "STALE", "DIVERGENCE"]
LimitKind: TypeAlias = Literal[
    "UNKNOWN",
    "PRICE_COLLAR_BPS",
    "MARK_AGE_MAX_MS",
    "MARK_BAND_BPS",
    "TICK_AGE_MAX_MS",
    "ORDER_NOTIONAL_MAX",
    "POSITION_QTY_MAX",
    "EXPOSURE_GROSS_MAX",
    "ORDERS_OPEN_MAX",
    "ORDERS_PER_SECOND_MAX",
    "ORDERS_PER_MINUTE_MAX",
    "DUPLICATE_WINDOW_MS",
    "EXECUTIONS_REPEATED_MAX",
    "EXECUTIONS_WINDOW_MS",
    "LOSS_DAILY_MAX",
    "LOSS_DRAWDOWN_MAX",
]
Side: TypeAlias = Literal["UNKNOWN", "BUY", "SELL"]
OrdType: TypeAlias = Literal["UNKNOWN", "LIMIT", "MARKET"]
TimeInForce: TypeAlias = Literal["UNKNOWN", "GTC", "IOC", "FOK"]
RejectReason: TypeAlias = Literal[
    "UNKNOWN",
    "ORDER_DUPLICATE",
    "ORDER_MALFORMED",
    "ORDER_UNKNOWN",
    "ORDER_CLOSED",
    "BALANCE_INSUFFICIENT",
    "PRICE_FILTER",
    "QTY_FILTER",
    "NOTIONAL_FILTER",
    "POST_ONLY_CROSSED",
    "SELF_MATCH",
    "RATE_LIMITED",
    "ACCOUNT_BANNED",
    "KEY_REFUSED",
    "SIGNATURE_INVALID",
    "TIMESTAMP_OUTSIDE_WINDOW",
    "INSTRUMENT_CLOSED",
    "VENUE_UNAVAILABLE",
    "VENUE_OTHER",
]
DenialReason: TypeAlias = Literal[
    "UNKNOWN",
    "ORDER_MALFORMED",
    "ORDER_ID_REPEATED",
    "ORDER_DUPLICATE",
    "LIMITS_MISSING",
    "LIMITS_INCOMPLETE",
    "CLOCK_MISSING",
    "GATEWAY_NOT_READY",
    "STATE_HALTED",
    "STATE_PAUSED",
    "STATE_REDUCING",
    "INSTRUMENT_UNKNOWN",
    "INSTRUMENT_RESTRICTED",
    "PRICE_PRECISION",
    "PRICE_BOUNDS",
    "PRICE_COLLAR",
    "QTY_PRECISION",
    "QTY_BOUNDS",
    "MARK_MISSING",
    "MARK_STALE",
    "MARK_DIVERGED",
    "TICK_STALE",
    "BALANCE_INSUFFICIENT",
    "NOTIONAL_BELOW_MIN",
    "NOTIONAL_ABOVE_MAX",
    "POSITION_ABOVE_MAX",
    "POSITION_BELOW_ZERO",
    "EXPOSURE_ABOVE_MAX",
    "ORDERS_OPEN",
    "ORDERS_PER_SECOND",
    "ORDERS_PER_MINUTE",
    "EXECUTION_REPEATED",
    "SELF_MATCH",
    "LOSS_DAILY",
    "LOSS_DRAWDOWN",
]
OrderExpiry: TypeAlias = Literal[
    "UNKNOWN",
    "TIME_IN_FORCE",
    "SELF_MATCH",
    "VENUE_DECIDED",
    "INSTRUMENT_CLOSED",
]
LastLiquidity: TypeAlias = Literal["UNKNOWN", "MAKER", "TAKER"]
OrderAction: TypeAlias = Literal["UNKNOWN", "SUBMIT", "CANCEL"]
OutcomeDoubt: TypeAlias = Literal[
    "UNKNOWN",
    "RESPONSE_TIMED_OUT",
    "CONNECTION_LOST",
    "RESPONSE_UNREADABLE",
    "VENUE_UNCERTAIN",
    "GATEWAY_RESTARTED",
    "STREAM_GAPPED",
]
OrderResolution: TypeAlias = Literal[
    "UNKNOWN",
    "OPEN",
    "FILLED",
    "CANCELED",
    "REJECTED",
    "EXPIRED",
    "ABSENT",
]
OrderState: TypeAlias = Literal[
    "UNKNOWN",
    "APPROVED",
    "SUBMITTING",
    "ACCEPTED",
    "PENDING_CANCEL",
    "OUTCOME_UNKNOWN",
    "FILLED",
    "CANCELED",
    "REJECTED",
    "EXPIRED",
    "ABSENT",
    "DROPPED",
]
TransitionRefusal: TypeAlias = Literal[
    "UNKNOWN",
    "ORDER_UNKNOWN",
    "TRANSITION_ILLEGAL",
    "FILL_REPEATED",
    "QTY_EXCEEDED",
    "FIELD_CONFLICT",
]
ControlSource: TypeAlias = Literal[
    "UNKNOWN",
    "OPERATOR",
    "RECONCILIATION",
    "GATEWAY",
    "RISK",
    "SUPERVISOR",
]
RequestFailure: TypeAlias = Literal[
    "UNKNOWN",
    "CONNECT_FAILED",
    "CONNECTION_LOST",
    "RESPONSE_TIMED_OUT",
    "SEND_TOO_LATE",
    "CIRCUIT_OPEN",
    "RATE_BUDGET",
    "STATE_HALTED",
    "STATE_PAUSED",
    "STATE_UNREADABLE",
]
StreamEnd: TypeAlias = Literal[
    "UNKNOWN",
    "VENUE_CLOSED",
    "CONNECTION_LOST",
    "STREAM_STALE",
    "SUBSCRIBE_REFUSED",
    "GATEWAY_STOPPED",
]


class Balance(NamedTuple):
    """One asset of an account."""

    asset: str  # Asset.
    free_qty: Decimal  # Free to use.
    locked_qty: Decimal  # Held by open orders.


class BalancesObserved(NamedTuple):
    """All balances of an account, as the venue said."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    snapshot_id: str  # Id of the round of requests this was read in.
    balances: tuple[Balance, ...]  # By asset, sorted.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    # Wall time when the request was sent, nanoseconds UTC; the venue answered after it.
    ts_sent_ns: int
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class BookChanged(NamedTuple):
    """A depth snapshot, or the levels one depth message changed; quantity 0 removes a level."""

    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    snapshot: bool  # True: the arrays are the whole book.
    first_sequence: int | None  # First update id in this message (Binance U).
    last_sequence: int | None  # Last update id in this message (Binance u).
    # last_sequence of the message before, where the venue says so (Binance pu).
    prev_sequence: int | None
    bid_px: tuple[Decimal, ...]  # Bid prices, as sent.
    bid_qty: tuple[Decimal, ...]  # Bid quantities, parallel to bid_px.
    ask_px: tuple[Decimal, ...]  # Ask prices, as sent.
    ask_qty: tuple[Decimal, ...]  # Ask quantities, parallel to ask_px.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.
    line: str  # The connection line that delivered it first: A, B, ...


class BreakCleared(NamedTuple):
    """A break is explained, by evidence."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    break_id: str  # Id of the break: kind and what it is about.
    kind: BreakKind  # What kind of break.
    instrument: str | None  # Instrument, where it is about one.
    asset: str | None  # Asset, where it is about one.
    cl_ord_id: str | None  # Our id of the order it is about, where it is about one.
    order_id: str | None  # The venue's id of the order, where it is about one.
    trade_id: str | None  # The venue's id of the trade, where it is about one.
    person: str  # Who cleared it; empty where the log and the venue agree again.
    reason: str  # Why.
    snapshot_id: str  # Id of the round of requests this was read in.
    causation_id: str  # Id of the direct parent.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class BreakFound(NamedTuple):
    """Log and venue disagree."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    break_id: str  # Id of the break: kind and what it is about.
    kind: BreakKind  # What kind of break.
    instrument: str | None  # Instrument, where it is about one.
    asset: str | None  # Asset, where it is about one.
    cl_ord_id: str | None  # Our id of the order it is about, where it is about one.
    order_id: str | None  # The venue's id of the order, where it is about one.
    trade_id: str | None  # The venue's id of the trade, where it is about one.
    log_qty: Decimal | None  # What the log says.
    venue_qty: Decimal | None  # What the venue says.
    detail: str  # For a person.
    snapshot_id: str  # Id of the round of requests this was read in.
    causation_id: str  # Id of the direct parent.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class CancelApproved(NamedTuple):
    """Risk passes a cancel on, always, or asks for one itself."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    reason: CancelReason  # Why.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, of that tick. Never the basis of an age.
    ts_event_ns: int | None
    # Nanoseconds UTC at our socket, of the tick that started it. The only basis of an age.
    ts_recv_ns: int


class CancelRequested(NamedTuple):
    """A strategy, or a person, asks to cancel an order."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    strategy_version: str  # Version of its code and configuration.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order to cancel (FIX 11 of the order, 41 of the request).
    reason: CancelReason  # Why.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, of that tick. Never the basis of an age.
    ts_event_ns: int | None
    # Nanoseconds UTC at our socket, of the tick that started it. The only basis of an age.
    ts_recv_ns: int


class ClockTick(NamedTuple):
    """Wall time as an event, one per second."""

    ts_ns: int  # Nanoseconds UTC by the clock process.


class ConnectionClosed(NamedTuple):
    """A connection ended."""

    venue: str  # Upper-case venue code, as in the venue registry.
    line: str  # The connection line that delivered it first: A, B, ...
    connection: str  # Id of the connection.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.
    reason: CloseReason  # Why.
    detail: str  # Free text for people.


class ConnectionOpened(NamedTuple):
    """A connection is subscribed: the venue acknowledged every stream."""

    venue: str  # Upper-case venue code, as in the venue registry.
    line: str  # The connection line that delivered it first: A, B, ...
    connection: str  # Id of the connection.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.
    url: str  # Address, without credentials.
    streams: tuple[str, ...]  # What was subscribed.


class DeadLettered(NamedTuple):
    """A record that could not be used, kept with the reason."""

    reason: DeadLetterReason  # Closed list; free text goes to the header `detail`.
    pipeline: str  # Who refused it.
    topic: str  # Where it was.
    partition: int  # Partition.
    offset: int  # Offset.
    size: int  # Bytes of the original value.
    sha256: bytes  # SHA-256 of the original value.
    original: bytes  # The original value; its head only, where it is larger than the topic takes.
    ts_recv_ns: int  # Nanoseconds UTC at our socket, or 0 where unknown.


class Fact(NamedTuple):
    """One number or name that a check looked at."""

    name: str  # What it is.
    value: str  # Exact, as text.


class DecisionExpired(NamedTuple):
    """An approved order that the gateway did not send and never will."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    reason: DecisionExpiry  # Why.
    facts: tuple[Fact, ...]  # What that check looked at.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, of that tick. Never the basis of an age.
    ts_event_ns: int | None
    # Nanoseconds UTC at our socket, of the tick that started it. The only basis of an age.
    ts_recv_ns: int


class InputRange(NamedTuple):
    topic: str  # Logical topic.
    partition: int  # Partition.
    start: int  # First offset of the range.
    end: int  # One past its last record; start = end is an empty range.
    count: int  # type: ignore[assignment]  # Records in it (offsets have gaps).
    log_time_ms: int  # Log time of the partition after this epoch; -1 before its first record.
    # SHA-256 over keys, fingerprints, bodies and timestamps; empty for an empty range.
    digest: bytes


class OutputRange(NamedTuple):
    topic: str  # Logical topic.
    partition: int  # Partition.
    count: int  # type: ignore[assignment]  # Outputs of this epoch there.
    floor: int  # They lie at or after this offset.


class SnapshotRef(NamedTuple):
    sequence: int  # Epoch whose end the state describes.
    state_version: int  # Version of the state's form.
    size: int  # Bytes of the canonical state.
    chunks: int  # Records it is cut into.
    digest: bytes  # SHA-256 of the canonical state.
    # The chunks lie at or after this offset of the shard's snapshots partition.
    snapshots_floor: int
    # The record of epoch `sequence` lies at or after this offset of the shard's epochs partition.
    epochs_floor: int


class Boundary(NamedTuple):
    kind: BoundaryKind  # What happened here.
    from_version: str  # Version before; empty at a first start.
    to_version: str  # Version from here on.
    reason: str  # Why, in a person's words.
    subject: str  # TOPIC/PARTITION/OFFSET skipped, or the sequence accepted; else empty.
    epochs_compared: int  # Epochs re-run with the new code.
    outputs_recorded: int  # Outputs those epochs recorded.
    outputs_added: int  # Outputs the new code adds.
    outputs_removed: int  # Outputs the new code would not have made.


class EpochCommitted(NamedTuple):
    """One epoch: what was read, what came of it, chained to the epoch before."""

    pipeline: str  # Pipeline.
    shard: int  # Shard number.
    shards: int  # Number of shards.
    sequence: int  # 0, 1, 2, ... without gaps.
    reason: EpochReason  # Why the epoch was cut.
    inputs: tuple[InputRange, ...]  # Every input partition of the shard, in canonical order.
    outputs: tuple[OutputRange, ...]  # Where the outputs are, in order of topic and partition.
    output_count: int  # Number of outputs.
    # SHA-256 over topic, partition, key, fingerprint and body of each output in order.
    outputs_digest: bytes
    snapshot_taken: bool  # True: `snapshot` was written in this very transaction.
    snapshot: SnapshotRef | None  # The newest snapshot at the end of this epoch.
    boundary: Boundary | None  # Set on BOUNDARY epochs.
    version: str  # Hash of logic, schemas, settings and lock file.
    instance: str  # The process that committed it.
    cpu: str  # CPU architecture.
    chain: bytes  # SHA-256 of the previous chain and this record with an empty chain.


class FeedDiverged(NamedTuple):
    """Two lines sent different content under one identity."""

    venue: str  # Upper-case venue code, as in the venue registry.
    # <instrument>|<kind>, for example BTCUSDT.BINANCE|depth; the venue's name alone for a
    # connection-wide stream.
    stream: str
    identity: str  # The identity both claim.
    line: str  # Line of the first arrival, which was used.
    other_line: str  # Line that disagreed.
    digest: bytes  # SHA-256 of the first content.
    other_digest: bytes  # SHA-256 of the other content.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class FeedFailedOver(NamedTuple):
    """The leading line of a stream changed because the former one went stale or fell behind."""

    venue: str  # Upper-case venue code, as in the venue registry.
    # <instrument>|<kind>, for example BTCUSDT.BINANCE|depth; the venue's name alone for a
    # connection-wide stream.
    stream: str
    from_line: str  # The line that led.
    to_line: str  # The line that leads now.
    reason: FailoverReason  # Why.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class FeedGapped(NamedTuple):
    """Messages of a stream are missing on every line that is up."""

    venue: str  # Upper-case venue code, as in the venue registry.
    # <instrument>|<kind>, for example BTCUSDT.BINANCE|depth; the venue's name alone for a
    # connection-wide stream.
    stream: str
    line: str  # The connection line that delivered it first: A, B, ...
    expected_sequence: int  # The sequence that should have come.
    received_sequence: int  # The sequence that came.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class FeedRecovered(NamedTuple):
    """A stream is whole again after a gap or silence."""

    venue: str  # Upper-case venue code, as in the venue registry.
    # <instrument>|<kind>, for example BTCUSDT.BINANCE|depth; the venue's name alone for a
    # connection-wide stream.
    stream: str
    line: str  # The connection line that delivered it first: A, B, ...
    after: FeedFault  # What it recovered from.
    sequence: int | None  # First good sequence.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class FeedWentStale(NamedTuple):
    """A line sent nothing, heartbeats included, for longer than its limit."""

    venue: str  # Upper-case venue code, as in the venue registry.
    # <instrument>|<kind>, for example BTCUSDT.BINANCE|depth; the venue's name alone for a
    # connection-wide stream.
    stream: str
    line: str  # The connection line that delivered it first: A, B, ...
    age_ms: int  # Log time since its last frame, milliseconds.
    ts_ns: int  # Time of the clock tick that showed it, nanoseconds UTC.


class FrameReceived(NamedTuple):
    """One WebSocket frame exactly as received."""

    venue: str  # Upper-case venue code, as in the venue registry.
    line: str  # The connection line that delivered it first: A, B, ...
    connection: str  # Random id of the connection, new at every connect.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.
    payload: bytes  # The frame's bytes, unchanged.


class GatewayReady(NamedTuple):
    """A gateway passed its start gate and may send; until then risk approves nothing."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    instance: str  # Random id of the process.
    takeover: bool  # True: it replaced a live gateway.
    caps_version: str  # Hash of its own hard caps.
    clock_offset_ns: int  # The venue's clock minus ours, measured at the start.
    open_orders: int  # Orders found open at the venue and known to the log.
    snapshot_id: str  # Id of the venue snapshot it started from.
    ts_ns: int  # Wall time, nanoseconds UTC.


class Limit(NamedTuple):
    """One limit within a scope."""

    kind: LimitKind  # What it limits.
    account: str | None  # Account it holds for; null for all.
    strategy: str | None  # Strategy it holds for; null for all.
    instrument: str | None  # Instrument it holds for; null for all.
    value: Decimal  # In the unit its kind names; money in the limits' currency.


class InstrumentTerms(NamedTuple):
    """What may be traded, in which steps."""

    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    base_asset: str  # Asset bought.
    quote_asset: str  # Asset paid with.
    restricted: bool  # True: no orders.
    tick_size: Decimal  # Step of prices.
    lot_size: Decimal  # Step of quantities.
    price_min: Decimal  # Lowest price.
    price_max: Decimal  # Highest price.
    qty_min: Decimal  # Smallest quantity.
    qty_max: Decimal  # Largest quantity.
    notional_min: Decimal  # Smallest value of an order.
    band_instrument: str | None  # The same on a second venue, whose mark must agree.


class LimitsChanged(NamedTuple):
    """The whole of a desk's limits; in force from its own offset on."""

    limits_version: int  # 1, 2, 3, ... without gaps.
    currency: str  # Currency of money limits; every instrument is quoted in it.
    limits: tuple[Limit, ...]  # Every limit, sorted.
    instruments: tuple[InstrumentTerms, ...]  # Every instrument that may be traded, sorted.
    person: str  # Who changed them.
    reason: str  # Why.
    ts_ns: int  # Wall time at its writer, nanoseconds UTC.


class LogCreated(NamedTuple):
    """The log's first control record: what tells this log from another one."""

    log_id: str  # Random UUID; part of every client order id and signature.
    environment: str  # Name of the environment.
    ts_ns: int  # Wall time at its writer, nanoseconds UTC.


class MarkPublished(NamedTuple):
    """Reference price of an instrument; at most one per 100 ms of log time."""

    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    bid_px: Decimal  # Best bid price.
    ask_px: Decimal  # Best ask price.
    mark_px: Decimal  # Mid price, exact.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OpenOrder(NamedTuple):
    """One open order, as the venue lists it."""

    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    order_id: str  # The venue's id of the order (FIX 37).
    cl_ord_id: str  # The client's id, as the venue has it.
    side: Side  # Side (FIX 54).
    price: Decimal | None  # Limit price (FIX 44), quote currency per unit; null for a market order.
    order_qty: Decimal  # Quantity (FIX 38), base units.
    cum_qty: Decimal  # Quantity filled so far (FIX 14), base units.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None


class OpenOrdersObserved(NamedTuple):
    """All open orders of an account, as the venue said."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    snapshot_id: str  # Id of the round of requests this was read in.
    orders: tuple[OpenOrder, ...]  # By instrument and order_id, sorted.
    # Wall time when the request was sent, nanoseconds UTC; the venue answered after it.
    ts_sent_ns: int
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OrderAccepted(NamedTuple):
    """The venue took the order."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    order_id: str  # The venue's id of the order (FIX 37).
    side: Side  # Side (FIX 54).
    price: Decimal | None  # Limit price (FIX 44), quote currency per unit; null for a market order.
    order_qty: Decimal  # Quantity (FIX 38), base units.
    cum_qty: Decimal  # Quantity filled so far (FIX 14), base units.
    leaves_qty: Decimal  # Quantity still open (FIX 151), base units.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OrderApproved(NamedTuple):
    """Risk lets an order pass. The signature is in the header `tape_signature`."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    strategy_version: str  # Version of its code and configuration.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    parent_id: str  # The order this one is a slice of: id of the wanted position.
    parent_qty: Decimal  # Whole quantity of that parent; its children together never exceed it.
    child: int  # Number of this slice of the parent, from 0.
    side: Side  # Side (FIX 54).
    ord_type: OrdType  # Order type (FIX 40).
    time_in_force: TimeInForce  # How long it stands (FIX 59).
    post_only: bool  # True: never takes liquidity (FIX 18, value 6).
    price: Decimal | None  # Limit price (FIX 44), quote currency per unit; null for a market order.
    order_qty: Decimal  # Quantity (FIX 38), base units.
    # Value reserved for it, quote currency: quantity times limit, or times the collar's edge for a
    # market order.
    reserved_notional: Decimal
    limits_version: int  # Version of the limits that decided; 0 before the first.
    mark_px: Decimal  # Mark that risk used, exact.
    mark_ts_recv_ns: int  # Nanoseconds UTC at our socket, of that mark.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, of that tick. Never the basis of an age.
    ts_event_ns: int | None
    # Nanoseconds UTC at our socket, of the tick that started it. The only basis of an age.
    ts_recv_ns: int


class OrderCancelRejected(NamedTuple):
    """The venue refused a cancel; the order is as it was."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    order_id: str | None  # The venue's id of the order (FIX 37), where it is known.
    reason: RejectReason  # Why, in our words.
    venue_code: str  # The venue's own code, empty where it gave none.
    text: str  # The venue's own words (FIX 58), secrets removed.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OrderCanceled(NamedTuple):
    """The order is gone from the venue; cum_qty is final."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    order_id: str | None  # The venue's id of the order (FIX 37), where it is known.
    reason: CancelReason  # Why, where we asked for it.
    cum_qty: Decimal  # Quantity filled so far (FIX 14), base units.
    canceled_qty: Decimal  # Quantity that will not fill, base units.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OrderDenied(NamedTuple):
    """Risk refuses an order; it is never sent."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    strategy_version: str  # Version of its code and configuration.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    parent_id: str  # The order this one is a slice of: id of the wanted position.
    parent_qty: Decimal  # Whole quantity of that parent; its children together never exceed it.
    child: int  # Number of this slice of the parent, from 0.
    side: Side  # Side (FIX 54).
    ord_type: OrdType  # Order type (FIX 40).
    time_in_force: TimeInForce  # How long it stands (FIX 59).
    post_only: bool  # True: never takes liquidity (FIX 18, value 6).
    price: Decimal | None  # Limit price (FIX 44), quote currency per unit; null for a market order.
    order_qty: Decimal  # Quantity (FIX 38), base units.
    reason: DenialReason  # The check that refused it.
    facts: tuple[Fact, ...]  # What that check looked at.
    limits_version: int  # Version of the limits that decided; 0 before the first.
    mark_px: Decimal | None  # Mark that was used, exact; null where none was known.
    mark_ts_recv_ns: int | None  # Nanoseconds UTC at our socket, of that mark.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, of that tick. Never the basis of an age.
    ts_event_ns: int | None
    # Nanoseconds UTC at our socket, of the tick that started it. The only basis of an age.
    ts_recv_ns: int


class OrderExpired(NamedTuple):
    """The venue ended the order by itself; cum_qty is final."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    order_id: str | None  # The venue's id of the order (FIX 37), where it is known.
    reason: OrderExpiry  # Why.
    cum_qty: Decimal  # Quantity filled so far (FIX 14), base units.
    expired_qty: Decimal  # Quantity that will not fill, base units.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OrderFilled(NamedTuple):
    """A fill; its identity is (venue, account, instrument, order_id, trade_id)."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    order_id: str  # The venue's id of the order (FIX 37).
    trade_id: str  # The venue's id of the trade (FIX 1003).
    side: Side  # Side (FIX 54).
    last_px: Decimal  # Price of this fill (FIX 31), quote currency per unit.
    last_qty: Decimal  # Quantity of this fill (FIX 32), base units.
    cum_qty: Decimal  # Quantity filled so far (FIX 14), base units.
    leaves_qty: Decimal  # Quantity still open (FIX 151), base units.
    commission: Decimal  # Fee (FIX 12), in `comm_currency`; negative is a rebate.
    comm_currency: str  # Asset of the fee (FIX 479).
    last_liquidity: LastLiquidity  # Whether it took liquidity (FIX 851).
    reconciled: bool  # True: booked by reconciliation from the venue's trades.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OrderOutcomeUnknown(NamedTuple):
    """Nobody knows what the venue did; the whole leaves_qty stays reserved until resolved."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    action: OrderAction  # What was asked of the venue.
    reason: OutcomeDoubt  # Why it is unknown.
    cum_qty: Decimal  # Quantity filled so far (FIX 14), base units.
    leaves_qty: Decimal  # Quantity still open (FIX 151), base units.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OrderPendingCancel(NamedTuple):
    """A cancel is on its way to the venue; the order may still fill."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    reason: CancelReason  # Why.
    attempt: int  # 1 for the first request; cancels are repeated until terminal.
    request_id: str  # Id of the request in venue.raw.v1.
    cum_qty: Decimal  # Quantity filled so far (FIX 14), base units.
    leaves_qty: Decimal  # Quantity still open (FIX 151), base units.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OrderRejected(NamedTuple):
    """The venue refused the order; it never stood."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    reason: RejectReason  # Why, in our words.
    venue_code: str  # The venue's own code, empty where it gave none.
    text: str  # The venue's own words (FIX 58), secrets removed.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OrderRequested(NamedTuple):
    """A strategy asks for an order. Nothing is sent before risk approves it."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    strategy_version: str  # Version of its code and configuration.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    parent_id: str  # The order this one is a slice of: id of the wanted position.
    parent_qty: Decimal  # Whole quantity of that parent; its children together never exceed it.
    child: int  # Number of this slice of the parent, from 0.
    side: Side  # Side (FIX 54).
    ord_type: OrdType  # Order type (FIX 40).
    time_in_force: TimeInForce  # How long it stands (FIX 59).
    post_only: bool  # True: never takes liquidity (FIX 18, value 6).
    price: Decimal | None  # Limit price (FIX 44), quote currency per unit; null for a market order.
    order_qty: Decimal  # Quantity (FIX 38), base units.
    mark_px: Decimal | None  # Mark that was used, exact; null where none was known.
    mark_ts_recv_ns: int | None  # Nanoseconds UTC at our socket, of that mark.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, of that tick. Never the basis of an age.
    ts_event_ns: int | None
    # Nanoseconds UTC at our socket, of the tick that started it. The only basis of an age.
    ts_recv_ns: int


class OrderResolved(NamedTuple):
    """A query, or the stream, told what became of an order in doubt."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    order_id: str | None  # The venue's id of the order (FIX 37), where it is known.
    resolution: OrderResolution  # What it is; ABSENT: the venue never had it, asked twice.
    cum_qty: Decimal  # Quantity filled so far (FIX 14), base units.
    leaves_qty: Decimal  # Quantity still open (FIX 151), base units.
    request_ids: tuple[str, ...]  # Requests in venue.raw.v1 that show it.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class OrderSubmitting(NamedTuple):
    """Written before the order is sent: from here on it may be at the venue."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    side: Side  # Side (FIX 54).
    ord_type: OrdType  # Order type (FIX 40).
    time_in_force: TimeInForce  # How long it stands (FIX 59).
    post_only: bool  # True: never takes liquidity (FIX 18, value 6).
    price: Decimal | None  # Limit price (FIX 44), quote currency per unit; null for a market order.
    order_qty: Decimal  # Quantity (FIX 38), base units.
    instance: str  # The gateway's process.
    request_id: str  # Id of the request in venue.raw.v1.
    request_digest: bytes  # SHA-256 of the signed bytes without the signature.
    venue_ts_ms: int  # Time stamped on the request, milliseconds by the venue's clock.
    recv_window_ms: int  # How long after it the venue may take the request, milliseconds.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, of that tick. Never the basis of an age.
    ts_event_ns: int | None
    # Nanoseconds UTC at our socket, of the tick that started it. The only basis of an age.
    ts_recv_ns: int


class OrderTransitionRefused(NamedTuple):
    """An order event that the order's state does not allow; the state stays as it was."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    cl_ord_id: str  # Our id of the order (FIX 11).
    state: OrderState  # State of the order.
    event: str  # Name of the event refused.
    reason: TransitionRefusal  # Why.
    detail: str  # What differs, for a person.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class PositionAdjusted(NamedTuple):
    """A position corrected by hand."""

    adjustment_id: str  # Names it; a second one with this id is ignored.
    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order; empty where none did.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    qty: Decimal  # Quantity added, base units; negative is taken away.
    price: Decimal | None  # Price it was bought or sold at; null: none was paid.
    person: str  # Who says so.
    reason: str  # Why.
    evidence: str  # What shows it: a statement, a transaction, a ticket.
    ts_ns: int  # Wall time at its writer, nanoseconds UTC.


class PositionChanged(NamedTuple):
    """The position of record of a strategy in one instrument, after a fill or an adjustment."""

    account: str  # Account at the venue (FIX 1).
    strategy: str  # Name of the signal instance that asked for the order; empty where none did.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    position_qty: Decimal  # Position, base units; negative is short.
    previous_position_qty: Decimal  # Position before.
    # Average price of what is held (FIX 6), rounded half even; null when flat.
    avg_px: Decimal | None
    realized_pnl: Decimal  # Profit realised since the beginning, before fees, quote currency.
    commission: Decimal  # Fees of this change, in `comm_currency`.
    comm_currency: str  # Asset of the fees; empty where there were none.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class QuoteChanged(NamedTuple):
    """Best bid and ask after a change."""

    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    sequence: int | None  # The venue's update id, where it has one.
    bid_px: Decimal  # Best bid price.
    bid_qty: Decimal  # Quantity at the best bid.
    ask_px: Decimal  # Best ask price.
    ask_qty: Decimal  # Quantity at the best ask.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.
    line: str  # The connection line that delivered it first: A, B, ...


class Position(NamedTuple):
    topic: str  # Logical topic.
    partition: int  # Partition.
    offset: int  # Next offset to read.


class ShardOpened(NamedTuple):
    """A process took over a shard; nothing was handed out before this record was committed."""

    pipeline: str  # Pipeline.
    shard: int  # Shard number, from 0.
    shards: int  # Number of shards.
    instance: str  # Random id of the process.
    host: str  # Host name.
    pid: int  # Process id.
    version: str  # Hash of logic, schemas, settings and lock file.
    cpu: str  # CPU architecture.
    next_sequence: int  # Sequence of the first epoch this instance may commit.
    start: tuple[Position, ...]  # Where each input partition continues.
    ts_ns: int  # Wall time, nanoseconds UTC.


class StateSnapshotted(NamedTuple):
    """One chunk of a pipeline's canonical state."""

    pipeline: str  # Pipeline.
    shard: int  # Shard number.
    sequence: int  # Epoch whose end the state describes.
    state_version: int  # Version of the state's form.
    chunk: int  # 0 .. chunks - 1.
    chunks: int  # Number of chunks.
    body: bytes  # This part of the state.


class TargetChanged(NamedTuple):
    """The position a strategy wants from now on."""

    strategy: str  # Name of the signal instance.
    strategy_version: str  # Version of its code and configuration.
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    target_qty: Decimal  # Wanted position, base units; negative is short.
    previous_target_qty: Decimal | None  # Wanted position until now; null the first time.
    reference_px: Decimal | None  # Price that decided.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class TargetClipped(NamedTuple):
    """A wanted position that execution does not follow in full: it is long only."""

    strategy: str  # Name of the signal instance.
    strategy_version: str  # Version of its code and configuration.
    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    target_qty: Decimal  # Wanted position, base units; negative is short.
    clipped_qty: Decimal  # Position that execution aims at instead, base units.
    correlation_id: str  # Id of the tick that started it.
    causation_id: str  # Id of the direct parent.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class TradePrinted(NamedTuple):
    """One public trade."""

    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    trade_id: str  # The venue's id; unique per instrument.
    aggressor_side: Side  # Side of the order that took liquidity (FIX 2446).
    last_px: Decimal  # Price (FIX 31), quote currency per unit.
    last_qty: Decimal  # Quantity (FIX 32), base units.
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.
    line: str  # The connection line that delivered it first: A, B, ...


class AccountTrade(NamedTuple):
    """One trade of the account, as the venue lists it."""

    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    order_id: str  # The venue's id of the order (FIX 37).
    trade_id: str  # The venue's id of the trade (FIX 1003).
    side: Side  # Side (FIX 54).
    last_px: Decimal  # Price (FIX 31).
    last_qty: Decimal  # Quantity (FIX 32).
    commission: Decimal  # Fee (FIX 12).
    comm_currency: str  # Asset of the fee (FIX 479).
    last_liquidity: LastLiquidity  # Whether it took liquidity (FIX 851).
    # Nanoseconds UTC by the venue's clock, where the frame names one. Never the basis of an age.
    ts_event_ns: int | None


class TradesObserved(NamedTuple):
    """Recent trades of an account in one instrument, as the venue said."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    instrument: str  # <venue symbol>.<VENUE>, for example BTCUSDT.BINANCE.
    snapshot_id: str  # Id of the round of requests this was read in.
    from_trade_id: str | None  # First trade id asked for.
    complete: bool  # True: there are no later trades.
    trades: tuple[AccountTrade, ...]  # In the venue's order.
    # Wall time when the request was sent, nanoseconds UTC; the venue answered after it.
    ts_sent_ns: int
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class TradingFlattened(NamedTuple):
    """Positions within the scope are closed and stay closed, until resumed."""

    account: str | None  # Account it holds for; null for all.
    strategy: str | None  # Strategy it holds for; null for all.
    instrument: str | None  # Instrument it holds for; null for all.
    source: ControlSource  # What kind of writer decided it.
    person: str  # Who decided it; empty where a process did.
    reason: str  # Why, in a person's words.
    evidence_id: str | None  # Id of the event that led to it, such as a break.
    ts_ns: int  # Wall time at its writer, nanoseconds UTC.


class TradingHalted(NamedTuple):
    """No orders, only cancels, within the scope, until resumed."""

    account: str | None  # Account it holds for; null for all.
    strategy: str | None  # Strategy it holds for; null for all.
    instrument: str | None  # Instrument it holds for; null for all.
    cancel_orders: bool  # True: cancel what is open.
    source: ControlSource  # What kind of writer decided it.
    person: str  # Who decided it; empty where a process did.
    reason: str  # Why, in a person's words.
    evidence_id: str | None  # Id of the event that led to it, such as a break.
    ts_ns: int  # Wall time at its writer, nanoseconds UTC.


class TradingPaused(NamedTuple):
    """No new entries within the scope, until resumed."""

    account: str | None  # Account it holds for; null for all.
    strategy: str | None  # Strategy it holds for; null for all.
    instrument: str | None  # Instrument it holds for; null for all.
    source: ControlSource  # What kind of writer decided it.
    person: str  # Who decided it; empty where a process did.
    reason: str  # Why, in a person's words.
    evidence_id: str | None  # Id of the event that led to it, such as a break.
    ts_ns: int  # Wall time at its writer, nanoseconds UTC.


class TradingReduced(NamedTuple):
    """Only orders that bring a position towards zero, within the scope, until resumed."""

    account: str | None  # Account it holds for; null for all.
    strategy: str | None  # Strategy it holds for; null for all.
    instrument: str | None  # Instrument it holds for; null for all.
    source: ControlSource  # What kind of writer decided it.
    person: str  # Who decided it; empty where a process did.
    reason: str  # Why, in a person's words.
    evidence_id: str | None  # Id of the event that led to it, such as a break.
    ts_ns: int  # Wall time at its writer, nanoseconds UTC.


class TradingResumed(NamedTuple):
    """Ends what was latched for exactly this scope."""

    account: str | None  # Account it holds for; null for all.
    strategy: str | None  # Strategy it holds for; null for all.
    instrument: str | None  # Instrument it holds for; null for all.
    source: ControlSource  # What kind of writer decided it.
    person: str  # Who decided it; empty where a process did.
    reason: str  # Why, in a person's words.
    evidence_id: str | None  # Id of the event that led to it, such as a break.
    ts_ns: int  # Wall time at its writer, nanoseconds UTC.


class TransferAnnounced(NamedTuple):
    """A deposit or withdrawal of an account."""

    transfer_id: str  # Names it; a second one with this id is ignored.
    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    asset: str  # Asset.
    qty: Decimal  # Quantity; negative is a withdrawal.
    person: str  # Who says so.
    reason: str  # Why.
    evidence: str  # What shows it: a statement, a transaction, a ticket.
    ts_ns: int  # Wall time at its writer, nanoseconds UTC.


class VenueFrameReceived(NamedTuple):
    """One frame of the private stream, as received."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    connection: str  # Random id of the connection, new at every connect.
    payload: bytes  # The frame's bytes, secrets removed.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class VenueRequestFailed(NamedTuple):
    """A private request that got no response, or was not sent."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    request_id: str  # Id of the request: the gateway's instance and a number.
    cl_ord_id: str | None  # Our id of the order it is about, where it is about one.
    reason: RequestFailure  # Why.
    may_have_arrived: bool  # False: no byte of it reached the venue.
    detail: str  # For a person, secrets removed.
    ts_ns: int  # Wall time, nanoseconds UTC.


class VenueRequestSent(NamedTuple):
    """A private request, as sent, without key and signature."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    request_id: str  # Id of the request: the gateway's instance and a number.
    cl_ord_id: str | None  # Our id of the order it is about, where it is about one.
    method: str  # HTTP method, or the method's name on a socket.
    path: str  # Path, without query.
    parameters: str  # Query or body in the order sent, secrets removed.
    attempt: int  # 1 for the first.
    causation_id: str  # Id of the direct parent; empty where a timer sent it.
    ts_ns: int  # Wall time of sending, nanoseconds UTC.
    cancel_reason: CancelReason  # Why the gateway cancels, where it does; else UNKNOWN.


class VenueResponseReceived(NamedTuple):
    """The response to a private request, as received."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    request_id: str  # Id of the request: the gateway's instance and a number.
    cl_ord_id: str | None  # Our id of the order it is about, where it is about one.
    status: int  # HTTP status.
    used_weight: int | None  # Request weight used, as the venue's headers say.
    retry_after_s: int | None  # Seconds the venue asks to wait.
    body: bytes  # The body's bytes, secrets removed.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class VenueStreamClosed(NamedTuple):
    """The private stream ended."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    connection: str  # Id of the connection.
    reason: StreamEnd  # Why.
    detail: str  # For a person.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


class VenueStreamOpened(NamedTuple):
    """The private stream is subscribed."""

    account: str  # Account at the venue (FIX 1).
    venue: str  # Upper-case venue code, as in the venue registry.
    connection: str  # Random id of the connection, new at every connect.
    ts_recv_ns: int  # Nanoseconds UTC at our socket. The only basis of an age.


CLASSES: Final[dict[str, type[tuple[Any, ...]]]] = {
    "BalancesObserved": BalancesObserved,
    "BookChanged": BookChanged,
    "BreakCleared": BreakCleared,
    "BreakFound": BreakFound,
    "CancelApproved": CancelApproved,
    "CancelRequested": CancelRequested,
    "ClockTick": ClockTick,
    "ConnectionClosed": ConnectionClosed,
    "ConnectionOpened": ConnectionOpened,
    "DeadLettered": DeadLettered,
    "DecisionExpired": DecisionExpired,
    "EpochCommitted": EpochCommitted,
    "FeedDiverged": FeedDiverged,
    "FeedFailedOver": FeedFailedOver,
    "FeedGapped": FeedGapped,
    "FeedRecovered": FeedRecovered,
    "FeedWentStale": FeedWentStale,
    "FrameReceived": FrameReceived,
    "GatewayReady": GatewayReady,
    "LimitsChanged": LimitsChanged,
    "LogCreated": LogCreated,
    "MarkPublished": MarkPublished,
    "OpenOrdersObserved": OpenOrdersObserved,
    "OrderAccepted": OrderAccepted,
    "OrderApproved": OrderApproved,
    "OrderCancelRejected": OrderCancelRejected,
    "OrderCanceled": OrderCanceled,
    "OrderDenied": OrderDenied,
    "OrderExpired": OrderExpired,
    "OrderFilled": OrderFilled,
    "OrderOutcomeUnknown": OrderOutcomeUnknown,
    "OrderPendingCancel": OrderPendingCancel,
    "OrderRejected": OrderRejected,
    "OrderRequested": OrderRequested,
    "OrderResolved": OrderResolved,
    "OrderSubmitting": OrderSubmitting,
    "OrderTransitionRefused": OrderTransitionRefused,
    "PositionAdjusted": PositionAdjusted,
    "PositionChanged": PositionChanged,
    "QuoteChanged": QuoteChanged,
    "ShardOpened": ShardOpened,
    "StateSnapshotted": StateSnapshotted,
    "TargetChanged": TargetChanged,
    "TargetClipped": TargetClipped,
    "TradePrinted": TradePrinted,
    "TradesObserved": TradesObserved,
    "TradingFlattened": TradingFlattened,
    "TradingHalted": TradingHalted,
    "TradingPaused": TradingPaused,
    "TradingReduced": TradingReduced,
    "TradingResumed": TradingResumed,
    "TransferAnnounced": TransferAnnounced,
    "VenueFrameReceived": VenueFrameReceived,
    "VenueRequestFailed": VenueRequestFailed,
    "VenueRequestSent": VenueRequestSent,
    "VenueResponseReceived": VenueResponseReceived,
    "VenueStreamClosed": VenueStreamClosed,
    "VenueStreamOpened": VenueStreamOpened,
}
