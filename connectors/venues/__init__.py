"""The venue registry. Adding a venue is one folder beside this file and one line in `FOLDERS`.

The folder holds `parse.py` (pure: `parse(frame) -> [Parsed]`, `route(payload) -> instrument`) and,
where Tape connects to the venue itself, `protocol.py` (`PROTOCOL`: `connectors.venues.protocol`)
and, in the parser, `CHANNELS`: the names, without what follows an @, under which what it reads is
subscribed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import NamedTuple, cast

from connectors.venues.protocol import BadSubscription, VenueProtocol
from pipelines.market.parsed import Parse
from schemas.errors import TapeError

FOLDERS = {
    "BINANCE": "binance_spot",
    "BINANCE_USDM": "binance_usdm",
    "COINBASE": "coinbase",
    "HITBTC": "hitbtc",
}

Route = Callable[[bytes], str | None]


class UnknownVenue(TapeError):
    """No such venue in the registry, or none that Tape can connect to."""


class Venue(NamedTuple):
    """One line of the registry; its modules are imported when asked for."""

    code: str
    folder: str

    def protocol(self) -> VenueProtocol:
        """How to connect. Raises `UnknownVenue` where only a parser exists."""
        name = f"connectors.venues.{self.folder}.protocol"
        try:
            module = import_module(name)
        except ModuleNotFoundError as error:
            if error.name not in (name, name.rpartition(".")[0]):
                raise
            raise UnknownVenue(f"venue {self.code} has a parser but no protocol") from None
        return cast(VenueProtocol, module.PROTOCOL)

    def check(self, channels: Sequence[str]) -> None:
        """Raises `BadSubscription` for a channel of which the parser would refuse every frame."""
        known = import_module(f"connectors.venues.{self.folder}.parse").CHANNELS
        for channel in channels:
            if channel.partition("@")[0] not in known:
                names = ", ".join(sorted(known))
                raise BadSubscription(
                    f"{self.code} channel {channel!r} cannot be read: {names} can"
                )

    def parse(self) -> Parse:
        """Gives what a frame says."""
        return cast(Parse, import_module(f"connectors.venues.{self.folder}.parse").parse)

    def route(self) -> Route:
        """Gives the instrument that a frame names, cheaply, or None."""
        return cast(Route, import_module(f"connectors.venues.{self.folder}.parse").route)


def venue(code: str) -> Venue:
    """The registry's entry for a venue code. Raises `UnknownVenue`, naming those there are."""
    if code not in FOLDERS:
        raise UnknownVenue(f"unknown venue {code!r}: one of {', '.join(FOLDERS)}")
    return Venue(code, FOLDERS[code])
