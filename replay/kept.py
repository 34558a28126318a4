"""What every kept run has in common: a folder named by what was run, records in the archive's
layout, JSON that is equal for equal facts, nothing with the time of its making in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from connectors.durable import sync_folder
from connectors.log.interface import Tp
from schemas.catalog import Catalog

NAME_DIGITS: Final = 12
MANIFEST: Final = "run.json"
"""Written last: a folder without it is unfinished."""


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n"


def name_of(given: Mapping[str, Any]) -> str:
    """A run's name: a digest of what it was given."""
    return sha256(canonical(given).encode()).hexdigest()[:NAME_DIGITS]


def schema_hashes(catalog: Catalog) -> dict[str, str]:
    """The fingerprint of each event's newest schema."""
    return {name: event.fingerprint.hex() for name, event in catalog.events.items()}


def input_ranges(ranges: Iterable[tuple[Tp, int, int]]) -> list[dict[str, Any]]:
    """Offsets [start, end) that were read, as JSON."""
    return [
        {"topic": tp.topic, "partition": tp.partition, "start": start, "end": end}
        for tp, start, end in ranges
    ]


def write(path: Path, text: str) -> None:
    """In one step: a reader sees the old or the new one."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text, "utf-8")
    fresh.replace(path)
    sync_folder(path.parent)
