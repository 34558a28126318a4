"""One measurement in a process of its own: `python -m ops.bench.work NAME EVENTS ARGUMENTS`.

Settings come from the environment. Prints the sample as its last line, in JSON. Each measurement
is the function of its name; only its own module is loaded, so that what others need neither takes
its time nor counts as its memory.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final

from ops.bench.samples import Sample
from ops.settings import Settings, load

Work = Callable[[Settings, int, dict[str, Any]], Sample]

MODULES: Final = {
    **dict.fromkeys(("messages", "messages_tuned", "columns", "strategy"), "works"),
    **dict.fromkeys(("market", "json_loads", "fill_trades", "fill_frames"), "works"),
    **dict.fromkeys(("archive", "replay_log", "replay_archive"), "archive"),
    **dict.fromkeys(("fill_archive", "sql_bars", "sql_by_hand"), "sql"),
    **dict.fromkeys(("fill_ticks", "fill_rows", "backtest_orders"), "backtesting"),
    **{name: name for name in ("latency", "risk", "trading", "venue", "verify")},
}


def measure(name: str, events: str, arguments: str) -> None:
    work: Work = getattr(import_module(f"ops.bench.{MODULES[name]}"), name)
    sample = work(load(), int(events), json.loads(arguments))
    print(json.dumps(sample.to_json()), flush=True)


def main() -> None:
    try:
        measure(*sys.argv[1:])
    except Exception:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)  # a library's complaints about an early end would hide the error


if __name__ == "__main__":
    main()
