"""What the processes of a test run need, imported once: `tests.nursery` forks them from a process
that holds it. Nothing here may start a thread or read a setting.
"""

from __future__ import annotations

import gc

import ops.bench.archive
import ops.bench.risk
import ops.bench.sql
import ops.cli
import ops.processes.flatten
import ops.processes.gateway
import ops.processes.replaying
import ops.processes.run
import ops.processes.snapshot
import ops.processes.venue_watch
import tests.faults.victim
import tests.replay.archive.rivals
from connectors import clock, connector, control, gateway
from ops import alive
from replay import orders, tail

__all__ = ["alive", "clock", "connector", "control", "gateway", "ops", "orders", "tail", "tests"]

gc.freeze()  # a fork that looked through all this would copy it
