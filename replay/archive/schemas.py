"""The schemas of what is archived, kept with it: by fingerprint, and which registry id meant which.

So an archive is read where there is no registry, and after the registry was lost.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property

from replay.archive.errors import ArchiveCorrupt, ArchiveError
from replay.archive.layout import IDS, schema_file
from replay.archive.manifest import canonical
from replay.archive.store import Store
from schemas import avsc
from schemas.catalog import Catalog, SchemaVersion, schema_version
from schemas.errors import SchemaError, UnknownSchemaError
from schemas.ids import SchemaIds


def keep(store: Store, ids: SchemaIds, numbers: Iterable[int]) -> list[str]:
    """Writes the schemas behind these ids where they are missing; their fingerprints, sorted. An
    id that means nothing is left out. Raises `ArchiveError` where one means something else now.
    """
    found: dict[int, SchemaVersion] = {}
    for number in numbers:
        try:
            found[number] = ids.schema_of(number)
        except UnknownSchemaError:
            continue
    kept = kept_ids(store)
    known = dict(kept)
    fresh = {number: schema.fingerprint.hex() for number, schema in found.items()}
    for number, fingerprint in fresh.items():
        if known.setdefault(number, fingerprint) != fingerprint:
            raise ArchiveError(
                f"schema id {number} stands for {fingerprint} at the registry, in the archive at "
                f"{store.root} for {known[number]}: this is not the registry it was written with"
            )
    for schema in found.values():
        _keep(store, schema)
    if known != kept:
        entries = {str(number): known[number] for number in sorted(known)}
        store.write(IDS, canonical(entries))
    return sorted(set(fresh.values()))


def _keep(store: Store, schema: SchemaVersion) -> None:
    name = schema_file(schema.fingerprint.hex())
    if not store.exists(name):
        store.write(name, schema.text.encode())


def kept_ids(store: Store) -> dict[int, str]:
    """Fingerprint (hex) by registry id. Raises `ArchiveCorrupt`."""
    if not store.exists(IDS):
        return {}
    try:
        return {int(number): str(name) for number, name in json.loads(store.read(IDS)).items()}
    except (ValueError, AttributeError):
        raise ArchiveCorrupt(f"{store.root}/{IDS} is not a table of schema ids") from None


def archived_ids(store: Store, catalog: Catalog) -> SchemaIds:
    """The archive's own ids. Schemas that this checkout does not have are read as well; its own
    that were never written get ids that mean nothing elsewhere.
    """
    known = archived_schemas(store, catalog)
    met = {schema.fingerprint for schema in known.values()}
    versions = (v for event in catalog.events.values() for v in event.versions.values())
    fresh = [version for version in versions if version.fingerprint not in met]
    return SchemaIds({**known, **dict(enumerate(fresh, max(known, default=0) + 1))})


def archived_schemas(store: Store, catalog: Catalog) -> dict[int, SchemaVersion]:
    """The archive's schemas by registry id. Raises `ArchiveCorrupt`."""
    return {number: schema_of(store, catalog, name) for number, name in kept_ids(store).items()}


def joined_ids(store: Store, catalog: Catalog, registry: SchemaIds) -> SchemaIds:
    """The archive's ids, and the registry's for what it does not have."""
    known = archived_schemas(store, catalog)
    return SchemaIds(known, registry.id_of, registry.schema_of)


def schema_of(store: Store, catalog: Catalog, fingerprint: str) -> SchemaVersion:
    """A schema of the archive. Raises `ArchiveCorrupt` where it is missing or another's."""
    schema = _read(store, fingerprint)
    known = catalog.events.get(schema.event)
    versions = known.versions.values() if known else ()
    return next((v for v in versions if v.fingerprint == schema.fingerprint), schema)


def _read(store: Store, fingerprint: str) -> SchemaVersion:
    name = schema_file(fingerprint)
    if not store.exists(name):
        raise ArchiveCorrupt(f"{store.root}: schema {name} is missing")
    try:
        text = store.read(name).decode()
        event = avsc.short_name(avsc.parse(text, name)["name"])
        schema = schema_version(event, 0, text, name)
    except (SchemaError, UnicodeDecodeError) as error:
        raise ArchiveCorrupt(f"{store.root}/{name}: {error}") from None
    if schema.fingerprint.hex() != fingerprint:
        raise ArchiveCorrupt(f"{store.root}/{name} holds the schema {schema.fingerprint.hex()}")
    return schema


class Written:
    """The writers' schemas of an archive by registry id, each read when it is first asked for."""

    def __init__(self, store: Store) -> None:
        self._store, self._found = store, dict[int, avsc.Parsed]()

    @cached_property
    def _names(self) -> dict[int, str]:
        return kept_ids(self._store)

    def __call__(self, number: int) -> avsc.Parsed | None:
        """None for an id that stood for nothing. Raises `ArchiveCorrupt`."""
        if number not in self._found and number in self._names:
            self._found[number] = _read(self._store, self._names[number]).schema
        return self._found.get(number)
