"""From a tick to its order at the venue, with everything of the example desk running: captures at
their own pace through connectors, market, strategy, risk and gateway to the simulated venue.

A read_committed consumer notes when it sees a request and the decision on it: what lies between is
risk's latency. The order's own way begins at the tick's receipt at our socket and ends with the
time the venue gives it, in whole milliseconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any, Final

from connectors.log.interface import Log
from connectors.log.places import partitions
from ops.bench.latency import percentiles
from ops.bench.samples import Sample, Way
from ops.bench.seeing import scraped
from ops.demo.cast import Cast, environment, settings_of, slice_of
from ops.demo.model import Demo
from ops.demo.play import Player
from ops.demo.waits import drain, wait_ready, watch
from ops.desk.own import with_feeds
from ops.desk.plan import desk
from ops.desk.prepare import prepare
from ops.processes.clients import codec_of, kafka_log
from ops.settings import KafkaSettings, RegistrySettings, Settings
from ops.stack.progress import silent
from ops.supervisor.supervisor import Supervisor
from schemas.codec import Codec
from schemas.events import OrderAccepted, OrderApproved, OrderDenied, OrderRequested

TOPICS: Final = ("oms.order-request.v1", "risk.decision.v1", "oms.order-event.v1")
DECISION: Final = "request to decision"
ORDER: Final = "tick to order at the venue"
WAYS: Final = "ways"
Times = Mapping[str, int]


class OrderTap(threading.Thread):
    """Notes by order, in nanoseconds: when its request and its decision were seen, when its tick
    came, and when the venue took it.
    """

    def __init__(self, log: Log, codec: Codec) -> None:
        super().__init__(daemon=True)
        self._codec = codec
        self._reader = log.reader({tp: log.bounds(tp)[1] for tp in partitions(log, *TOPICS)})
        self.stopping = threading.Event()
        self.requested: dict[str, int] = {}
        self.decided: dict[str, int] = {}
        self.ticked: dict[str, int] = {}
        self.taken: dict[str, int] = {}
        self.kinds: dict[str, str] = {}

    def run(self) -> None:
        while not self.stopping.is_set():
            for messages in self._reader.poll(1_000, 0.05).values():
                now_ns = time.time_ns()
                for message in messages:
                    self.note(self._codec.decode(message.value()), now_ns)
        self._reader.close()

    def note(self, event: Any, now_ns: int) -> None:
        """One event of the trading path, seen now."""
        if isinstance(event, OrderRequested):
            self.requested[event.cl_ord_id] = now_ns
            self.ticked[event.cl_ord_id] = event.ts_recv_ns
            self.kinds[event.cl_ord_id] = f"{event.instrument} {event.side}"
        elif isinstance(event, OrderApproved | OrderDenied):
            self.decided[event.cl_ord_id] = now_ns
        elif isinstance(event, OrderAccepted) and event.ts_event_ns is not None:
            self.taken[event.cl_ord_id] = event.ts_event_ns


def shares(tap: OrderTap, from_ns: int) -> dict[str, dict[str, float]]:
    """Percentiles in milliseconds over orders whose request was seen from `from_ns` on."""
    late = _late(tap, from_ns)
    return {
        DECISION: percentiles(_between(tap.requested, tap.decided, late)),
        ORDER: percentiles(_between(tap.ticked, tap.taken, late)),
    }


def ways(tap: OrderTap, from_ns: int) -> list[Way]:
    """Of each order that came to the venue: instrument and side, when its tick came (from `from_ns`
    on), and how long it took from there.
    """
    begins, ends = tap.ticked, tap.taken
    names = _late(tap, from_ns) & ends.keys()
    return sorted(
        (tap.kinds[name], (begins[name] - from_ns) / 1e6, (ends[name] - begins[name]) / 1e6)
        for name in names
    )


def _late(tap: OrderTap, from_ns: int) -> set[str]:
    return {name for name, at_ns in tap.requested.items() if at_ns >= from_ns}


def _between(begins: Times, ends: Times, names: set[str]) -> list[float]:
    both = sorted(names & begins.keys() & ends.keys())
    return [(ends[name] - begins[name]) / 1e6 for name in both]


def trading(settings: Settings, _: int, arguments: dict[str, Any]) -> Sample:
    """On a running stack, under a prefix and in a folder that are the run's own, where it names
    any. No faults strike. With `spans`, an endpoint, everything is seen: spans are sent there and
    figures asked for; where that is empty, processes show nothing; by default figures alone.
    """
    seconds, warm_s = arguments["seconds"], arguments["warm_s"]
    name, spans = arguments.get("own", ""), arguments.get("spans")
    demo = Demo(seconds + warm_s)
    own = _own(settings, demo, name)
    with Supervisor(own.run_dir, _environment(own, spans), metrics=spans != "") as supervisor:
        cast = Cast(demo, own, supervisor, silent)
        prepare(own, silent)
        with scraped(lambda: addresses(supervisor) if spans else [], settings.monitoring.every_s):
            tap, from_ns = _played(cast, warm_s)
    found = shares(tap, from_ns)
    extra = {**found, WAYS: ways(tap, from_ns)}
    return Sample("trading", int(found[DECISION]["count"]), seconds, extra=extra)


def _own(settings: Settings, demo: Demo, name: str) -> Settings:
    """The demo's desk on this stack. Another run must not meet the state of its venue."""
    found = settings_of(demo, settings.run_dir / name)
    own = {
        "topic_prefix": f"{name}." if name else "",
        "kafka": KafkaSettings(bootstrap_servers=settings.bootstrap_servers()),
        "registry": RegistrySettings(url=settings.registry_url()),
    }
    return found.model_copy(update=own)


def _environment(own: Settings, spans: str | None) -> dict[str, str]:
    said = {
        "TAPE_TOPIC_PREFIX": own.topic_prefix,
        "TAPE_KAFKA__BOOTSTRAP_SERVERS": own.bootstrap_servers(),
        "TAPE_REGISTRY__URL": own.registry_url(),
    }
    if spans:
        said["TAPE_TRACES__ENDPOINT"] = spans
    return {**environment(own), **said}


def addresses(supervisor: Supervisor) -> list[str]:
    """Where its processes show their figures."""
    return [one.metrics for one in supervisor.standings() if one.metrics]


def _played(cast: Cast, warm_s: float) -> tuple[OrderTap, int]:
    """The slice from its first frame to the last process's end; when counting begins."""
    log, codec = kafka_log(cast.settings), codec_of(cast.settings)
    frames, options = slice_of(cast)
    tap = OrderTap(log, codec)
    tap.start()
    with Player(frames, options) as player:
        cast.desk.add(*desk(with_feeds(cast.settings, player.urls)))
        wait_ready(cast, log, codec)
        player.release()
        from_ns = time.time_ns() + int(warm_s * 1e9)
        watch(player, cast, len(frames), None)
        drain(log, cast)
    tap.stopping.set()
    tap.join()
    cast.desk.stop()
    log.close()
    return tap, from_ns
