"""One question to an archive. Nothing that a question says can write a file, load an extension or
leave the archive.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TypeVar

import duckdb
import pyarrow as pa

from replay.archive.errors import ArchiveCorrupt, ArchiveError
from replay.archive.store import Store
from replay.sql.definitions import Definitions
from replay.sql.errors import SqlError
from replay.sql.events import Kind
from replay.sql.exactly import require_held
from replay.times import EVERYTHING, Span
from schemas.catalog import Catalog

Read = TypeVar("Read")
TRIES: Final = 20
_CONFIG: Final[dict[str, Any]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_EXPLAIN: Final = re.compile(r"\s*EXPLAIN(\s+ANALYZE)?\b", re.IGNORECASE)
_ALLOWED: Final = "only a question is answered here: SELECT, WITH, DESCRIBE, SUMMARIZE or EXPLAIN"


def ask(store: Store, catalog: Catalog, question: str, span: Span = EVERYTHING) -> pa.Table:
    """The answer, decimals as decimals, of the archive as it was when it was listed: where a file
    grew before it was opened, once more. Raises `SqlError`, `ArchiveError`.
    """

    def answer(views: Definitions) -> pa.Table:
        with duckdb.connect(config=_CONFIG) as connection:
            require_question(connection, question)
            define(connection, views, question)
            lock(connection, store)
            found = connection.sql(question)
            require_held(found)
            return found.to_arrow_table()

    return _while_it_grows(lambda: Definitions(store, catalog, span), answer)


def _while_it_grows(views: Callable[[], Definitions], read: Callable[[Definitions], Read]) -> Read:
    """What `read` makes of the views; made anew where a longer file took a listed one's place
    before it was opened (an open one stays readable). Raises `SqlError`, `ArchiveError`.
    """
    for left in reversed(range(TRIES)):
        made = views()
        try:
            return read(made)
        except (duckdb.IOException, ArchiveError) as error:
            if not left or isinstance(error, ArchiveCorrupt) or not made.outgrown():
                if isinstance(error, ArchiveError):
                    raise
                raise SqlError(first_line(error)) from None
        except duckdb.Error as error:
            raise SqlError(first_line(error)) from None
    raise AssertionError("the last try returns or raises")


def require_question(connection: duckdb.DuckDBPyConnection, question: str) -> None:
    """Raises `SqlError` for what is not exactly one statement that only reads."""
    statements = connection.extract_statements(question)
    if len(statements) != 1:
        raise SqlError(f"{len(statements)} statements: ask one question at a time")
    kind = statements[0].type
    if kind == duckdb.StatementType.EXPLAIN:
        require_question(connection, _EXPLAIN.sub("", _uncommented(question), count=1))
    elif kind != duckdb.StatementType.SELECT:
        raise SqlError(_ALLOWED)


def _uncommented(question: str) -> str:
    return re.sub(r"--[^\n]*|/\*.*?\*/", " ", question, flags=re.DOTALL)


def define(connection: duckdb.DuckDBPyConnection, views: Definitions, question: str) -> None:
    """Makes the views that a question names. Raises `ArchiveError` where there is no archive."""
    connection.execute("SET TimeZone = 'UTC'")
    for statement in views.needed(question):
        connection.execute(statement)


def lock(connection: duckdb.DuckDBPyConnection, store: Store) -> None:
    """From here on nothing but the archive's files can be opened."""
    connection.execute("SET allowed_directories = [?]", [store.folder])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def copies(store: Store) -> bool:
    """Whether a database file holds the archive's rows themselves: what lies elsewhere is not there
    for any client, and reading it takes credentials, which a file to hand on must not hold.
    """
    return store.folder != store.root


def write_database(store: Store, catalog: Catalog, file: Path, span: Span = EVERYTHING) -> int:
    """A DuckDB file with all views, for any client; gives their number. The data stay where they
    are, but for what `copies`. It appears whole or not at all. Raises `SqlError` where the file
    exists, `ArchiveError`.
    """
    if file.exists():
        raise SqlError(f"{file} exists: name a file that does not")
    kind: Kind = "TABLE" if copies(store) else "VIEW"
    fresh = file.with_name(f"{file.name}.new")

    def written(views: Definitions) -> int:
        fresh.unlink(missing_ok=True)
        with duckdb.connect(str(fresh), config=_CONFIG) as connection:
            define(connection, views, " ".join(views.names))
        fresh.rename(file)
        return len(views.names)

    try:
        return _while_it_grows(lambda: Definitions(store, catalog, span, kind), written)
    except OSError as error:
        raise SqlError(f"{file}: {error.strerror}") from None
    finally:
        for left in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            with suppress(OSError):
                left.unlink(missing_ok=True)


def first_line(error: duckdb.Error) -> str:
    """DuckDB's message without the excerpt that it draws below."""
    return " ".join(str(error).partition("\n\nLINE ")[0].split())
