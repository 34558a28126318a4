"""What a demo waits for, watching that every process goes on."""

from __future__ import annotations

import time

from connectors.log.interface import Tp
from connectors.log.kafka import KafkaLog
from connectors.log.places import partitions
from ops.demo.books import read_all, still_open
from ops.demo.cast import Cast
from ops.demo.faults import Schedule
from ops.demo.play import Player
from ops.processes.catalog import pipeline
from ops.settings import Settings
from ops.stack.processes import wait_for
from ops.supervisor.supervisor import ProcessFailed
from schemas.codec import Codec
from schemas.events import GatewayReady

CLOCK = "ops.clock.v1"
DRAIN_S = 120.0
CLEAR_S = 30.0
LOOK_S = 0.2
START_S = 90.0
EVENTS, BREAKS = "oms.order-event.v1", "recon.break.v1"


def watch(player: Player, cast: Cast, total: int, schedule: Schedule | None) -> float:
    """Seconds from the first frame served to the last."""
    began: float | None = None
    while not player.finished:
        cast.desk.check()
        if began is None and player.played:
            began = time.monotonic()
        if schedule is not None and began is not None:
            schedule.step((time.monotonic() - began) / cast.demo.seconds)
        cast.report("play the captures", min(player.played, total - 1), total)
        time.sleep(0.1)
    cast.report("play the captures", total, total)
    return time.monotonic() - (began or time.monotonic() - 0.1)


def wait_ready(cast: Cast, log: KafkaLog, codec: Codec) -> None:
    """Until every pipeline has opened its shard and the gateway may send: a slice that began before
    would be old news by the time it is read.
    """
    total = len(cast.played) + cast.demo.trades

    def ready() -> bool:
        time.sleep(LOOK_S)  # whoever looks takes time from those who start
        cast.desk.check()
        opened = sum(log.bounds(Tp(f"{name}.epochs.v1", 0))[1] > 0 for name in cast.played)
        sends = cast.demo.trades and any(
            isinstance(event, GatewayReady) for event in read_all(log, codec, EVENTS)
        )
        cast.report("start the desk", opened + sends, total)
        return opened + sends == total

    if not wait_for(ready, START_S):
        raise ProcessFailed(
            f"the desk was not ready within {START_S:.0f} s: see {cast.desk.folder}"
        )


def settle(cast: Cast, log: KafkaLog, codec: Codec) -> None:
    """Waits until every break is cleared, as far as that takes less than `CLEAR_S`: what is left is
    a finding.
    """

    def cleared() -> bool:
        time.sleep(LOOK_S)
        return not still_open(read_all(log, codec, BREAKS))

    wait_for(cleared, CLEAR_S)


def drain(log: KafkaLog, cast: Cast) -> float:
    """Waits until every pipeline that runs has committed all its input; seconds it took."""
    began, most = time.monotonic(), 1
    running = {one.name for one in cast.desk.standings()}
    inputs = {n: tps_of(log, n, cast.settings) for n in cast.played if n in running}
    while left := sum(lag(log, name, tps) for name, tps in inputs.items()):
        cast.desk.check()
        most = max(most, left)
        cast.report("finish the backlog", most - left, most)
        if time.monotonic() - began > DRAIN_S:
            raise ProcessFailed(f"{left} records are still unread after {DRAIN_S:.0f} s")
        time.sleep(0.1)
    cast.report("finish the backlog", most, most)
    return time.monotonic() - began


def tps_of(log: KafkaLog, name: str, settings: Settings) -> list[Tp]:
    """A pipeline's input partitions, the clock's left out: it never stands still."""
    topics = [t.topic for t in pipeline(name, settings).logic.inputs if t.topic != CLOCK]
    return partitions(log, *topics)


def lag(log: KafkaLog, name: str, tps: list[Tp]) -> int:
    """What kafka-consumer-groups would show for a pipeline's group."""
    offsets = log.group_offsets(f"tape.{name}", tps)
    return sum(max(0, log.bounds(tp)[1] - offsets.get(tp, 0)) for tp in tps)
