"""The events as Python classes; fields in the order of the schema.

Generated from `schemas/avro` by `python -m schemas.generate`: change the schema, not this file.
Times (`ts_*_ns`) are nanoseconds UTC.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, Literal, NamedTuple, TypeAlias

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
Side: TypeAlias = Literal["UNKNOWN", "BUY", "SELL"]


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


CLASSES: Final[dict[str, type[tuple[Any, ...]]]] = {
    "BookChanged": BookChanged,
    "ClockTick": ClockTick,
    "ConnectionClosed": ConnectionClosed,
    "ConnectionOpened": ConnectionOpened,
    "DeadLettered": DeadLettered,
    "EpochCommitted": EpochCommitted,
    "FeedDiverged": FeedDiverged,
    "FeedFailedOver": FeedFailedOver,
    "FeedGapped": FeedGapped,
    "FeedRecovered": FeedRecovered,
    "FeedWentStale": FeedWentStale,
    "FrameReceived": FrameReceived,
    "MarkPublished": MarkPublished,
    "QuoteChanged": QuoteChanged,
    "ShardOpened": ShardOpened,
    "StateSnapshotted": StateSnapshotted,
    "TargetChanged": TargetChanged,
    "TradePrinted": TradePrinted,
}
