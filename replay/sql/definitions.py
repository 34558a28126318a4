"""All views and macros over an archive, by name, and which a question needs.

Only what a question names is defined: a view looks into the files it is over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from pipelines.orders.table import RESOLVED, TABLE
from replay.archive.layout import FileName
from replay.archive.store import Store
from replay.sql.events import Kind, event_sql, event_view, every_event_sql, literal, topic_sql
from replay.sql.files import Files, files_of, listed, require_archive
from replay.times import Span
from schemas.catalog import Catalog

FOLDER: Final = Path(__file__).parent / "views"
EVENTS, FILES, ORDER_STATE = "events", "archived", "order_state"
_WORD: Final = re.compile(r"[a-z_][a-z0-9_]*(?:[.-][a-z0-9]+)*", re.IGNORECASE)
_LISTING: Final = re.compile(
    r"\b(show|information_schema|duckdb_\w+|pg_catalog|sqlite_master)\b", re.IGNORECASE
)

Make = Callable[[], str]


class Definitions:
    """The statements that make each view; a topic's files are listed once, when the first of its
    views is made, so that all say the same. `kind`: what a topic becomes, a view of its files or a
    table with a copy of them.
    """

    def __init__(self, store: Store, catalog: Catalog, span: Span, kind: Kind = "VIEW") -> None:
        self._store, self._catalog, self._span, self._kind = store, catalog, span, kind
        self._listed: dict[str, list[FileName]] = {}
        self._makes: dict[str, Make] = {
            **{topic: partial(self._topic, topic) for topic in catalog.topics},
            **{event_view(e): partial(event_sql, catalog, e) for e in carried(catalog)},
            **{path.stem: partial(path.read_text, "utf-8") for path in sorted(FOLDER.iterdir())},
            EVENTS: partial(every_event_sql, catalog),
            FILES: self._archived,
            ORDER_STATE: order_state_sql,
        }

    @property
    def names(self) -> list[str]:
        return list(self._makes)

    def needed(self, question: str) -> Iterator[str]:
        """The statements for what a question names, what they need before them."""
        if _LISTING.search(question):
            question = " ".join(self.names)
        yield from self._closure(question, set())

    def _closure(self, text: str, done: set[str]) -> Iterator[str]:
        for name in self._named(text):
            if name not in done:
                done.add(name)
                statement = self._makes[name]()
                yield from self._closure(body_of(statement), done)
                yield statement

    def _named(self, text: str) -> list[str]:
        return sorted({w.lower() for w in _WORD.findall(text)} & self._makes.keys())

    def outgrown(self) -> bool:
        """Whether a file that was listed is no longer one of the archive's: a longer one took its
        place.
        """
        return any(
            not set(files) <= set(listed(self._store, topic))
            for topic, files in self._listed.items()
        )

    def _files(self, topic: str) -> Files:
        if topic not in self._listed:
            self._listed[topic] = listed(self._store, topic)
        return files_of(self._store, topic, self._span, self._listed[topic])

    def _topic(self, topic: str) -> str:
        files = self._files(topic)
        if not files.names:
            require_archive(self._store)
        paths = [str(self._store.local(name.path)) for name in files.names]
        return topic_sql(self._catalog, topic, paths, files.bounds, self._kind)

    def _archived(self) -> str:
        """Up to which offset each partition's files go."""
        rows = [
            f"({literal(n.topic)}, {n.partition}, DATE {literal(n.day)}, {n.start}, {n.end})"
            for topic in self._catalog.topics
            for n in self._files(topic).names
        ]
        values = ", ".join(rows) or "(NULL, NULL, NULL, NULL, NULL)"
        return (
            f"CREATE VIEW {FILES} AS SELECT * FROM (VALUES {values}) AS t "
            '("topic", "partition", "day", start_offset, end_offset) WHERE "topic" IS NOT NULL'
        )


def carried(catalog: Catalog) -> list[str]:
    """The events that some topic carries."""
    return [event for event in catalog.events if catalog.topics_of(event)]


def body_of(statement: str) -> str:
    """A statement without its comments and without the name it makes; a topic's view names only
    files.
    """
    plain = re.sub(r"--[^\n]*", "", statement)
    head, _, body = plain.partition(" AS ")
    return "" if "read_parquet" in body or '"' in head else body


def order_state_sql() -> str:
    """The order book's own table of transitions as a fold over the names of an order's events."""
    entries = ", ".join(
        f"{literal(f'{state} {step}')}: {literal(after)}" for state, step, after in transitions()
    )
    fold = f"coalesce(MAP {{{entries}}}[state || ' ' || step], state)"
    return (
        f"CREATE MACRO {ORDER_STATE}(steps) AS "
        f"list_reduce(list_prepend('APPROVED', steps), lambda state, step: {fold})"
    )


def transitions() -> Iterator[tuple[str, str, str]]:
    """State, step, state after it. A fill that completes the order is a step of its own."""
    for state, row in TABLE.items():
        for event, after in row.items():
            yield state, event, after
            if event == "OrderFilled":
                yield state, "OrderFilled FILLED", "FILLED"
            if event == "OrderResolved":
                for resolution, resolved in RESOLVED.items():
                    yield state, f"{event} {resolution}", resolved
