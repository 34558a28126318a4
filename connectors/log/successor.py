"""Who fenced a writer: a successor, or the time-out of its own transaction? The client reports both
alike. The log tells: a successor announces itself there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from schemas.errors import TapeError

ANSWER_S: Final = 30.0
AGAIN_S: Final = 0.25


def successor_came(
    newest: Callable[[], str | None], own: str, wait_s: float, answer_s: float = ANSWER_S
) -> bool:
    """Whether another instance than `own` has announced itself, up to `wait_s` after the log first
    could be asked; in doubt, yes. `newest`: who did last, None if nobody; raises `TapeError`.

    A broker that was away for longer than the time-out ends the transaction as it comes back, and
    does not answer everything yet: only one that says nothing for `answer_s` is a doubt.
    """
    limit, first_s = time.monotonic() + answer_s, None
    while True:
        at_s = time.monotonic()
        try:
            found = newest()
        except TapeError:
            if at_s >= limit:
                return True
        else:
            if found not in (None, own):
                return True
            first_s = at_s if first_s is None else first_s
            if at_s >= first_s + wait_s:
                return False
        time.sleep(AGAIN_S)
