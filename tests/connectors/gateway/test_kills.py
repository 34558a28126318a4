"""The kill switch against the venue, a sample: one trial with each part broken, on the broker.

`make soak` counts a hundred of each; here is asked what must never happen, not how long it took.
"""

from __future__ import annotations

import signal
from pathlib import Path

from ops.stack import StackInfo
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.kills import BROKEN, PATIENCE_S, Desk, trial

LIMIT_S = 300.0
COUNTDOWN_MS = 3_000


def test_whatever_is_broken_the_venue_ends_free_of_orders(
    stack: StackInfo, stack_dir: Path, topic_prefix: str, tmp_path: Path
) -> None:
    desk = Desk(stack, topic_prefix, tmp_path, stack_dir)

    async def main() -> None:
        async with desk.open():
            for broken in BROKEN:
                counts = await trial(desk, broken)
                told = f"kill switch, {broken} broken"
                assert counts[f"{told}: alarms"] == 0, counts
                assert counts[f"{told}: not free and no alarm"] == 0, counts

    run(main(), LIMIT_S)


def test_the_dead_mans_switch_cancels_for_a_gateway_that_was_stopped(
    stack: StackInfo, stack_dir: Path, topic_prefix: str, tmp_path: Path
) -> None:
    desk = Desk(stack, topic_prefix, tmp_path, stack_dir)

    async def main() -> None:
        async with desk.open():
            desk.start_with_switch(COUNTDOWN_MS)
            await desk.trade()
            desk.quiet(writable=True)
            desk.send(signal.SIGSTOP)
            await until(lambda: desk.resting() == 0, "the venue cancels", PATIENCE_S)

    run(main(), LIMIT_S)
