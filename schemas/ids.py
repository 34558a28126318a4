"""Which registry id stands for which schema, both ways."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from schemas.catalog import Catalog, SchemaVersion
from schemas.errors import SchemaError, UnknownSchemaError

if TYPE_CHECKING:
    from collections.abc import Mapping


class SchemaIds:
    """`id_of` for writing, `schema_of` for reading; each registry has its own ids."""

    def __init__(
        self,
        known: Mapping[int, SchemaVersion],
        find_id: Callable[[SchemaVersion], int] | None = None,
        find_schema: Callable[[int], SchemaVersion] | None = None,
    ) -> None:
        """`known` by id; the two functions are asked, once each, for what is not in it."""
        self._schemas = dict(known)
        self._ids = {schema.fingerprint: number for number, schema in known.items()}
        self._find_id = find_id
        self._find_schema = find_schema

    @classmethod
    def local(cls, catalog: Catalog) -> SchemaIds:
        """Ids made of the fingerprints: for tests and in-memory logs; the same in every process."""
        known: dict[int, SchemaVersion] = {}
        for event in catalog.events.values():
            for schema in event.versions.values():
                number = int.from_bytes(schema.fingerprint[:4], "big") >> 1
                if number in known:
                    raise SchemaError(f"{schema.event}: its local id {number} is taken")
                known[number] = schema
        return cls(known)

    def id_of(self, schema: SchemaVersion) -> int:
        """Raises `RegistryError` where a registry is asked and does not have it."""
        if schema.fingerprint not in self._ids:
            if self._find_id is None:
                raise SchemaError(f"{schema.event}.v{schema.version} has no id")
            self._ids[schema.fingerprint] = self._find_id(schema)
        return self._ids[schema.fingerprint]

    def schema_of(self, number: int) -> SchemaVersion:
        """Raises `UnknownSchemaError`."""
        if number not in self._schemas:
            if self._find_schema is None:
                raise UnknownSchemaError(f"schema id {number} is unknown")
            self._schemas[number] = self._find_schema(number)
        return self._schemas[number]
