"""One Parquet file, written once and in one way, so that equal rows give equal bytes; and read
back, row group by row group.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from replay.archive.columns import is_time
from replay.archive.errors import ArchiveError

ROW_GROUP_ROWS: Final = 65_536
ROW_GROUP_BYTES: Final = 67_108_864  # of keys and values: what bounds memory
_UNIQUE: Final = ("_headers.list.element.value",)
_HEADERS: Final = ("_headers.list.element.name", *_UNIQUE)  # nobody asks for the least of them
_DELTA: Final = "DELTA_BINARY_PACKED"
_ALIKE: Final = ("_value", "trade_id")  # each like the one before it, none equal
_PREFIX: Final = "DELTA_BYTE_ARRAY"
_MOVING: Final = ("px", "price")  # ends of names of decimals that seldom come again
_LEVEL: Final = 4  # 6 takes half as long again; trades are no smaller for it


class _Hashed(io.RawIOBase):
    """A file that knows the digest of what was written to it."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self.digest, self.size = hashlib.sha256(), 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data)
        self.digest.update(view)
        self.size += view.nbytes
        return self._file.write(view)

    def tell(self) -> int:
        return self.size

    def close(self) -> None:
        self._file.close()
        super().close()


class ParquetFile:
    """A file being written at a local path. Raises `ArchiveError` where the disk refuses."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        try:
            self._sink = _Hashed(path)
            self._writer = pq.ParquetWriter(self._sink, schema, **options(schema))
        except OSError as error:
            raise self._refused(error) from None

    def add(self, table: pa.Table) -> None:
        """One row group."""
        try:
            self._writer.write_table(table.combine_chunks(), row_group_size=max(table.num_rows, 1))
        except OSError as error:
            raise self._refused(error) from None

    def close(self) -> tuple[str, int]:
        """SHA-256 (hex) and size in bytes of the finished file."""
        try:
            self._writer.close()
            self._sink.close()
        except OSError as error:
            raise self._refused(error) from None
        return self._sink.digest.hexdigest(), self._sink.size

    def _refused(self, error: OSError) -> ArchiveError:
        return ArchiveError(f"{self._path}: {error.strerror or error}")


def options(schema: pa.Schema) -> dict[str, Any]:
    """How files are written. Offsets and times go by differences, what begins like the one before
    it by what is new, prices as they are, everything else by dictionary where one pays. Only
    encodings that DuckDB, polars and pyarrow all read.
    """
    kinds = list(zip(schema.names, schema.types, strict=True))
    encodings = {n: _DELTA for n, kind in kinds if _rises(n, kind)}
    encodings |= {n: _PREFIX for n in _ALIKE if n in schema.names}
    prices = [n for n, kind in kinds if pa.types.is_decimal(kind) and n.endswith(_MOVING)]
    return {
        "compression": "zstd",
        "compression_level": _LEVEL,
        "column_encoding": encodings,
        "use_dictionary": leaves(schema, [*encodings, *prices, *_UNIQUE]),
        "sorting_columns": [pq.SortingColumn(schema.get_field_index("_offset"))],
        "store_schema": False,
        "write_statistics": leaves(schema, _HEADERS),
    }


def leaves(schema: pa.Schema, without: Sequence[str]) -> list[str]:
    """Paths of the columns as Parquet names them, but for some."""
    sink = io.BytesIO()
    with pq.ParquetWriter(sink, schema, store_schema=False):
        pass
    sink.seek(0)
    found = pq.ParquetFile(sink).schema
    names = [found.column(number).path for number in range(len(found))]
    return [name for name in names if name not in without]


def _rises(name: str, kind: pa.DataType) -> bool:
    if pa.types.is_timestamp(kind):
        return True
    return name in {"_offset", "_timestamp_ms"} or is_time(name, kind)
