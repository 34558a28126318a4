"""Archivers in S3, killed, halted or left without answers at random, again and again.

A round is a run that is killed, one that is halted while its successor runs, and one whose S3 does
not answer, in any order, each over more of the log; then one that is left alone. At every moment
each file that is there is one that an undisturbed archiver writes, byte for byte; after a halted
one was woken the audit has no findings; in the end all is equal to an undisturbed archive.
"""

from __future__ import annotations

import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import NamedTuple

from connectors.signing import make_key
from replay.archive.store import FolderStore
from tests.replay.archive.rig import bytes_of
from tests.replay.archive.rivals import ATTEMPTS, PATIENCE_S, findings, run, started
from tests.s3 import S3, Fault, Harm, Proxy, made

ROUNDS = 4  # of the log
REQUESTS = 60  # of the first so many one is struck
HARMS: tuple[Harm, ...] = ("503", "cut", "lost", "half", "silent")
METHODS = ("GET", "HEAD", "PUT", "DELETE")
TIMEOUT_S = 1.0


class Undisturbed(NamedTuple):
    """What archivers that nobody disturbs write: every file that there ever is, and the end."""

    key: Path
    public_pem: bytes
    files: dict[str, bytes]
    wanted: dict[str, bytes]


def undisturbed(folder: Path) -> Undisturbed:
    key, files = folder / "key.pem", dict[str, bytes]()
    make_key(key)
    for rounds in range(1, ROUNDS + 1):
        run(FolderStore(folder / "archive"), rounds, key)
        wanted = bytes_of(folder / "archive")
        files |= {name: data for name, data in wanted.items() if "/dt=" in name}
    return Undisturbed(key, key.with_name("key.pem.pub").read_bytes(), files, wanted)


def survive(proxy: Proxy, known: Undisturbed, folder: Path, rounds: int, seed: int) -> Counter[str]:
    """What was survived how often. Fails at the first difference."""
    counts = Counter[str]()
    for number in range(rounds):
        s3 = made(proxy, folder / f"{number}")
        try:
            counts.update(_Round(s3, known, Random(seed + number)).run())
        except AssertionError as error:
            raise AssertionError(f"seed {seed + number}: {error}") from error
    return counts


class _Round:
    def __init__(self, s3: S3, known: Undisturbed, chance: Random) -> None:
        self._s3, self._known, self._chance = s3, known, chance
        self._counts = Counter[str]()

    def run(self) -> Counter[str]:
        kinds: list[Callable[[int], None]] = [self._killed, self._halted, self._unanswered]
        self._chance.shuffle(kinds)
        for rounds, disturbed in enumerate(kinds, 1):
            disturbed(rounds)
            self._s3.proxy.before = lambda _: None
            self._s3.proxy.faults.clear()
            for name, data in self._s3.objects().items():
                assert "/dt=" not in name or data == self._known.files.get(name), name
        self._end(ROUNDS)
        found = findings(self._s3, self._known.public_pem)
        assert not found, found
        assert self._s3.objects() == self._known.wanted
        return self._counts

    def _end(self, rounds: int) -> None:
        """A run that nobody disturbs."""
        last = started(self._s3, self._known.key, rounds)
        assert last.wait(PATIENCE_S) == 0, last.communicate()[1]

    def _strike(self, blow: Callable[[], object]) -> None:
        """At one of the next requests, in whose midst the archiver then is."""
        left = [self._chance.randrange(REQUESTS)]

        def before(_: str) -> None:
            left[0] -= 1
            if left[0] == -1:
                blow()

        self._s3.proxy.before = before

    def _killed(self, rounds: int) -> None:
        victim = started(self._s3, self._known.key, rounds)
        self._strike(victim.kill)
        died = victim.wait(PATIENCE_S) == -signal.SIGKILL
        self._counts["archiver in S3 killed" if died else "archiver in S3 ended first"] += 1

    def _unanswered(self, rounds: int) -> None:
        """Each answer may be lacking so often that boto3 gives up, or once less."""
        harm, method = self._chance.choice(HARMS), self._chance.choice(METHODS)
        times = self._chance.randrange(1, 2 * ATTEMPTS)
        fault = Fault(harm, method, times=times)
        victim = started(self._s3, self._known.key, rounds, TIMEOUT_S)
        self._strike(lambda: self._s3.proxy.faults.append(fault))
        gave_up, said = victim.wait(PATIENCE_S) != 0, victim.communicate()[1]
        assert not gave_up or said.startswith("ArchiveAway: "), said
        self._counts[f"S3 answers {harm}: {'gave up' if gave_up else 'went on'}"] += 1

    def _halted(self, rounds: int) -> None:
        """Its request arrives after the successor's whole run."""
        woken = halted(self._s3, self._known.key, rounds, self._strike, self._end)
        found = findings(self._s3, self._known.public_pem)
        assert not found, found
        self._counts[f"archiver in S3 halted: {woken}"] += 1


def halted(
    s3: S3,
    key: Path,
    rounds: int,
    strike: Callable[[Callable[[], object]], None],
    successor: Callable[[int], None],
) -> str:
    """An archiver is stopped at a request, its successor sees one round more, and it is woken: how
    it ended. `strike` says at which request it is hit.
    """
    hit, over = threading.Event(), threading.Event()
    victim = started(s3, key, rounds)

    def stop() -> None:
        victim.send_signal(signal.SIGSTOP)
        hit.set()
        over.wait(PATIENCE_S)

    strike(stop)
    while not hit.wait(0.01) and victim.poll() is None:
        pass
    successor(rounds + 1)
    over.set()
    victim.send_signal(signal.SIGCONT)
    code, said = victim.wait(PATIENCE_S), victim.communicate()[1]
    if code == 0:
        return "finished" if hit.is_set() else "ended first"
    # A log in memory stays as short as it was when the archiver began.
    assert said.startswith(("ArchiveConflict: ", "OtherLog: ")), said
    return "gave way"
