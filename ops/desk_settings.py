"""The settings of the desk: which market data it has, and what comes along (`ops.settings`)."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from schemas.errors import TapeError

Code = Annotated[str, AfterValidator(str.upper)]
"""A venue or an asset; as part of a variable's name it comes in small letters."""
LineName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]+$")]
"""Also of the folder in which its connector works."""


class Section(BaseModel):
    """A table of the settings file."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class FeedSettings(Section):
    """One venue's market data, a connector per line; `url` takes the place of the venue's own."""

    venue: str
    symbols: list[str] = Field(min_length=1)
    lines: list[LineName] = Field(default_factory=lambda: ["A", "B"], min_length=1)
    url: str | None = None

    @model_validator(mode="after")
    def _can_be_subscribed(self) -> Self:
        """Here, not by a connector that a supervisor starts again and again."""
        from connectors.venues import venue  # loads all events, which few commands need

        try:
            venue(self.venue).protocol().plan(self.symbols, url=self.url)
        except TapeError as error:
            raise ValueError(str(error)) from None
        return self


class DeskSettings(Section):
    """What `tape up --all` runs. `limits`: a file put in force where none are yet.

    With `archive`, `tape archive --follow` is one of the processes. With `simulated`, a simulated
    venue comes along; its account begins with `balances`, which are announced on the log. `live`:
    gateway and venue-watch are told `--live`.
    """

    feeds: list[FeedSettings] = []
    limits: Path | None = None
    archive: bool = False
    simulated: bool = True
    live: bool = False
    balances: dict[Code, Annotated[Decimal, Field(ge=0)]] = Field(
        default_factory=lambda: {"USDT": Decimal(100_000), "BTC": Decimal(1), "ETH": Decimal(10)}
    )
    venue_port: int = Field(default=8791, ge=1, le=65535)
    venue_admin_port: int = Field(default=8792, ge=1, le=65535)

    @model_validator(mode="after")
    def _at_one_venue(self) -> Self:
        if self.live and self.simulated:
            raise ValueError("live is for a real venue: simulated = false says so too")
        return self

    @model_validator(mode="after")
    def _one_connector_each(self) -> Self:
        """Of two processes with one name only the second would run."""
        known: set[str] = set()
        for venue, line in ((feed.venue, line) for feed in self.feeds for line in feed.lines):
            name = f"{venue}-{line}".lower()
            if name in known:
                raise ValueError(
                    f"feeds has line {line} of {venue} twice: name all its symbols in one"
                )
            known.add(name)
        return self
