"""The exchange's decisions: a request or a market event to events; pure and deterministic.

`decide` changes nothing; `step` decides and applies. Rules, in one place:

- An aggressive order takes displayed volume and resting orders at their prices, best first; what it
  took stays taken until the venue shows that level anew (`depth`).
- A passive order trades only with prints: after the volume ahead of it traded, or when a print went
  through it; no print gives more than its volume (`resting`).
- Volume is traded in whole lots.
- Fees are cut from what is received.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal, localcontext

from pipelines.exact import EXACTLY
from pipelines.matching.amounts import commission
from pipelines.matching.depth import Quotes
from pipelines.matching.filters import broken_filter
from pipelines.matching.model import (
    CancelOrder,
    Event,
    Order,
    OrderAdded,
    OrderEnded,
    OrderRefused,
    OrderTraded,
    PlaceOrder,
    Request,
    Status,
    Transfer,
    Transferred,
)
from pipelines.matching.state import (
    Book,
    Exchange,
    Market,
    evolve,
    follow,
    got_asset,
    paid_asset,
    rest,
)
from pipelines.matching.walk import Step, Walk, walk, would_take
from schemas.events import QuoteChanged, TradePrinted

Seen = Callable[[Event], None]


def _unseen(event: Event) -> None:
    pass


def step(exchange: Exchange, request: Request, now_ns: int, seen: Seen = _unseen) -> list[Event]:
    """Decides a request and applies the outcome; `seen` is called right after each event.

    Raises `OrderRefused`: nothing changed.
    """
    with localcontext(EXACTLY):
        events = decide(exchange, request, now_ns)
        apply(exchange, events, seen)
        return events


def hear(
    exchange: Exchange, event: Market, symbol: str, now_ns: int, seen: Seen = _unseen
) -> list[Event]:
    """Follows the market and gives what resting orders trade."""
    book = exchange.books[symbol]
    if isinstance(event, TradePrinted) and not any(map(len, book.queues.values())):
        follow(exchange, event, symbol)  # most of a market: nothing rests that it could fill
        return []
    with localcontext(EXACTLY):
        events: list[Event] = []
        if isinstance(event, TradePrinted):
            allotments = [book.queues[side].allot(event) for side in book.queues]
            fills = [fill for one in allotments for fill in one.fills]
            events = list(_passive(exchange, book, event.last_px, fills, now_ns))
            for queue, one in zip(book.queues.values(), allotments, strict=True):
                queue.follow(event, one.eaten_qty)
        follow(exchange, event, symbol)
        apply(exchange, events, seen)
        return events


def skim(exchange: Exchange, symbol: str, last_px: Decimal | None, quotes: Quotes | None) -> None:
    """`hear` for a stretch of the market in which no print reaches an order and none waits to be
    placed: its last print's price, and its quotes.
    """
    depth = exchange.books[symbol].depth
    if last_px is not None:
        depth.last_px = last_px
    if quotes is not None:
        with localcontext(EXACTLY):
            depth.quoted(quotes)


def assume(exchange: Exchange, quote: QuoteChanged, symbol: str) -> None:
    """A touch that nobody displayed: orders take it, but those that rest are not placed by it."""
    with localcontext(EXACTLY):
        exchange.books[symbol].depth.assume(quote)


def decide(exchange: Exchange, request: Request, now_ns: int) -> list[Event]:
    """What comes of a request. Raises `OrderRefused`."""
    if isinstance(request, PlaceOrder):
        return list(_place(exchange, request, now_ns))
    if isinstance(request, CancelOrder):
        return [_cancel(exchange, request, now_ns)]
    return [_transfer(exchange, request, now_ns)]


def apply(exchange: Exchange, events: list[Event], seen: Seen = _unseen) -> None:
    """Applies the events of one decision; what is open after it rests."""
    for event in events:
        evolve(exchange, event)
        seen(event)
    if events and isinstance(events[0], OrderAdded):
        order = exchange.orders[events[0].order.order_id]
        if order.open:
            rest(exchange, order)


def _cancel(exchange: Exchange, request: CancelOrder, now_ns: int) -> Event:
    order = exchange.orders.get(request.order_id)
    if order is None or order.account != request.account or not order.open:
        raise OrderRefused("UNKNOWN_ORDER")
    return OrderEnded(order.order_id, "CANCELED", now_ns, request.cl_ord_id)


def _transfer(exchange: Exchange, request: Transfer, now_ns: int) -> Event:
    free = exchange.balances[request.account][request.asset].free
    if free + request.amount < 0:
        raise OrderRefused("INSUFFICIENT_BALANCE")
    return Transferred(request.account, request.asset, request.amount, now_ns)


def _place(exchange: Exchange, request: PlaceOrder, now_ns: int) -> Iterator[Event]:
    book = exchange.books.get(request.symbol)
    if book is None:
        raise OrderRefused("UNKNOWN_SYMBOL")
    _check(exchange, book, request)
    done = _trades_at_once(book, request)
    order = _order(exchange, request, done, now_ns)
    if exchange.balances[order.account][paid_asset(exchange, order)].free < order.reserved:
        raise OrderRefused("INSUFFICIENT_BALANCE")
    yield OrderAdded(order)
    yield from _aggressive(exchange, book, order, done.steps, now_ns)
    ended = _ended_at_once(order, done)
    if ended is not None:
        yield _end(order, ended, done, now_ns)


def _check(exchange: Exchange, book: Book, request: PlaceOrder) -> None:
    broken = broken_filter(request, book.instrument, book.depth.reference_px())
    if broken is not None:
        raise OrderRefused(broken)
    mine = exchange.open_ids[request.account]
    if request.cl_ord_id in mine:
        raise OrderRefused("DUPLICATE_CL_ORD_ID")
    if _is_full(exchange, request, book.instrument.open_orders_max):
        raise OrderRefused("MAX_NUM_ORDERS")
    if request.ord_type == "LIMIT_MAKER" and would_take(book, request):
        raise OrderRefused("WOULD_TAKE")


def _is_full(exchange: Exchange, request: PlaceOrder, orders_max: int) -> bool:
    """Whether an account has all the open orders that it may have of a symbol."""
    mine = exchange.open_ids[request.account].values()
    if len(mine) < orders_max:
        return False
    return sum(exchange.orders[one].symbol == request.symbol for one in mine) >= orders_max


def _trades_at_once(book: Book, request: PlaceOrder) -> Walk:
    if request.ord_type == "LIMIT_MAKER":
        return Walk()
    done = walk(book, request)
    killed = request.time_in_force == "FOK" and done.qty < request.order_qty
    return Walk() if killed else done


def _order(exchange: Exchange, request: PlaceOrder, done: Walk, now_ns: int) -> Order:
    qty = request.order_qty or done.qty + done.missing
    if request.side == "SELL":
        reserved = request.order_qty or done.qty
    else:
        reserved = qty * request.price if request.price else done.cost
    return Order(
        exchange.next_order_id,
        request.account,
        request.symbol,
        request.cl_ord_id,
        request.side,
        request.ord_type,
        request.time_in_force,
        request.price,
        qty,
        request.quote_order_qty,
        request.self_trade_prevention,
        reserved,
        now_ns,
        update_ns=now_ns,
    )


def _aggressive(
    exchange: Exchange, book: Book, order: Order, steps: list[Step], now_ns: int
) -> Iterator[Event]:
    trade_id = book.next_trade_id
    for one in steps:
        maker = one.maker
        if one.prevented is not None:
            assert maker is not None
            if one.prevented != "EXPIRE_TAKER":
                yield OrderEnded(
                    maker.order_id, "EXPIRED_IN_MATCH", now_ns, "", one.qty, order.order_id
                )
            continue
        if maker is not None:
            yield _trade(exchange, maker, one, trade_id, True, now_ns)
        yield _trade(exchange, order, one, trade_id, False, now_ns)
        trade_id += 1


def _passive(
    exchange: Exchange,
    book: Book,
    px: Decimal,
    fills: list[tuple[Order, Decimal]],
    now_ns: int,
) -> Iterator[Event]:
    for trade_id, (order, qty) in enumerate(fills, start=book.next_trade_id):
        yield _trade(exchange, order, Step(order.price, qty, order), trade_id, True, now_ns)


def _trade(
    exchange: Exchange, order: Order, one: Step, trade_id: int, maker: bool, now_ns: int
) -> OrderTraded:
    got = one.qty if order.side == "BUY" else one.qty * one.px
    rate = exchange.fees.maker if maker else exchange.fees.taker
    return OrderTraded(
        order.order_id,
        order.symbol,
        trade_id,
        one.px,
        one.qty,
        maker,
        commission(got, rate),
        got_asset(exchange, order),
        now_ns,
        from_depth=one.maker is None,
    )


def _ended_at_once(order: Order, done: Walk) -> Status | None:
    if done.stopped:
        return "EXPIRED_IN_MATCH"
    if done.qty == order.order_qty and done.qty:
        return None
    lasting = order.ord_type == "LIMIT_MAKER" or order.time_in_force == "GTC"
    return None if lasting and order.ord_type != "MARKET" else "EXPIRED"


def _end(order: Order, status: Status, done: Walk, now_ns: int) -> OrderEnded:
    last = done.steps[-1] if done.stopped else None
    if last is None or last.maker is None:
        return OrderEnded(order.order_id, status, now_ns)
    return OrderEnded(order.order_id, status, now_ns, "", last.qty, last.maker.order_id)
