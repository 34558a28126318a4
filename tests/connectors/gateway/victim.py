"""A gateway as a process of its own, to be stopped at a named point.

python -m tests.connectors.gateway.victim SERVERS PREFIX URL SOCKET_URL FOLDER POINT SILENT_S
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from connectors.gateway.gateway import open_gateway
from connectors.log.kafka import KafkaLog
from ops.processes.exits import die
from schemas.errors import TapeError
from tests.connectors.gateway.rig import parts

_stopped: list[str] = []


def stop_at(wanted: str, name: str) -> None:
    """Once: two orders of one transaction come to the same point."""
    if name == wanted and not _stopped:
        _stopped.append(name)
        os.kill(os.getpid(), signal.SIGSTOP)


async def main(
    servers: str, prefix: str, url: str, socket_url: str, folder: str, at: str, silent_s: str
) -> None:
    made = parts(KafkaLog(servers, prefix), url, socket_url, Path(folder))
    made = made._replace(abort=die, recv_window_ms=2_000, silent_s=float(silent_s))
    made = made._replace(point=lambda name: stop_at(at, name))
    gateway = open_gateway(made)
    await gateway.run()


if __name__ == "__main__":
    logging.basicConfig(level="INFO")
    logging.getLogger("httpx").setLevel("WARNING")
    try:
        asyncio.run(main(*sys.argv[1:]))
    except TapeError as error:
        die(error.exit_code, str(error))
