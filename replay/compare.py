"""Two sets of outputs side by side, aligned by id: what was recorded and what the re-run gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from connectors.epochs.encode import ID_HEADER, output_id
from connectors.log.interface import Message, OutRecord
from schemas.codec import Codec
from schemas.json_form import to_json


class Difference(NamedTuple):
    """One output id; None on the side that does not have it."""

    id: str
    recorded: dict[str, Any] | None
    rerun: dict[str, Any] | None


def differences(
    codec: Codec, recorded: Sequence[Message], rerun: Sequence[OutRecord]
) -> list[Difference]:
    """The outputs that differ, in the order of the re-run, those only recorded last."""
    were = {output_id(m): m.value() for m in recorded}
    now = {dict(r.headers)[ID_HEADER].decode(): r.value for r in rerun}
    found = []
    for identifier in [*now, *(i for i in were if i not in now)]:
        if were.get(identifier) != now.get(identifier):
            sides = [shown(codec, side.get(identifier)) for side in (were, now)]
            found.append(Difference(identifier, *sides))
    return found


def shown(codec: Codec, value: bytes | None) -> dict[str, Any] | None:
    return None if value is None else named_json(codec.decode(value))


def named_json(event: Any) -> dict[str, Any]:
    """An event's fields as JSON values, its class's name first as `event`."""
    return {"event": type(event).__name__, **to_json(event)}
