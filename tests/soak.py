"""The full fault counts, in pieces: `python -m tests.soak [--minutes 9]`, called by `make soak`.

Runs on a broker of its own. What is done is kept in `.run/soak`, so that a run that was stopped
goes on where it was; a change of the code that is tested begins anew. When all is done the results
go to `docs/reliability.md`. A failure prints the scenario and the seed that repeats it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from ops import stack as local_stack
from ops.stack import StackInfo
from tests.chaos.round import Round
from tests.chaos.totals import shortfalls
from tests.connectors.gateway import kills, trials
from tests.faults import clock, laws, scenarios
from tests.faults.rig import Rig
from tests.replay.verify.rounds import survive
from tests.replay.verify.shelf import made

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".run" / "soak"
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"
TESTED = ("connectors/*.py", "connectors/log/*.py", "connectors/epochs/*.py", "pipelines/*.py",
          "connectors/gateway/*.py", "connectors/orderport/**/*.py", "connectors/simulated/**/*.py",
          "pipelines/gateway/*.py", "pipelines/orders/*.py", "ops/processes/exits.py",
          "ops/processes/kill.py", "ops/desk/*", "ops/desk/example/*", "ops/supervisor/*",
          "replay/archive/*.py", "replay/verify/*.py", "tests/replay/verify/*.py",
          "tests/faults/*", "tests/chaos/*", "tests/connectors/gateway/*",
          "tests/connectors/epochs/toy.py")  # fmt: skip
SEED = 9_000


class Piece(NamedTuple):
    """A scenario, how often it is wanted, and how much of it is one piece."""

    name: str
    run: Callable[[Rig, int], object]
    wanted: int
    at_once: int


def once(law: Callable[[Rig], object]) -> Callable[[Rig, int], object]:
    return lambda rig, _: law(rig)


def torn(rig: Rig, _: int) -> None:
    assert scenarios.end_txn_without_the_exit_rule(rig) > 0


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
    Piece("one, two and four shards", once(lambda rig: laws.shards_against_one(rig, 20_000)), 2, 1),
    Piece("replays under other hash seeds", laws.replays_under_other_hash_seeds, 6, 3),
    Piece("recovery time by length of the log",
          once(lambda rig: laws.recovery_time(rig, (10_000, 1_000_000))), 1, 1),
    Piece("broker killed and restarted", scenarios.broker_kills, 20, 4),
    Piece("gateway stopped at each named point, venue failing", gateways_stopped, 20, 2),
    Piece("log wiped, venue kept", logs_wiped, 5, 5),
    *(Piece(f"kill switch, {broken} broken", killed(broken), 100, 20) for broken in kills.BROKEN),
    Piece("an archived day harmed at random", archives_harmed, 10_000, 500),
    Piece("a minute of the whole desk under chaos", desks_under_chaos, 30, 2),
)  # fmt: skip


@dataclass
class State:
    """What was done, for which code."""

    code: str
    done: dict[str, int] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0

    def save(self) -> None:
        fresh = FOLDER / "state.json.new"
        fresh.write_text(json.dumps(asdict(self), indent=2) + "\n")
        fresh.replace(FOLDER / "state.json")


def code_hash() -> str:
    hasher = sha256()
    for path in sorted(p for pattern in TESTED for p in ROOT.glob(pattern) if p.is_file()):
        hasher.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return hasher.hexdigest()[:12]


def loaded() -> State:
    """The state of an earlier run of the same code, else a fresh one."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    code = code_hash()
    try:
        state = State(**json.loads((FOLDER / "state.json").read_text()))
    except (OSError, ValueError, TypeError):
        return State(code)
    if state.code != code:
        print("the code under test changed: beginning anew", flush=True)
        return State(code)
    return state


@contextmanager
def own_stack() -> Iterator[StackInfo]:
    folder = FOLDER / "stack"
    local_stack.stop(folder)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        yield local_stack.start(folder, ports=local_stack.FREE)
    finally:
        local_stack.stop(folder)


def remaining(state: State) -> list[Piece]:
    skipped = () if clock.compiler() else ("wall clock steps",)
    return [p for p in PIECES if state.done.get(p.name, 0) < p.wanted and p.name not in skipped]


def run_piece(piece: Piece, state: State, stack: StackInfo) -> None:
    done = state.done.get(piece.name, 0)
    rounds, seed = min(piece.at_once, piece.wanted - done), SEED + done
    print(f"{piece.name}: {done + 1} to {done + rounds} of {piece.wanted}, seed {seed}", flush=True)
    begun = time.monotonic()
    rig = Rig(stack.bootstrap_servers, FOLDER / "stack", FOLDER, seed)
    piece.run(rig, rounds)
    state.done[piece.name] = done + rounds
    state.seconds += time.monotonic() - begun
    merge(state.counts, rig.counts)
    state.save()
    (FOLDER / f"{rig.prefix}log").unlink(missing_ok=True)


def merge(counts: dict[str, int], more: Counter[str]) -> None:
    """Adds up, except milliseconds: of those the worst is kept."""
    for name, number in more.items():
        worst = " ms" in name or name.startswith("ms ") or name.endswith("ms")
        before = counts.get(name, 0)
        counts[name] = max(before, number) if worst else before + number


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=9.0, help="stop after about this long")
    limit = time.monotonic() + 60 * parser.parse_args().minutes
    state = loaded()
    with own_stack() as stack:
        while (todo := remaining(state)) and time.monotonic() < limit:
            run_piece(todo[0], state, stack)
    left = remaining(state)
    if left:
        done = sum(state.done.get(p.name, 0) for p in PIECES)
        print(f"{done} of {sum(p.wanted for p in PIECES)} rounds done: run again to go on")
        return 0
    if rare := shortfalls(state.counts):
        print(f"too rare to count as survived: {'; '.join(rare)}")
        return 1
    write_page(state)
    print(f"all done in {state.seconds / 60:.0f} minutes, 0 lost, 0 duplicated: see {PAGE.name}")
    return 0


def write_page(state: State) -> None:
    """Puts the results between the page's markers."""
    text = PAGE.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{results(state)}\n{END}{tail}")


def results(state: State) -> str:
    commit = ["git", "rev-parse", "--short=12", "HEAD"]
    shown = subprocess.run(commit, cwd=ROOT, capture_output=True, text=True, check=False)
    lines = [
        f"Commit {shown.stdout.strip()}, code under test {state.code}, seeds from {SEED}, "
        f"{state.seconds / 60:.0f} minutes.",
        "",
        "| fault | rounds |",
        "|---|---|",
        *(f"| {p.name} | {state.done.get(p.name, 0) or 'skipped'} |" for p in PIECES),
        "",
        "| counted | |",
        "|---|---|",
        *(f"| {name} | {number:,} |" for name, number in sorted(state.counts.items())),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
