"""Replays every shard of a log in a process of its own, and prints what was compared.

`python -m tests.faults.rerun SERVERS PREFIX SHARDS`; exit 1 where an epoch differs from its record.
"""

from __future__ import annotations

import sys

from connectors.log.kafka import KafkaLog
from replay.rerun import rerun
from tests.connectors.epochs import toy


def main(servers: str, prefix: str, shards: int) -> int:
    log, code = KafkaLog(servers, prefix), 0
    for number in range(shards):
        verdict = rerun(log, toy.CODEC, toy.shard(number, shards), toy.ToyLogic())
        print(number, verdict.epochs, verdict.records, verdict.outputs, verdict.snapshots)
        code |= not verdict.clean
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
