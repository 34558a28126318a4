"""A downloaded file as rows of text: plain, gzip or zip, with the digest of its bytes."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final, cast

from replay.history.rows import BadHistory, BadRow, Row, Rows

DAMAGED: Final = (OSError, EOFError, UnicodeDecodeError, csv.Error, zipfile.BadZipFile, zlib.error)
CHECKSUM: Final = ".CHECKSUM"
Parse = Callable[[list[str]], Row | None]


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of a file, which is that of the `.CHECKSUM` beside it where there is one.
    Raises `BadHistory`.
    """
    try:
        with path.open("rb") as handle:
            found = hashlib.file_digest(handle, "sha256").hexdigest()
        beside = path.with_name(path.name + CHECKSUM)
        said = beside.read_text("ascii").split() if beside.exists() else [found]
    except (OSError, UnicodeDecodeError) as error:
        raise BadHistory(f"{path}: {_reason(error)}") from None
    if said[:1] != [found]:
        raise BadHistory(f"{path}: its SHA-256 is {found}, not what {beside.name} says: fetch anew")
    return found


def rows_of(path: Path, parse: Parse, delimiter: str = ",") -> Rows:
    """The trades or quotes of a file; rows that `parse` has none for (a header) are left out.
    Raises `BadHistory` with the line.
    """
    rows = csv.reader(())
    try:
        with _text(path) as text:
            rows = csv.reader(text, delimiter=delimiter, strict=True)
            for row in rows:
                made = parse(row)
                if made is not None:
                    yield made
    except (BadRow, *DAMAGED) as error:
        raise BadHistory(f"{path}, line {max(rows.line_num, 1)}: {_reason(error)}") from None


@contextmanager
def _text(path: Path) -> Iterator[IO[str]]:
    with _bytes(path) as data, io.TextIOWrapper(data, "utf-8-sig", newline="") as text:
        yield text


@contextmanager
def _bytes(path: Path) -> Iterator[IO[bytes]]:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            inside = [name for name in packed.namelist() if not name.endswith("/")]
            if len(inside) != 1:
                raise BadRow(f"{len(inside)} files are packed in it, not one")
            with _unpacked(packed, inside[0]) as data:
                yield data
    elif path.suffix == ".gz":
        with gzip.open(path, "rb") as unpacked:
            yield cast("IO[bytes]", unpacked)
    else:
        with path.open("rb") as data:
            yield data


def _unpacked(packed: zipfile.ZipFile, name: str) -> IO[bytes]:
    try:
        return packed.open(name)
    except (NotImplementedError, RuntimeError) as error:  # another method, or a password
        raise BadRow(f"{error}; unpack it first") from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
