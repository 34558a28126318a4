"""Which registry id stands for which schema, both ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from schemas.catalog import Catalog, SchemaVersion
from schemas.errors import SchemaError, UnknownSchemaError
from schemas.registry import Registry, find_id, find_schema

_UNKNOWN_MAX = 10_000


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
        self._unknown: dict[int, str] = {}

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

    @classmethod
    def from_registry(
        cls,
        url: str,
        catalog: Catalog,
        options: Mapping[str, Any] | None = None,
        prefix: str = "",
    ) -> SchemaIds:
        """Ids of a registry, each asked for once, when first needed; see `Registry` for `options`.

        `prefix` is that of the topics. Schemas newer than this checkout's are read as well.
        """
        registry = Registry(url, options)
        return cls(
            {},
            find_id=partial(_find_id, registry, catalog, prefix),
            find_schema=partial(find_schema, registry, catalog),
        )

    def id_of(self, schema: SchemaVersion) -> int:
        """Raises `RegistryError` where a registry is asked and does not have it."""
        if schema.fingerprint not in self._ids:
            if self._find_id is None:
                raise SchemaError(f"{schema.event}.v{schema.version} has no id")
            self._ids[schema.fingerprint] = self._find_id(schema)
        return self._ids[schema.fingerprint]

    def learn(self, schema: SchemaVersion) -> None:
        """So that nobody need be asked about it later, either way. Raises as `id_of` does."""
        self._schemas.setdefault(self.id_of(schema), schema)

    def schema_of(self, number: int) -> SchemaVersion:
        """Raises `UnknownSchemaError`; an id once unknown stays so for this object."""
        if number in self._schemas:
            return self._schemas[number]
        if number in self._unknown:
            raise UnknownSchemaError(self._unknown[number])
        try:
            if self._find_schema is None:
                raise UnknownSchemaError(f"schema id {number} is unknown")
            self._schemas[number] = self._find_schema(number)
        except UnknownSchemaError as error:
            if len(self._unknown) < _UNKNOWN_MAX:
                self._unknown[number] = str(error)
            raise
        return self._schemas[number]


def _find_id(registry: Registry, catalog: Catalog, prefix: str, schema: SchemaVersion) -> int:
    return find_id(registry, catalog, schema, prefix)
