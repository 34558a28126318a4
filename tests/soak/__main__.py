"""The full fault counts, in pieces: `make soak`, or `python -m tests.soak --minutes 9 --only WORD`.

Runs on a broker of its own. What is done is kept in `docs/reliability.json`, so that a run that
was stopped goes on where it was; a scenario whose code was changed begins anew. What is done so far
goes to `docs/reliability.md`; what was done with other code than there is keeps its row, marked,
and is named. A failure prints the scenario and the seed that repeats it. A count that must
be 0 and is not fails the run, with its scenario.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from ops import stack as local_stack
from ops.stack import StackInfo
from tests.chaos.totals import shortfalls
from tests.faults import shim
from tests.faults.rig import Rig
from tests.soak.pieces import PIECES, Piece
from tests.soak.state import FOLDER, ROOT, Done, State, loaded, merge
from tests.soak.verdict import breaches, said, uncounted

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"
SEED = 9_000
CHANGED = "changed since"


@contextmanager
def own_stack() -> Iterator[StackInfo]:
    """The one before is kept beside it, as evidence of a round that failed."""
    folder, before = FOLDER / "stack", FOLDER / "stack-before"
    FOLDER.mkdir(parents=True, exist_ok=True)
    local_stack.stop(folder)
    shutil.rmtree(before, ignore_errors=True)
    if folder.exists():
        folder.rename(before)
    try:
        yield local_stack.start(folder, ports=local_stack.FREE)
    finally:
        local_stack.stop(folder)


def rounds(state: State, piece: Piece) -> int:
    return state.of(piece.name, piece.about).rounds


def remaining(state: State, only: str = "") -> list[Piece]:
    skipped = () if shim.compiler() else ("wall clock steps",)
    wanted = (p for p in PIECES if only in p.name and p.name not in skipped)
    return [p for p in wanted if rounds(state, p) < p.wanted]


def run_piece(piece: Piece, state: State, stack: StackInfo) -> None:
    done = state.of(piece.name, piece.about)
    more, seed = min(piece.at_once, piece.wanted - done.rounds), SEED + done.rounds
    first, last = done.rounds + 1, done.rounds + more
    print(f"{piece.name}: {first} to {last} of {piece.wanted}, seed {seed}", flush=True)
    begun = time.monotonic()
    rig = Rig(stack.bootstrap_servers, FOLDER / "stack", FOLDER, seed)
    piece.run(rig, more)
    done.rounds, done.seconds = last, done.seconds + time.monotonic() - begun
    merge(done.counts, rig.counts)
    state.done[piece.name] = done
    state.save()
    (FOLDER / f"{rig.prefix}log").unlink(missing_ok=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=9.0, help="stop after about this long")
    parser.add_argument("--only", default="", help="scenarios with this in their name")
    asked = parser.parse_args()
    limit = time.monotonic() + 60 * asked.minutes
    state = loaded()
    with own_stack() as stack:
        while (todo := remaining(state, asked.only)) and time.monotonic() < limit:
            run_piece(todo[0], state, stack)
            write_page(state)
    write_page(state)
    for piece in PIECES:
        if state.outdated(piece.name, piece.about):
            print(f"{piece.name}: {CHANGED} {state.done[piece.name].commit}, out of date")
    return judged(state)


def judged(state: State) -> int:
    """Says how far it came, and what is wrong: the exit code."""
    if broken := breaches(state):
        print(f"must be 0: {'; '.join(broken)}")
        return 1
    if remaining(state):
        done = sum(rounds(state, p) for p in PIECES)
        print(f"{done} of {sum(p.wanted for p in PIECES)} rounds done: run again to go on")
        return 0
    if rare := [*uncounted(state.counts), *shortfalls(state.counts)]:
        print(f"too rare to count as survived: {'; '.join(rare)}")
        return 1
    print(f"all done: {said(state.counts)}: see {PAGE.name}")
    return 0


def write_page(state: State) -> None:
    """Puts the results between the page's markers."""
    text = PAGE.read_text()
    head, tail = text.split(BEGIN)[0], text.split(END)[1]
    PAGE.write_text(f"{head}{BEGIN}\n{results(state)}\n{END}{tail}")


def results(state: State) -> str:
    lines = [
        f"Seeds from {SEED}. Beside each fault how long it took, the commit at which it was run "
        "last, and the digest of the files it is about; "
        f"*{CHANGED}*: they were others when this was written.",
        "",
        "| fault | rounds | minutes | commit | code |",
        "|---|---|---|---|---|",
        *(_row(state, piece) for piece in PIECES),
        "",
        "| counted | |",
        "|---|---|",
        *(f"| {name} | {number:,} |" for name, number in sorted(state.counts.items())),
    ]
    return "\n".join(lines)


def _row(state: State, piece: Piece) -> str:
    done = state.done.get(piece.name) or Done("", "")
    left = f" of {piece.wanted:,}" if done.rounds < piece.wanted else ""
    mark = f", *{CHANGED}*" if state.outdated(piece.name, piece.about) else ""
    took = f"{done.seconds / 60:.0f}" if done.seconds else "-"
    return f"| {piece.name} | {done.rounds:,}{left} | {took} | {done.commit} | {done.code}{mark} |"


if __name__ == "__main__":
    sys.exit(main())
