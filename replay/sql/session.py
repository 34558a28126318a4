"""One question to an archive. Nothing that a question says can write a file, load an extension or
leave the archive.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa

from replay.archive.store import Store
from replay.sql.definitions import Definitions
from replay.sql.errors import SqlError
from replay.times import EVERYTHING, Span
from schemas.catalog import Catalog

_CONFIG: Final[dict[str, Any]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
_EXPLAIN: Final = re.compile(r"\s*EXPLAIN(\s+ANALYZE)?\b", re.IGNORECASE)
_ALLOWED: Final = "only a question is answered here: SELECT, WITH, DESCRIBE, SUMMARIZE or EXPLAIN"


def ask(store: Store, catalog: Catalog, question: str, span: Span = EVERYTHING) -> pa.Table:
    """The answer, decimals as decimals. Raises `SqlError`, `ArchiveError`."""
    connection = duckdb.connect(config=_CONFIG)
    try:
        require_question(connection, question)
        define(connection, Definitions(store, catalog, span), question)
        lock(connection, store)
        return connection.sql(question).to_arrow_table()
    except duckdb.Error as error:
        raise SqlError(first_line(error)) from None
    finally:
        connection.close()


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
    views = Definitions(store, catalog, span, "TABLE" if copies(store) else "VIEW")
    fresh = file.with_name(f"{file.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        with duckdb.connect(str(fresh), config=_CONFIG) as connection:
            define(connection, views, " ".join(views.names))
        fresh.rename(file)
    except duckdb.Error as error:
        raise SqlError(first_line(error)) from None
    except OSError as error:
        raise SqlError(f"{file}: {error.strerror}") from None
    finally:
        for left in (fresh, fresh.with_name(f"{fresh.name}.wal")):
            with suppress(OSError):
                left.unlink(missing_ok=True)
    return len(views.names)


def first_line(error: duckdb.Error) -> str:
    """DuckDB's message without the excerpt that it draws below."""
    return " ".join(str(error).partition("\n\nLINE ")[0].split())
