"""What risk holds back by itself until a person resumes it: its denials tell, no control topic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from connectors.log.interface import Log, Message, Tp
from connectors.log.places import present
from pipelines.gateway.scopes import Scope
from pipelines.risk.control import own_pause
from pipelines.risk.decisions import DECISIONS
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import OrderDenied

NEWEST: Final = 100_000
"""Decisions of a partition that are looked at: they are kept for ever, and a person waits."""
READ_S: Final = 10.0
DRAWDOWN: Final = "LOSS_DRAWDOWN"


class Looked(NamedTuple):
    """The denials that tell, by partition. `unseen`: what was not looked at, in words."""

    found: Mapping[Tp, Sequence[Message]] = {}
    unseen: str = ""


class HeldBack(NamedTuple):
    """A pause of risk's own, or a loss from which a resume begins to count anew."""

    scope: Scope
    state: str
    why: str


NOTHING: Final = Looked()


def look(log: Log, codec: Codec) -> Looked:
    """No resume fails for what cannot be read here."""
    try:
        return _newest(log, codec)
    except TapeError as error:
        return Looked(unseen=f"risk's decisions ({error})")


def _newest(log: Log, codec: Codec) -> Looked:
    found, cut = dict[Tp, Sequence[Message]](), list[str]()
    for tp in present(log, DECISIONS):
        low, end = log.bounds(tp)
        start = max(low, end - NEWEST)
        read = log.read(tp, start, end, READ_S)
        found[tp] = [one for one in read if held_back(codec.decode(one.value()))]
        cut += [f"{tp.topic}/{tp.partition}/{start}"] * bool(start)
    return Looked(found, f"risk's decisions before {', '.join(cut)}" if cut else "")


def held_back(event: Any) -> HeldBack | None:
    """What an event of risk tells of; None for all but such denials."""
    if not isinstance(event, OrderDenied):
        return None
    facts = {fact.name: fact.value for fact in event.facts}
    pause, named = own_pause(event), facts.pop("scope", "").split("/")
    why = ", ".join((event.reason, *(f"{name} {value}" for name, value in facts.items())))
    if pause is not None:
        return HeldBack(pause, "PAUSED", why)
    if event.reason != DRAWDOWN or len(named) != 3:
        return None
    account, strategy, instrument = (None if part == "*" else part for part in named)
    return HeldBack((account, strategy, instrument), DRAWDOWN, why)
