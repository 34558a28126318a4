"""Money that comes and goes, what an account held before the log began, positions corrected by
hand: events with a person, a reason and evidence, without which reconciliation sees a drift.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from connectors.control import ControlWriter, Decided, decided, identify
from connectors.log.interface import Log
from connectors.log.places import place_of
from connectors.venue_watch.venue import Venue
from ops.processes.bookings import BadTransfer, booked, known_as
from ops.processes.clients import codec_of, kafka_log
from ops.processes.names import look
from ops.processes.venue_watch import venue_of
from ops.settings import Settings
from pipelines.exact import EXACTLY, ZERO, plain
from schemas.codec import Codec
from schemas.events import PositionAdjusted, TransferAnnounced

EVENTS: Final = "oms.order-event.v1"
READ_S: Final = 10.0
LIMITS: Final = ("limits",)
LISTED: Final = ("asset", "instrument")  # the limits alone say what is traded
SEE: Final = "see `tape limits show`, or book it all the same with --unlisted"


class Word(NamedTuple):
    """Who says it, why, and what shows it."""

    person: str
    reason: str
    evidence: str


class Doubtful(NamedTuple):
    """What becomes of names that nobody knows: they are refused, or with `unlisted` told to `warn`,
    as what cannot be found out is.
    """

    warn: Callable[[str], None]
    unlisted: bool = False


def announce(
    account: str,
    asset: str,
    qty: Decimal,
    word: Word,
    settings: Settings,
    doubtful: Doubtful,
    transfer_id: str = "",
) -> Decided:
    """One transfer; a negative quantity is a withdrawal. Without an id it gets a new one; of two
    with one id the first counts. Raises `BadTransfer` and what the log raises.
    """
    if not qty:
        raise BadTransfer("a transfer of nothing is no transfer")
    _judge(settings, doubtful, asset=asset, account=account)
    [found] = _write(account, {asset: qty}, word, settings, transfer_id or uuid.uuid4().hex)
    return found


def announce_opening(
    account: str, person: str, reason: str, settings: Settings, doubtful: Doubtful
) -> list[Decided]:
    """What the venue holds, less what was announced before: a transfer per asset, none where both
    agree. Raises `BadTransfer` for an account that traded on this log, and what venue and log
    raise.
    """
    _judge(settings, doubtful, account=account)
    log, codec = kafka_log(settings), codec_of(settings)
    if _has_traded(log, codec, account):
        raise BadTransfer(
            f"{account} has traded on this log: what it held before is no longer what the venue "
            "holds; announce it with `tape transfer announce`"
        )
    held, known = asyncio.run(_totals(venue_of(settings))), announced(log, codec, account)
    names = sorted({*held, *known})
    missing = {n: EXACTLY.subtract(held.get(n, ZERO), known.get(n, ZERO)) for n in names}
    missing = {name: qty for name, qty in missing.items() if qty}
    for name, qty in missing.items():
        if qty < 0:
            said = f"{plain(qty.copy_negate())} {name} more was announced than the venue holds"
            raise BadTransfer(f"{account}: {said}")
    at_ns = time.time_ns()
    seen = f"balances at the venue, {datetime.fromtimestamp(at_ns // 10**9, UTC).isoformat()}"
    word = Word(person, reason, seen)
    return _write(account, missing, word, settings, f"opening/{account}/{at_ns}")


def announced(log: Log, codec: Codec, account: str) -> dict[str, Decimal]:
    """The sum of an account's transfers so far, by asset."""
    sums, seen = dict[str, Decimal](), set[str]()
    for event in (found.event for found in decided(log, codec)):
        ours = isinstance(event, TransferAnnounced) and event.account == account
        if ours and event.transfer_id not in seen:
            seen.add(event.transfer_id)
            sums[event.asset] = EXACTLY.add(sums.get(event.asset, ZERO), event.qty)
    return sums


def _has_traded(log: Log, codec: Codec, account: str) -> bool:
    key = account.encode()
    tp = place_of(log, EVENTS, key)
    messages = log.read(tp, *log.bounds(tp), READ_S)
    events = (codec.decode(m.value()) for m in messages if m.key() == key)
    return any(hasattr(event, "cl_ord_id") for event in events)


async def _totals(venue: Venue) -> dict[str, Decimal]:
    try:
        await venue.check_key()
        balances, _ = await venue.read(venue.port.account(), venue.port.read_balances)
    finally:
        await venue.close()
    return {one.asset: EXACTLY.add(one.free_qty, one.locked_qty) for one in balances}


def adjust(
    account: str,
    strategy: str,
    instrument: str,
    qty: Decimal,
    price: Decimal | None,
    word: Word,
    settings: Settings,
    doubtful: Doubtful,
    adjustment_id: str = "",
) -> Decided:
    """A position corrected by hand; evidence for the breaks whose ids `word.evidence` holds. Raises
    `BadTransfer` and what the log raises.
    """
    if not qty:
        raise BadTransfer("an adjustment of nothing is no adjustment")
    if price is not None and price <= 0:
        raise BadTransfer("a price is above 0; without --price nothing is gained or lost")
    whose = {"strategy": strategy} if strategy else {}
    _judge(settings, doubtful, instrument=instrument, account=account, **whose)
    venue, name = settings.gateway.venue, adjustment_id or uuid.uuid4().hex
    fields = (name, account, strategy, venue, instrument, qty, price)
    [found] = _say(account, word, settings, [PositionAdjusted(*fields, *word, time.time_ns())])
    return found


def _judge(settings: Settings, doubtful: Doubtful, **names: str) -> None:
    """A strategy that trades no more may still hold something: it is never refused."""
    if empty := [kind for kind, name in names.items() if not name.strip()]:
        raise BadTransfer(f"the {empty[0]} is empty")
    seen = look(settings)
    for kind, name in names.items():
        doubt = seen.doubt(kind, name, LIMITS if kind in LISTED else ())
        if doubt and doubt.misspelt and not (doubtful.unlisted or kind == "strategy"):
            raise BadTransfer(f"{doubt.said}: {SEE}")
        if doubt:
            doubtful.warn(doubt.said)


def _write(
    account: str, sums: dict[str, Decimal], word: Word, settings: Settings, name: str
) -> list[Decided]:
    """A transfer per asset, `name` and the asset its id where there are several."""
    venue, at_ns, events = settings.gateway.venue, time.time_ns(), []
    for asset, qty in sums.items():
        transfer_id = name if len(sums) == 1 else f"{name}/{asset}"
        events.append(TransferAnnounced(transfer_id, account, venue, asset, qty, *word, at_ns))
    return _say(account, word, settings, events)


def _say(account: str, word: Word, settings: Settings, events: Sequence[Any]) -> list[Decided]:
    if not all(part.strip() for part in word):
        raise BadTransfer("money and positions change with a person's name, a reason and evidence")
    log, codec = kafka_log(settings), codec_of(settings)
    writer = ControlWriter(settings.kafka_options(), codec, settings.topic_prefix)
    identify(log, codec, writer, settings.environment)
    known = booked(log, codec)
    return [
        known_as(known, one) or Decided(writer.write(one, account), one.ts_ns // 1_000_000, one)
        for one in events
    ]
