"""`run_connector` and `run_clock` as processes of their own, for tests that end them.

python -m tests.connectors.process connector SERVERS PREFIX VENUE LINE URL SYMBOL...
python -m tests.connectors.process clock SERVERS PREFIX
"""

from __future__ import annotations

import logging
import sys

from connectors.clock import run_clock
from connectors.connector import run_connector
from tests.connectors.cluster import local_codec


def main(name: str, servers: str, prefix: str, *rest: str) -> int:
    logging.basicConfig(level="INFO")
    kafka, codec = {"bootstrap.servers": servers}, local_codec()
    if name == "clock":
        return run_clock(kafka=kafka, codec=codec, topic_prefix=prefix)
    venue, line, url, *symbols = rest
    return run_connector(
        venue, line, symbols, kafka=kafka, codec=codec, topic_prefix=prefix, url=url
    )


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
