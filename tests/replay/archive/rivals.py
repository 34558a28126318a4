"""An archiver in S3 as a process of its own: `python -m tests.replay.archive.rivals KEY ROUNDS`.

It archives the log as it is after so many rounds, and signs, as `tape archive` does. What it cannot
do is one line and exit code 1. The archive is that of the environment. With a third argument it is
in a hurry: it asks seldom, and waits that many seconds for each answer.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

from ops.settings import ROOT
from replay.archive import days
from replay.archive.options import of_environment
from replay.archive.run import archive
from replay.archive.s3 import S3Store
from replay.archive.store import Store
from replay.verify.audit import verify
from replay.verify.signature import sign_days
from schemas.errors import TapeError
from tests.connectors.epochs import toy
from tests.nursery import Command
from tests.replay.archive.crash import log_after
from tests.replay.archive.rig import TOPICS
from tests.s3 import S3

ATTEMPTS = 3  # of one in a hurry
PATIENCE_S = 60.0


def run(store: Store, rounds: int, key: Path) -> None:
    """One run of an archiver that sees so much of the log. Raises `TapeError`."""
    archive(log_after(rounds), toy.CODEC, store, TOPICS)
    sign_days(store, key.read_bytes())


def started(s3: S3, key: Path, rounds: int, timeout_s: float | None = None) -> Command:
    """The same as a process; its local copies are its own."""
    s3.folder.mkdir(exist_ok=True)
    hurry = () if timeout_s is None else (str(timeout_s),)
    environment = {**os.environ, **s3.settings()}
    arguments = (str(key), str(rounds), *hurry)
    return Command(arguments, environment, ROOT, s3.folder, "tests.replay.archive.rivals")


def findings(s3: S3, public_pem: bytes) -> list[str]:
    """What an audit of every closed day finds."""
    store = s3.store()
    audits = [verify(store, toy.CODEC.catalog, d, public_pem) for d in days.days(store)[:-1]]
    return [str(finding) for audit in audits for finding in audit.findings]


def main() -> None:
    key, rounds, *hurry = sys.argv[1:]
    options = of_environment(os.environ)
    if hurry:
        options = replace(options, attempts=ATTEMPTS, timeout_s=float(hurry[0]))
    try:
        run(S3Store(os.environ["TAPE_ARCHIVE__ROOT"], options), int(rounds), Path(key))
    except TapeError as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
