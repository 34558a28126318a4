"""One measurement in a process of its own: `python -m ops.bench.work NAME EVENTS ARGUMENTS`.

Settings come from the environment. Prints the sample as its last line, in JSON.
"""

from __future__ import annotations

import json
import os
import sys
import traceback

from ops.bench.archive import ARCHIVE
from ops.bench.latency import LATENCY
from ops.bench.risk import RISK
from ops.bench.sql import SQL
from ops.bench.trading import TRADING
from ops.bench.venue import VENUE
from ops.bench.verify import VERIFY
from ops.bench.works import WORKS
from ops.settings import load


def main(name: str, events: str, arguments: str) -> None:
    more = {**ARCHIVE, **SQL, **VERIFY}
    work = {**WORKS, **LATENCY, **RISK, **TRADING, **VENUE, **more}[name]
    sample = work(load(), int(events), json.loads(arguments))
    print(json.dumps(sample.to_json()), flush=True)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # a library's complaints about an early end would hide the error
