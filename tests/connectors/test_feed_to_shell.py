"""The shell against the feed with faults, all at once.

1. The feed plays 2,000 numbered frames with seeded faults to a connector that reconnects.
2. For each connection, the faults are drawn again from seed and connection number: an oracle of
   what the feed tried to send, from the frame at which the connection joined.
3. What the sink got on that connection must be exactly a beginning of that: nothing twice, nothing
   missing, nothing changed. (A cut connection loses what was under way, hence a beginning.)
"""

from __future__ import annotations

import pytest

from connectors.feed.capture import Frame
from connectors.feed.faults import Act, FaultPlan, Faults
from connectors.feed.server import FeedServer, Options
from connectors.venues.state import State
from tests.connectors.asynchronous import run, until
from tests.connectors.venues.rig import ACK, KeepingSink, connected, data, protocol

COUNT = 2000
SEED = 1
NOISE = Faults(loss=0.02, delay=0.005, duplication=0.02, garbage=0.02, delay_s=0.01)
NUMBERS = {data(at): at for at in range(COUNT)}
FRAMES = [Frame(at * 1_000_000, "BINANCE", ("btcusdt@trade",), data(at)) for at in range(COUNT)]


def tried(faults: Faults, connection: int, start: int) -> list[bytes]:
    """What a connection that joins at frame `start` is sent, until it is cut or falls silent."""
    plan, sent = FaultPlan(faults, SEED, connection), list[bytes]()
    for frame in FRAMES[start:]:
        for step in plan.steps(frame.payload):
            if step.act in (Act.DISCONNECT, Act.SILENCE):
                return sent
            if step.act is Act.SEND:
                sent.append(step.payload)
    return sent


def starts(got: list[bytes]) -> range:
    """Where the connection may have joined: not after its first frame, nor long before."""
    first = next((NUMBERS[payload] for payload in got if payload in NUMBERS), COUNT)
    return range(max(0, first - 20), first + 1)


@pytest.mark.parametrize(
    ("faults", "states"),
    [
        pytest.param(NOISE._replace(disconnect=0.004), {State.BACKING_OFF}, id="cuts"),
        pytest.param(NOISE._replace(silence=0.003), {State.STALE, State.BACKING_OFF}, id="silence"),
        pytest.param(
            NOISE._replace(disconnect=0.002, silence=0.002), {State.BACKING_OFF}, id="everything"
        ),
    ],
)
def test_every_frame_received_is_written_once(faults: Faults, states: set[State]) -> None:
    async def main() -> None:
        sink = KeepingSink()
        options = Options(speed=2.0, settle_s=0.02, faults=faults, seed=SEED)
        async with (
            FeedServer(FRAMES, options) as feed,
            connected(feed.url("BINANCE"), sink, protocol(stale_s=0.1)) as connector,
        ):
            await until(feed.finished.is_set)
            status = connector.shells[0].statuses[0]
            history, last = status.history, status.state
        assert states | {State.CONNECTING, State.SUBSCRIBING, State.LIVE} <= set(history)
        ids = [closed.connection for closed in sink.closed]
        # Told to stop amid a handshake, the connector may never have had what the feed had opened.
        unmet = feed.status()["connections"] - len(ids)
        assert unmet in ((0, 1) if last is State.CONNECTING else (0,))
        assert len(ids) >= 3
        assert {frame.connection for frame in sink.frames} <= set(ids)
        assert {closed.reason for closed in sink.closed} <= {"VENUE_CLOSED", "STALE", "STOPPED"}
        for number, closed in enumerate(sink.closed, start=1):
            got = sink.payloads(closed.connection)
            oracles = [tried(faults, number, start) for start in starts(got)]
            whole = closed.reason == "STALE" and not faults.disconnect
            assert not got or any(
                got == (oracle if whole else oracle[: len(got)]) for oracle in oracles
            ), (number, closed.reason, got)
        assert len(sink.payloads()) > COUNT / 4
        assert sum(frame.payload == ACK for frame in sink.frames) >= len(sink.opened)

    run(main())
