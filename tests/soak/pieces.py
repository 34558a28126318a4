"""What is tried, how often it is wanted, and which files it is about."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from ops.stack import StackInfo
from tests.chaos.round import Round
from tests.connectors.epochs import market_on_broker
from tests.connectors.gateway import kills, trials
from tests.faults import laws, scenarios
from tests.faults.rig import Rig
from tests.replay.archive.survival import survive as disturb
from tests.replay.archive.survival import undisturbed
from tests.replay.verify.rounds import survive
from tests.replay.verify.shelf import made
from tests.s3 import CREDENTIALS, proxied, served
from tests.soak.state import merge

LOG: Final = ("connectors/*.py", "connectors/log/*.py", "connectors/epochs/*.py", "pipelines/*.py",
              "tests/faults/*", "tests/connectors/epochs/toy.py")  # fmt: skip
MARKET: Final = (*LOG, "pipelines/market/*.py", "connectors/venues/*.py",
                 "tests/connectors/epochs/market_*.py")  # fmt: skip
GATEWAY: Final = (*LOG, "connectors/gateway/*.py", "connectors/orderport/**/*.py",
                  "connectors/simulated/**/*.py", "pipelines/gateway/*.py", "pipelines/orders/*.py",
                  "ops/processes/exits.py", "ops/processes/kill.py",
                  "tests/connectors/gateway/*")  # fmt: skip
ARCHIVE: Final = ("replay/archive/*.py", "replay/verify/*.py", "tests/replay/verify/*.py")
S3: Final = ("replay/archive/*.py", "replay/verify/*.py", "tests/replay/archive/rivals.py",
             "tests/replay/archive/survival.py", "tests/s3.py")  # fmt: skip
DESK: Final = (*GATEWAY, "ops/desk/*", "ops/desk/example/*", "ops/supervisor/*",
               "tests/chaos/*")  # fmt: skip


class Piece(NamedTuple):
    """A scenario, how often it is wanted, how much of it is one piece, and the files that it is
    about: with one of them changed it begins anew.
    """

    name: str
    run: Callable[[Rig, int], object]
    wanted: int
    at_once: int
    about: tuple[str, ...] = LOG


def once(law: Callable[[Rig], object]) -> Callable[[Rig, int], object]:
    return lambda rig, _: law(rig)


def torn(rig: Rig, _: int) -> None:
    assert scenarios.end_txn_without_the_exit_rule(rig) > 0


def recovered(rig: Rig, _: int) -> None:
    """A log a hundred times as long does not take longer, but for what the machine does beside."""
    (_, short), (_, long) = laws.recovery_time(rig, (10_000, 1_000_000))
    assert long < 2 * short + 1_000, f"{long} ms after 1,000,000 events, {short} ms after 10,000"


def gateways_stopped(rig: Rig, rounds: int) -> None:
    """Every point at once: most of a trial is waiting."""
    for number in range(rounds):
        seed, folder = rig.seed + number, rig.scratch / f"{rig.prefix}{number}"
        with ThreadPoolExecutor(len(trials.POINTS)) as pool:
            for counts in pool.map(partial(one_stopped, rig.servers, folder, seed), trials.POINTS):
                rig.counts.update(counts)


def one_stopped(servers: str, folder: Path, seed: int, point: str) -> Counter[str]:
    own = folder / point.replace(" ", "-")
    own.mkdir(parents=True)
    return asyncio.run(trials.zombie(servers, own, point, seed))


def killed(broken: kills.Broken) -> Callable[[Rig, int], object]:
    def run(rig: Rig, rounds: int) -> None:
        folder = rig.scratch / f"{rig.prefix}kills"
        folder.mkdir()
        stack = StackInfo(rig.servers, "")
        work = kills.trials(stack, f"k{rig.prefix}", folder, rig.folder, broken, rounds)
        for counts in asyncio.run(work):
            merge(rig.counts, counts)

    return run


def logs_wiped(rig: Rig, rounds: int) -> None:
    for number in range(rounds):
        folder = rig.scratch / f"{rig.prefix}{number}"
        folder.mkdir()
        rig.counts.update(asyncio.run(trials.wiped_log(rig.servers, folder)))


def desks_under_chaos(rig: Rig, rounds: int) -> None:
    """A minute each, with everything of the desk."""
    for number in range(rounds):
        folder = rig.scratch / f"{rig.prefix}{number}"
        rig.counts.update(Round(rig.folder, folder, rig.seed + number).run())


def archivers_disturbed(rig: Rig, rounds: int) -> None:
    """S3 is moto's server, with a proxy before it that harms requests."""
    folder = rig.scratch / f"{rig.prefix}s3"
    folder.mkdir()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # moto's, a line per request
    with pytest.MonkeyPatch.context() as patch, served() as port, proxied(port) as proxy:
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        rig.counts.update(disturb(proxy, undisturbed(folder), folder, rounds, rig.seed))


def archives_harmed(rig: Rig, rounds: int) -> None:
    """One archive, harmed and mended again."""
    folder = rig.scratch / f"{rig.prefix}shelf"
    folder.mkdir()
    rig.counts.update(survive(made(folder), rounds, rig.seed))


PIECES = (
    Piece("SIGKILL at random moments", scenarios.random_kills, 300, 25),
    Piece("SIGKILL at each named point", scenarios.kills_at_named_points, 10, 2),
    Piece("SIGSTOP, takeover, SIGCONT", scenarios.zombies, 50, 10),
    Piece("halted past its time-out, nobody took over", once(scenarios.sleeper_without_successor),
          5, 1),
    Piece("another shard's transaction hangs", once(scenarios.hanging_transaction), 5, 1),
    Piece("EndTxn: answer lost, request late", scenarios.end_txn, 20, 4),
    Piece("EndTxn late, exit rule off: tears", torn, 5, 1),
    Piece("SIGTERM and SIGINT", scenarios.stops, 20, 10),
    Piece("wall clock steps", once(laws.clock_stepped_back), 5, 1),
    Piece("an hour of backlog with ticks", once(laws.hour_of_backlog), 2, 1),
    Piece("an hour of backlog: lines that look stale", once(market_on_broker.hour_of_market),
          2, 1, MARKET),
    Piece("restarts amid the books of 100 instruments", once(market_on_broker.books_restarted),
          5, 1, MARKET),
    Piece("one, two and four shards", once(lambda rig: laws.shards_against_one(rig, 20_000)), 2, 1),
    Piece("replays under other hash seeds", laws.replays_under_other_hash_seeds, 6, 3),
    Piece("recovery time by length of the log", recovered, 1, 1),
    Piece("broker killed and restarted", scenarios.broker_kills, 20, 4),
    Piece("gateway stopped at each named point, venue failing", gateways_stopped, 20, 2, GATEWAY),
    Piece("log wiped, venue kept", logs_wiped, 5, 5, GATEWAY),
    *(Piece(f"kill switch, {broken} broken", killed(broken), 100, 20, GATEWAY)
      for broken in kills.BROKEN),
    Piece("an archived day harmed at random", archives_harmed, 10_000, 500, ARCHIVE),
    Piece("archivers in S3: SIGKILL, SIGSTOP, no answers", archivers_disturbed, 100, 5, S3),
    Piece("a minute of the whole desk under chaos", desks_under_chaos, 48, 1, DESK),
)  # fmt: skip
