"""Which lines of a feed are up: opened, closed, silent by the clock, and which one leads.

Silence is measured from log time alone: the clock's ticks against the record timestamps of frames,
both as running maxima. A clock set back therefore makes nothing stale and nothing fresh until it
has caught up. Event times never count: venues' clocks are not ours.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Literal, cast

from pipelines.market.arbitration import give_up, leave, lose_chain
from pipelines.market.parsed import Numbered, Refused
from pipelines.market.settings import MarketSettings, stale_ms
from pipelines.market.state import Connection, Due, Feed, Line, MarketState, Stream
from pipelines.market.turn import Turn
from schemas.events import ClockTick, ConnectionClosed, FailoverReason


def feed_of(state: MarketState, name: str, venue: str, partition: int) -> Feed:
    feed = state.feeds.get(name)
    if feed is None:
        feed = state.feeds[name] = Feed(name, venue, partition)
    return feed


def hear(
    state: MarketState, turn: Turn, feed: Feed, line_name: str, connection_id: str
) -> Connection:
    """The connection has delivered something. Every frame ends here, so the usual way is short."""
    connection = feed.connections.get(connection_id)
    if connection is None or connection.silent or feed.lost:
        connection = _return(state, turn, feed, line_name, connection_id)
    heard_ms = turn.timestamp_ms if turn.timestamp_ms > state.now_ms else state.now_ms
    if heard_ms > connection.heard_ms:  # noqa: PLR1730 (per frame; max() costs four times this)
        connection.heard_ms = heard_ms
    return connection


def _return(
    state: MarketState, turn: Turn, feed: Feed, line_name: str, connection_id: str
) -> Connection:
    """A connection that is new or was silent, or a feed whose leader is down."""
    line = feed.lines.get(line_name)
    if line is None:
        line = feed.lines[line_name] = Line(line_name)
    connection = feed.connections.get(connection_id)
    if connection is None:
        _drop_silent(feed, line)
        connection = Connection(connection_id, line, state.now_ms)
        feed.connections[connection_id] = connection
        _watch(state, turn.settings, feed, connection)
    elif connection.silent:
        connection.silent = False
        connection.heard_ms = state.now_ms
        _watch(state, turn.settings, feed, connection)
    if line.stale:
        line.stale = False
        turn.recovered(feed, feed.name, line_name, "STALE")
    _lead(turn, feed, line_name)
    return connection


def _lead(turn: Turn, feed: Feed, line_name: str) -> None:
    """A line that is up leads where none does."""
    if not feed.leader:
        feed.leader = line_name
    elif feed.lost and line_name != feed.leader:
        turn.failed_over(feed, line_name, cast(FailoverReason, feed.lost))
    elif not feed.lost:
        return
    feed.lost = ""


def _drop_silent(feed: Feed, line: Line) -> None:
    """A new connection replaces those of its line that have fallen silent."""
    for connection in list(feed.connections.values()):
        if connection.silent and connection.line is line:
            del feed.connections[connection.id]


def _watch(
    state: MarketState, settings: MarketSettings, feed: Feed, connection: Connection
) -> None:
    due_ms = connection.heard_ms + stale_ms(settings, feed.venue)
    heappush(state.due, Due(due_ms, feed.name, connection.id))


def close(state: MarketState, turn: Turn, event: ConnectionClosed) -> None:
    """Ends the connection in every feed of the record's partition that had it."""
    for feed in sorted_feeds(state):
        if feed.partition == turn.position.partition and event.connection in feed.connections:
            connection = feed.connections.pop(event.connection)
            _end(turn, feed, connection, "CLOSED")
            _await_next(state, turn, feed, connection)


def _await_next(state: MarketState, turn: Turn, feed: Feed, closed: Connection) -> None:
    """A line without a connection is stale in a while unless it gets one: until then the closed one
    stays, as a silent one, and is still watched.
    """
    line = closed.line
    if not line.stale and all(other.line is not line for other in feed.connections.values()):
        heard_ms = max(closed.heard_ms, turn.timestamp_ms, state.now_ms)
        feed.connections[closed.id] = Connection(closed.id, line, heard_ms, silent=True)


def _end(
    turn: Turn, feed: Feed, connection: Connection, reason: Literal["CLOSED", "STALE"]
) -> None:
    """The connection is down; perhaps its line, perhaps the leader."""
    alive = any(
        other.line is connection.line and not other.silent for other in feed.connections.values()
    )
    if not alive and connection.line.name == feed.leader and not feed.lost:
        feed.lost = reason
    for name in sorted(feed.streams):
        leave(turn, feed.streams[name], connection)


def sorted_feeds(state: MarketState) -> list[Feed]:
    return [state.feeds[name] for name in sorted(state.feeds)]


def tick(state: MarketState, turn: Turn, event: ClockTick) -> None:
    """Finds what has fallen silent or is missing for too long. Looks only at holes, and connections
    not looked at for `stale_ms`.
    """
    now_ms = event.ts_ns // 1_000_000
    if now_ms <= state.now_ms:
        return
    state.now_ms = now_ms
    silent: set[tuple[str, str]] = set()
    while state.due and state.due[0].at_ms <= now_ms:
        _, name, id = heappop(state.due)
        feed = state.feeds[name]
        connection = feed.connections.get(id)
        if connection is None or connection.line.stale:
            continue
        if connection.heard_ms + stale_ms(turn.settings, feed.venue) > now_ms:
            _watch(state, turn.settings, feed, connection)
        else:
            silent.add((name, id))
    for name, id in sorted(silent):
        _fall_silent(state, turn, state.feeds[name], id)
    for name in sorted(state.holes):
        _look_at(state, turn, state.streams[name])


def _look_at(state: MarketState, turn: Turn, stream: Stream) -> None:
    """A hole is waited for as long as a line may be silent."""
    if stream.since_ms is None:
        state.holes.remove(stream.name)
    elif stream.since_ms + stale_ms(turn.settings, stream.feed.venue) <= state.now_ms:
        give_up(turn, stream)


def _fall_silent(state: MarketState, turn: Turn, feed: Feed, id: str) -> None:
    """A line is stale when none of its connections is heard."""
    connection = feed.connections[id]
    connection.silent = True
    line = connection.line
    others = [other for other in feed.connections.values() if other.line is line]
    if all(other.silent for other in others):
        line.stale = True
        turn.went_stale(feed, line.name, state.now_ms - connection.heard_ms)
    else:
        del feed.connections[id]
    _end(turn, feed, connection, "STALE")


def count(turn: Turn, feed: Feed, connection: Connection, item: Numbered) -> Refused | None:
    """Checks the venue's own count of the connection's messages."""
    number, before = item.number, connection.number
    if before is not None and number <= before:
        where = f"message {number} after {before} on one connection"
        return Refused("DUPLICATE" if number == before else "OUT_OF_ORDER", where)
    if before is not None and number > before + 1:
        for name in sorted(feed.streams):
            lose_chain(turn, feed.streams[name], connection, number)
    connection.number = number
    return None
