"""One question to an archive. Nothing that a question says can write a file, load an extension or
leave the archive.
"""

from __future__ import annotations

import re
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


def write_database(store: Store, catalog: Catalog, file: Path, span: Span = EVERYTHING) -> int:
    """A DuckDB file with all views, for any client; gives their number. The data stay where they
    are. Raises `SqlError` where the file exists.
    """
    if file.exists():
        raise SqlError(f"{file} exists: name a file that does not")
    if store.folder != store.root:
        raise SqlError(
            f"a database names files of a folder: copy {store.root} to one first "
            "(`aws s3 sync`), and name that with --archive"
        )
    views = Definitions(store, catalog, span)
    try:
        connection = duckdb.connect(str(file), config=_CONFIG)
        try:
            define(connection, views, " ".join(views.names))
        finally:
            connection.close()
    except duckdb.Error as error:
        raise SqlError(first_line(error)) from None
    return len(views.names)


def first_line(error: duckdb.Error) -> str:
    """DuckDB's message without the excerpt that it draws below."""
    return " ".join(str(error).partition("\n\nLINE ")[0].split())
