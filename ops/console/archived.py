"""Past pages: the same fold, filled from the archive."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from threading import Lock
from typing import Any, Final, NamedTuple

from connectors.log.interface import Tp
from ops.console import document
from ops.console.reading import past
from ops.console.rendered import View
from ops.console.state import CLOCK, MARKET, State
from ops.console.using import used_at
from ops.replays import Replayed
from replay.archive.grown import manifest_of
from replay.archive.layout import FileName
from replay.archive.reader import Index, index
from replay.archive.records import tables
from replay.archive.schemas import archived_ids
from replay.archive.source import ArchiveLog
from replay.archive.store import Store
from replay.explain.chain import explain
from replay.explain.found import Past
from replay.explain.text import as_json
from replay.times import Span, milliseconds, text_of
from schemas.catalog import load_catalog
from schemas.codec import Codec
from schemas.errors import TapeError

KEPT: Final = 4  # states of moments lately looked at
TIMED: Final = (*MARKET, CLOCK)
Times = tuple[int | None, int | None]
"""Log time of a file's first and last record, milliseconds."""


class NotArchived(TapeError):
    """The archive does not reach to that moment."""


class Extent(NamedTuple):
    """Log time of the first and the last record, milliseconds; None where nothing is archived."""

    first_ms: int | None
    last_ms: int | None
    instruments: list[str]


class Made(NamedTuple):
    """A state, and the files it was made of: with more of them the same moment may hold more."""

    files: Index
    state: State


class Archived:
    """Asked by one thread at a time; it reads what the archive holds when it is asked."""

    def __init__(
        self,
        store: Store,
        replays: Callable[[], list[Replayed]] = list,
        fresh: Callable[[], State] = State,
    ) -> None:
        self._store, self._replays, self._fresh = store, replays, fresh
        self._lock = Lock()
        self._states: OrderedDict[int, Made] = OrderedDict()
        self._keys: dict[FileName, set[str]] = {}
        self._known: dict[FileName, Times] = {}

    def page(self, view: View, at: str) -> dict[str, Any]:
        """The page of a moment. Raises `BadTime`, `NotArchived`, `TapeError`."""
        at_ms = milliseconds(at)
        with self._lock:
            state = self._state(at_ms)
            chosen = state.chosen(view.instrument)
            return document.page(state, chosen, at_ms, view.interval_s, live=False)

    def order(self, name: str, at: str) -> dict[str, Any]:
        """An order explained by what was there at a moment. Raises `TapeError`."""
        at_ms = milliseconds(at)
        with self._lock:
            log, codec = self._opened()
            return as_json(explain(Past(log, codec, Span(None, at_ms + 1)), name))

    def span(self) -> dict[str, Any]:
        """What the archive holds, for a slider."""
        with self._lock:
            found = self._extent()
        return {
            "first": None if found.first_ms is None else text_of(found.first_ms),
            "last": None if found.last_ms is None else text_of(found.last_ms),
            "instruments": found.instruments,
        }

    def _opened(self) -> tuple[ArchiveLog, Codec]:
        catalog = load_catalog()
        return ArchiveLog(self._store), Codec(catalog, archived_ids(self._store, catalog))

    def _state(self, at_ms: int) -> State:
        made = self._states.get(at_ms)
        if made is None or made.files != index(self._store):
            extent = self._extent()
            if extent.first_ms is None or extent.last_ms is None:
                raise NotArchived(f"nothing is archived at {self._store.root}")
            if not extent.first_ms <= at_ms <= extent.last_ms:
                reach = f"{text_of(extent.first_ms)} to {text_of(extent.last_ms)}"
                raise NotArchived(
                    f"{text_of(at_ms)} is not in the archive, which goes from {reach}"
                )
            log, codec = self._opened()
            made = Made(log.files, past(log, codec, at_ms, self._fresh))
            made.state.use(used_at(log, codec, at_ms))
            self._states[at_ms] = made
        made.state.replayed(self._replays())
        self._states.move_to_end(at_ms)
        if len(self._states) > KEPT:
            self._states.popitem(last=False)
        return made.state

    def _extent(self) -> Extent:
        files = index(self._store, TIMED)
        firsts = [self._times(names[0])[0] for names in files.values()]
        lasts = [self._times(names[-1])[1] for names in files.values()]
        return Extent(
            min((at for at in firsts if at is not None), default=None),
            max((at for at in lasts if at is not None), default=None),
            sorted(self._instruments(files)),
        )

    def _times(self, name: FileName) -> Times:
        """Files do not change, and a question to a bucket takes its time."""
        if name not in self._known:
            said = manifest_of(self._store, name)
            self._known[name] = said.timestamp_ms_min, said.timestamp_ms_max
        return self._known[name]

    def _instruments(self, files: dict[Tp, list[FileName]]) -> Iterable[str]:
        """Those of each partition's newest trades and quotes."""
        found: set[str] = set()
        for tp, names in files.items():
            if tp.topic in ("md.trade.v1", "md.quote.v1"):
                found |= self._keys_of(names[-1])
        return found

    def _keys_of(self, name: FileName) -> set[str]:
        if name not in self._keys:
            found: set[str] = set()
            for batch in tables(self._store, name, ("_key",), 0):
                found |= {key.decode() for key in batch.column("_key").unique().to_pylist() if key}
            self._keys[name] = found
        return self._keys[name]
