"""Audits days of the archive that the settings or a command name."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ops.archives import archive_of
from ops.settings import Settings
from ops.stack.progress import Report, silent
from replay.archive import days
from replay.archive.errors import ArchiveError
from replay.archive.store import Store
from replay.verify.audit import NothingArchived, verify
from replay.verify.findings import Audit
from schemas.catalog import load_catalog


class NoPublicKey(ArchiveError):
    """The public key cannot be read."""


def audit_days(
    settings: Settings,
    wanted: Sequence[str],
    public_key: Path | None,
    root: str | None,
    report: Report = silent,
) -> list[Audit]:
    """The audits of some days, of every closed one where none is named. Raises `TapeError`."""
    store, catalog = archive_of(settings, root), load_catalog()
    pem = _pem(settings, public_key)
    return [
        verify(store, catalog, day, pem, partial(report, f"verify {day}"))
        for day in wanted or _closed(store)
    ]


def _pem(settings: Settings, public_key: Path | None) -> bytes:
    own = settings.own_archive_key
    path = public_key or own.with_name(f"{own.name}.pub")
    try:
        return path.read_bytes()
    except OSError as error:
        made = "" if public_key else "; it is made with the first signature, once a day is over"
        raise NoPublicKey(f"no public key at {path}: {error.strerror}{made}") from None


def _closed(store: Store) -> list[str]:
    """Every day but the last, which may be open; that too where it is the only one, or unreadable
    ones would hide.
    """
    found = days.days(store)
    if not found:
        raise NothingArchived(f"{store.root} holds no day: `tape archive` writes it")
    last = found[-1]
    return found if days.read(store, last)["closed"] else found[:-1] or found
