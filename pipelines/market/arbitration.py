"""Several lines of one stream become one: the first arrival of each identity wins.

A connection delivers in order, so one that has gone past a missing message will not deliver it.
Hence a hole is a gap as soon as every connection that is up on the stream has gone past it; until
then the messages behind it are held. A connection counts for a stream from its first message on it
and until it closes or falls silent (the clock says so), which bounds the wait; so does `held_max`,
and so does the clock where this stream alone has died on a connection. After a gap what was missing
is gone: if it comes later, it counts as a repeat.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from pipelines.ages import younger
from pipelines.logic import Output
from pipelines.market.marks import mark
from pipelines.market.parsed import Market, Order, Refused
from pipelines.market.settings import stale_ms
from pipelines.market.state import Connection, Seen, Stream
from pipelines.market.turn import Turn, digest_of
from schemas.events import QuoteChanged

Arbiter = Callable[[Turn, Stream, Connection, Market], Refused | None]
EACH_MAX: Final = 1_000
NOTHING: Final = 0  # the sequence of what comes no more
_new: Callable[..., Any] = tuple.__new__


def chained(turn: Turn, stream: Stream, connection: Connection, item: Market) -> Refused | None:
    """See `Order.CHAINED`."""
    _, _, _, _, number, previous, whole, strict = item
    if whole:
        _whole(turn, stream, connection, item)
        return None
    id, last, reached = connection.id, stream.last, stream.reached
    at = reached.get(id)
    if at is None:
        reached[id], stream.behind = number, 1
    elif number > at:
        reached[id] = number
    elif strict:
        return _refused(stream, number, at)
    if (last is not None and number <= last) or number in stream.held:
        _repeat(turn, stream, connection, item)
    else:
        _remember(turn, stream, connection, item)
        if last is None and stream.anchored:
            _hold(turn, stream, item)
        elif last is None or previous <= last:
            stream.last = number
            _pass_on(turn, stream, item)
            if stream.held:
                _filled(turn, stream, connection, number)
        else:
            stream.held[number] = item
    if stream.held and stream.last is not None:
        resolve(turn, stream)
    return None


def latest(turn: Turn, stream: Stream, connection: Connection, item: Market) -> Refused | None:
    """See `Order.LATEST`. What is older than the newest is dropped: a quote must not go back."""
    _, _, _, _, number, _, _, strict = item
    id, last, reached = connection.id, stream.last, stream.reached
    at = reached.get(id)
    if at is None:
        reached[id], stream.behind = number, 1
    elif number > at:
        reached[id] = number
    elif strict:
        return _refused(stream, number, at)
    if last is None or number > last:
        _remember(turn, stream, connection, item)
        stream.last = number
        _pass_on(turn, stream, item)
    else:
        _repeat(turn, stream, connection, item)
    return None


def each(turn: Turn, stream: Stream, connection: Connection, item: Market) -> Refused | None:
    """See `Order.EACH`. Remembers `EACH_MAX` ids."""
    number, seen = item.sequence, stream.seen
    if number in seen or (stream.last is not None and number <= stream.last):
        _repeat(turn, stream, connection, item)
        return None
    connection.line.firsts += 1
    seen[number] = Seen(_content(item), connection.line.name, turn.ts_recv_ns)
    if len(seen) > EACH_MAX:
        oldest = next(iter(seen))
        del seen[oldest]
        stream.last = max(oldest, stream.last or 0)
    _pass_on(turn, stream, item)
    return None


def followed(turn: Turn, stream: Stream, connection: Connection, item: Market) -> Refused | None:
    """See `Order.FOLLOWED`. Another connection takes over with a message that stands alone: a book
    at once, for its like may not come again before the one that is followed ends; a quote then, or
    where that one has sent none for too long.
    """
    if stream.source != connection.id:
        if not item.whole or (stream.source and not stream.anchored and _goes_on(turn, stream)):
            connection.line.repeats += 1
            return None
        stream.source = connection.id
    connection.line.firsts += 1
    _pass_on(turn, stream, item)
    if stream.gapped:
        _healed(turn, stream, connection, None)
    return None


def _goes_on(turn: Turn, stream: Stream) -> bool:
    """Whether quotes have come from the connection that is followed: each has made a mark, or came
    within a mark's interval.
    """
    limit_ms = stale_ms(turn.settings, stream.feed.venue) + turn.settings.mark_interval_ms
    return stream.marked_ms is None or younger(stream.marked_ms, limit_ms, turn.timestamp_ms)


ARBITERS: Final[dict[Order, Arbiter]] = {
    Order.CHAINED: chained,
    Order.LATEST: latest,
    Order.EACH: each,
    Order.FOLLOWED: followed,
}


def resolve(turn: Turn, stream: Stream) -> None:
    """Declares a gap wherever no connection can still deliver what is missing."""
    limit = turn.settings.held_max
    while stream.held and (last := stream.last) is not None:
        hopeless = all(at > last for at in stream.reached.values())
        if not hopeless and len(stream.held) <= limit:
            _wait(turn, stream)
            return
        number = min(stream.held)
        item = stream.held[number]
        line = item.event.line if item.event is not None else ""
        turn.gapped(stream, line, last + 1, item.previous + 1)
        if stream.anchored:
            stream.last, stream.since_ms, stream.gapped = None, None, True
            return
        stream.last = item.previous
        turn.recovered(stream.feed, stream.name, line, "GAP", item.sequence)
        _drain(turn, stream)


def _wait(turn: Turn, stream: Stream) -> None:
    if stream.since_ms is None:
        stream.since_ms = max(turn.timestamp_ms, turn.state.now_ms)
        turn.state.holes.add(stream.name)


def give_up(turn: Turn, stream: Stream) -> None:
    """What has been missing for so long will not come. A connection that has not gone past it
    counts again from its next message on.
    """
    last = stream.last
    assert last is not None
    stream.reached = {id: at for id, at in stream.reached.items() if at > last}
    _forget(stream)
    resolve(turn, stream)


def leave(turn: Turn, stream: Stream, connection: Connection) -> None:
    """The connection no longer counts for the stream. A book that followed it waits for a snapshot,
    and says so.
    """
    stream.reached.pop(connection.id, None)
    if stream.source == connection.id:
        lose_chain(turn, stream, connection, NOTHING)
        stream.source = ""
    if stream.order is not Order.EACH:
        _forget(stream)
    if stream.held and stream.reached:
        resolve(turn, stream)


def lose_chain(turn: Turn, stream: Stream, connection: Connection, number: int) -> None:
    """Messages of the connection that the stream follows are missing (by the venue's count)."""
    assert connection.number is not None
    if stream.source != connection.id or not stream.anchored:
        return  # quotes stand alone: the next one heals
    stream.source, stream.gapped = "", True
    turn.gapped(stream, connection.line.name, connection.number + 1, number)


def _refused(stream: Stream, number: int, at: int) -> Refused:
    """The connection has gone back, which its venue cannot have sent."""
    where = f"{stream.name} {number} after {at} on one connection"
    return Refused("DUPLICATE" if number == at else "OUT_OF_ORDER", where)


def _pass_on(turn: Turn, stream: Stream, item: Market) -> None:
    stream.behind = 0
    event = item.event
    if event is not None:
        output = (turn.position, turn.timestamp_ms, stream.topic, stream.key, event, "")
        turn.out.append(_new(Output, output))
        if event.__class__ is QuoteChanged:
            mark(turn, stream, event)


def _remember(turn: Turn, stream: Stream, connection: Connection, item: Market) -> None:
    """A first arrival, kept while another connection may repeat it."""
    line = connection.line
    line.firsts += 1
    if len(stream.reached) > 1:
        seen = stream.seen
        seen[item.sequence] = Seen(_content(item), line.name, turn.ts_recv_ns)
        if len(seen) > turn.settings.seen_max:
            del seen[next(iter(seen))]


def _repeat(turn: Turn, stream: Stream, connection: Connection, item: Market) -> None:
    """Another connection's copy: it must say the same, and shows how far its line lags."""
    if stream.behind and _is_anew(turn, stream):
        _begin_anew(turn, stream, connection, item)
        return
    line = connection.line
    line.repeats += 1
    seen = stream.seen.get(item.sequence)
    if seen is None:
        return
    content, _, ts_recv_ns = seen
    lag_ns = turn.ts_recv_ns - ts_recv_ns
    line.lags += 1
    line.lag_ns_sum += lag_ns
    if lag_ns > line.lag_ns_max:  # noqa: PLR1730 (per frame; max() costs four times this)
        line.lag_ns_max = lag_ns
    if stream.diverged or content != _content(item):
        _compare(turn, stream, seen, line.name, item)
    if stream.order is not Order.EACH:
        _forget(stream)


def _is_anew(turn: Turn, stream: Stream) -> bool:
    """Whether the venue's ids have begun anew: too much came at or below `last` to be repeats, and
    no connection that is up has come to it. Counted from a connection's first message on: one that
    merely lags was there before.
    """
    stream.behind += 1
    last = stream.last
    if stream.behind - 1 <= turn.settings.seen_max or last is None:
        return False
    return max(stream.reached.values()) < last


def _begin_anew(turn: Turn, stream: Stream, connection: Connection, item: Market) -> None:
    line, number, last = connection.line, item.sequence, stream.last
    assert last is not None
    line.firsts += 1
    stream.seen.clear()
    stream.held.clear()
    stream.since_ms = None
    turn.gapped(stream, line.name, last + 1, number)
    if stream.anchored:
        stream.last, stream.gapped = None, True
        _hold(turn, stream, item)
        return
    stream.last = number
    turn.recovered(stream.feed, stream.name, line.name, "GAP", number)
    _pass_on(turn, stream, item)


def _compare(turn: Turn, stream: Stream, seen: Seen, line: str, item: Market) -> None:
    content: tuple[object, ...] | bytes = _content(item)
    if isinstance(seen.content, bytes):
        content = digest_of(content)
    if content != seen.content:
        stream.diverged = True
        first = digest_of(seen.content)
        turn.diverged(stream, item.sequence, seen.line, line, first, content)
    elif stream.diverged:
        stream.diverged = False
        turn.recovered(stream.feed, stream.name, line, "DIVERGENCE", item.sequence)


def _forget(stream: Stream) -> None:
    """Drops what every connection has gone past."""
    if len(stream.reached) < 2:
        stream.seen.clear()
        return
    seen, floor = stream.seen, min(stream.reached.values())
    while seen and (number := next(iter(seen))) <= floor:
        del seen[number]


def _content(item: Market) -> tuple[object, ...]:
    """What an event says, without times and line, which each connection has for itself."""
    return () if item.event is None else item.event[1:-3]


def _hold(turn: Turn, stream: Stream, item: Market) -> None:
    """Keeps a delta for the snapshot that may bridge to it; the oldest go first."""
    stream.held[item.sequence] = item
    for number in list(islice(stream.held, max(0, len(stream.held) - turn.settings.held_max))):
        del stream.held[number]


def _drain(turn: Turn, stream: Stream) -> None:
    """Passes on what was held and now follows."""
    held, stream.since_ms = stream.held, None
    assert stream.last is not None
    for number in sorted(held):
        item = held[number]
        if number > stream.last:
            if item.previous > stream.last:
                return
            stream.last = number
            _pass_on(turn, stream, item)
        del held[number]


def _filled(turn: Turn, stream: Stream, connection: Connection, number: int) -> None:
    """A missing message has come. If the leading line had gone past it, it leads no more."""
    feed, line = stream.feed, connection.line.name
    if line != feed.leader and not feed.lost:
        past = (id for id, at in stream.reached.items() if at > number)
        if any(feed.connections[id].line.name == feed.leader for id in past):
            turn.failed_over(feed, line, "GAP")
    _drain(turn, stream)


def _whole(turn: Turn, stream: Stream, connection: Connection, item: Market) -> None:
    """A snapshot: begins the chain, or restates it. One older than the chain is dropped."""
    number, last = item.sequence, stream.last
    if last is None:
        beyond = [at for at in _reached(stream) if at > number]
        if beyond and stream.held[min(beyond)].previous > number:
            connection.line.repeats += 1
            return  # too old to bridge to what is held
    elif number < last or number == stream.snapshot:
        connection.line.repeats += 1
        return
    connection.line.firsts += 1
    stream.last = stream.snapshot = number
    _pass_on(turn, stream, item)
    if stream.gapped:
        _healed(turn, stream, connection, number)
    _drain(turn, stream)
    if last is None:
        stream.held = {at: stream.held[at] for at in _reached(stream)}
    if stream.held and stream.reached:
        resolve(turn, stream)


def _reached(stream: Stream) -> list[int]:
    """What is held and a connection that is up has come to, if any has come anywhere: the rest may
    be of ids that have begun anew, and else is repeated.
    """
    newest = max(stream.reached.values(), default=None)
    return [at for at in stream.held if newest is None or at <= newest]


def _healed(turn: Turn, stream: Stream, connection: Connection, number: int | None) -> None:
    stream.gapped = False
    turn.recovered(stream.feed, stream.name, connection.line.name, "GAP", number)
