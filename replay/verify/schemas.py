"""The archive's schemas are those that the day manifests signed for, and they mean the same ids."""

from __future__ import annotations

from typing import Any

from replay.archive.errors import ArchiveError
from replay.archive.layout import IDS, PARTITIONS, SCHEMAS, schema_file
from replay.archive.manifest import canonical, digest
from replay.archive.schemas import kept_ids
from replay.archive.source import partitions
from replay.archive.store import UNFINISHED, Store
from replay.verify.days import Day
from replay.verify.findings import Audit


def check_schemas(store: Store, days: dict[str, Day], day: str, audit: Audit) -> None:
    """The schemas of one day by SHA-256 and id, and that there are none nobody signed for."""
    ids = _ids(store, audit)
    for fingerprint, signed in (days[day].schemas if day in days else {}).items():
        _check_file(store, fingerprint, signed["sha256"], audit)
        for number in signed["ids"]:
            if ids is not None and ids.get(number) != fingerprint:
                audit.find(f"id {number} does not stand for {fingerprint}", IDS)
    known = {schema_file(f) for d in days.values() for f in d.schemas} | {IDS, PARTITIONS}
    for name in store.names(SCHEMAS):
        if name not in known and not name.endswith(UNFINISHED):
            audit.find("no day manifest names it", name)
    if ids is not None:
        _check_ids(ids, days, audit)
    _check_partitions(store, days, audit)


def _ids(store: Store, audit: Audit) -> dict[int, str] | None:
    try:
        found = kept_ids(store)
        _check_form(store, IDS, {str(number): name for number, name in found.items()}, audit)
        return found
    except ArchiveError as error:
        audit.find(str(error), IDS)
        return None


def _check_form(store: Store, name: str, said: Any, audit: Audit) -> None:
    """No manifest has the digest of a table that grows: its bytes follow from its values."""
    if store.exists(name) and store.read(name) != canonical(said):
        audit.find("it is not in the one form of what it says", name)


def _check_file(store: Store, fingerprint: str, sha256: str, audit: Audit) -> None:
    name = schema_file(fingerprint)
    try:
        if digest(store.read(name)) != sha256:
            audit.find("its SHA-256 is not the one its day manifest names", name)
    except ArchiveError as error:
        audit.find(str(error), name)


def _check_ids(ids: dict[int, str], days: dict[str, Day], audit: Audit) -> None:
    signed = {n: f for d in days.values() for f, one in d.schemas.items() for n in one["ids"]}
    for number, fingerprint in ids.items():
        if number not in signed:
            audit.find(f"no day manifest names id {number} ({fingerprint})", IDS)


def _check_partitions(store: Store, days: dict[str, Day], audit: Audit) -> None:
    """The table of partitions is that of the newest day manifest, to the byte."""
    if not days:
        return
    newest = days[max(days)]
    try:
        found = partitions(store)
        _check_form(store, PARTITIONS, found, audit)
        if found != newest.partitions:
            audit.find(f"it is not the table that the manifest of {newest.day} has", PARTITIONS)
    except ArchiveError as error:
        audit.find(str(error), PARTITIONS)
