"""Random harm to an archive, again and again: found every time, at its place, by both audits."""

from __future__ import annotations

from collections import Counter
from random import Random

from replay.verify.audit import verify
from replay.verify.findings import Audit
from tests.connectors.epochs.toy import CODEC
from tests.replay.verify import independent
from tests.replay.verify.harm import Harm, harmed
from tests.replay.verify.shelf import DAYS, Shelf

DAY = DAYS[1]


def audited(shelf: Shelf, day: str = DAY) -> Audit:
    return verify(shelf.store, CODEC.catalog, day, shelf.public_pem)


def named(audit: Audit, harm: Harm) -> bool:
    """Whether a finding names the place."""
    offsets = {f.offset for f in audit.findings if f.file in harm.files}
    if harm.offset is not None and harm.offset not in offsets:
        return False
    return any(file in str(finding) for finding in audit.findings for file in harm.files)


def survive(shelf: Shelf, rounds: int, seed: int) -> Counter[str]:
    """How many harms of each kind were found. Fails at the first that was not."""
    random, counts = Random(seed), Counter[str]()
    for number in range(rounds):
        with harmed(shelf, DAY, random) as harm:
            audit = audited(shelf)
            said = f"seed {seed}, round {number}: {harm}: {[str(f) for f in audit.findings]}"
            assert not audit.clean, said
            assert named(audit, harm), said
            assert not independent.verdict(shelf.root, DAY, shelf.public_pem), said
            counts[f"archive harmed: {harm.kind}"] += 1
    return counts
