"""The id an output will have, for events that name one of their own pipeline's outputs.

`<pipeline>/<cause topic>/<partition>/<offset>/<output topic>/<key>/<index>`; the index counts the
outputs of one cause with the same topic and key. The log's writer makes the same ids.
"""

from __future__ import annotations

import re
from base64 import b32encode
from hashlib import sha256
from typing import Final

from pipelines.logic import Position

CL_ORD_ID_BYTES: Final = 20  # 32 characters: venues take up to 36
is_cl_ord_id: Final = re.compile(r"[A-Za-z0-9._-]{1,36}").fullmatch
"""What every venue takes, and every client sends as it is."""


class OutputIds:
    """Numbers the outputs of one cause, which must be asked for in the order they are written."""

    def __init__(self, pipeline: str, cause: Position) -> None:
        self._pipeline, self._cause = pipeline, cause  # most causes have no output
        self._seen: dict[tuple[str, str], int] = {}

    def next(self, topic: str, key: str) -> str:
        index = self._seen.get((topic, key), 0)
        self._seen[topic, key] = index + 1
        return f"{self._pipeline}/{position_id(self._cause)}/{topic}/{key}/{index}"


def position_id(position: Position) -> str:
    """What names a record that is no output of ours."""
    topic, partition, offset = position
    return f"{topic}/{partition}/{offset}"


def cl_ord_id(log_id: str, account: str, request_id: str, *more: str) -> str:
    """Our id of an order: base32, upper case and digits, legal at every venue.

    `log_id` keeps another log, or a wiped one, from repeating ids. `more` tells apart requests of
    several shards, whose ids a broadcast input makes equal.
    """
    parts = [log_id, account, request_id, *more]
    text = "".join(f"{len(part)}:{part}" for part in parts)
    return b32encode(sha256(text.encode()).digest()[:CL_ORD_ID_BYTES]).decode()
