"""The demo from an empty log to the replay's verdict. Nothing it starts outlives it; nothing of
the user's is touched.

The broker is started first of all: what the stage works with is loaded while that takes its time.
"""

from __future__ import annotations

import logging
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# Here, for the stack's thread loads it too, and two must not do so at once.
import confluent_kafka.admin  # noqa: F401

from ops import stack
from ops.demo.model import Demo
from ops.stack.progress import Report
from ops.supervisor.leftovers import kill_leftovers


def run_demo(demo: Demo, run_dir: Path, report: Report) -> dict[str, Any]:
    """The summary. Raises `TapeError`. `clean` in the summary: the replay found no difference, and
    what was traded is what the venue remembers, and every fault struck.
    """
    logging.getLogger("tape.feed").setLevel(logging.WARNING)  # the bars say how far it is
    began = time.monotonic()
    kill_leftovers(run_dir)
    stack.stop(run_dir)
    shutil.rmtree(run_dir, ignore_errors=True)
    try:
        with ThreadPoolExecutor(1) as pool:
            starting = pool.submit(
                stack.start, run_dir, ports=stack.FREE, report=report, learn=True
            )
            from ops.demo.stage import on_stage  # every pipeline with it

            starting.result()
        summary = on_stage(demo, run_dir, report)
    finally:
        report("stop the broker", 0, None)
        stack.stop(run_dir)
    return {**summary, "seconds_total": round(time.monotonic() - began, 1)}
