"""The faults of the crash law against real processes and a real broker.

Each scenario harms victims while a feeder writes, lets the shard finish, and has the oracle judge
every output. `make test` runs a few rounds of each, `make soak` the full counts.
"""

from __future__ import annotations

import signal
import time

from confluent_kafka import Producer

from connectors.epochs.points import POINTS
from connectors.log.interface import Tp
from ops import stack as local_stack
from schemas.events import EpochCommitted
from tests.connectors.epochs import toy
from tests.faults import cluster
from tests.faults.nursery import Victim, wait_for
from tests.faults.oracle import examine
from tests.faults.proxy import Harm, Proxy
from tests.faults.rig import Rig, trades

ONCE = {"before-fence", "fenced", "history-read", "opening-sent", "opened"}
ZOMBIE_POINTS = tuple(name for name in POINTS if name != "before-fence")
RESTART = {2, 71, 72}  # what a supervisor restarts after
STOP_S_MAX = 10.0
TORN_RECORDS_MAX = 100
INVALID_PRODUCER_EPOCH = 47
SKIPPED_MARKER = "find leader endpoint for partitions"  # see ops/stack/fencing.py


def random_kills(rig: Rig, kills: int) -> None:
    """SIGKILL at random moments: while opening, re-running, live, between."""
    with rig.feeding():
        for _ in range(kills):
            victim = rig.victim()
            time.sleep(rig.chance.uniform(0.02, 0.9))
            assert victim.lives(), victim.said()
            victim.kill()
            rig.counts["kills"] += 1
    rig.finish()


def kills_at_named_points(rig: Rig, rounds: int) -> None:
    """SIGKILL by the victim itself, at each named point of the protocol."""
    with rig.feeding():
        for _ in range(rounds):
            for name in POINTS:
                occasion = 0 if name in ONCE else rig.chance.randrange(6)
                victim = rig.victim(crash_at=f"{name}:{occasion}")
                assert victim.wait() == -signal.SIGKILL, (name, victim.said())
                rig.counts[f"kills at {name}"] += 1
    rig.finish()


def zombies(rig: Rig, count: int) -> None:
    """SIGSTOP; a successor takes over and commits; SIGCONT: the zombie writes nothing, exit 70."""
    with rig.feeding():
        for number in range(count):
            name = ZOMBIE_POINTS[number % len(ZOMBIE_POINTS)]
            occasion = 0 if name in ONCE else rig.chance.randrange(4)
            zombie = rig.victim(stop_at=f"{name}:{occasion}")
            wait_for(zombie.stopped, f"the zombie at {name}: {zombie.said()}")
            successor = rig.victim()
            rig.wait_for_epochs(4)
            zombie.send(signal.SIGCONT)
            code = zombie.wait()
            assert code == 70, (name, code, zombie.said())
            assert successor.lives(), successor.said()
            rig.wait_for_epochs(1)
            successor.kill()
            rig.counts["zombies"] += 1
    rig.finish()


def sleeper_without_successor(rig: Rig) -> None:
    """Halted in an open transaction for longer than its time-out, with nobody taking over: exit
    71, to be restarted, not 70.
    """
    with rig.feeding():
        sleeper = rig.victim(stop_at="outputs-sent:3", options={"transaction.timeout.ms": 1_000})
        wait_for(sleeper.stopped, "the sleeper")
        time.sleep(4)  # the broker aborts it: time-out, and a look every second
        sleeper.send(signal.SIGCONT)
        code = sleeper.wait()
        assert code == 71, (code, sleeper.said())
    rig.finish()


def broker_kills(rig: Rig, count: int) -> None:
    """The broker is killed and restarted while victim and feeder run; a supervisor restarts what
    ends.
    """
    with rig.feeding(200):
        victim = rig.victim()
        for _ in range(count):
            rig.wait_for_epochs(3)
            time.sleep(rig.chance.uniform(0.0, 0.5))
            local_stack.kill_broker(rig.folder)
            time.sleep(rig.chance.uniform(0.0, 1.0))
            local_stack.restart_broker(rig.folder)
            said = (rig.folder / "kafka" / "kafka.log").read_text(errors="replace")
            assert SKIPPED_MARKER not in said, "the broker left out transaction markers"
            victim = revived(rig, victim)
            rig.counts["broker kills"] += 1
        victim.kill()
    rig.finish()


def revived(rig: Rig, victim: Victim) -> Victim:
    """The victim once it commits again, restarted as often as its exits ask for."""
    end, limit = rig.epochs_end(), time.monotonic() + 60
    while rig.epochs_end() < end + 4:
        if not victim.lives():
            code = victim.wait()
            assert code in RESTART, (code, victim.said())
            rig.counts[f"exits {code}"] += 1
            victim = rig.victim()
        assert time.monotonic() < limit, victim.said()
        time.sleep(0.02)
    return victim


def hanging_transaction(rig: Rig) -> None:
    """Another shard's transaction hangs over outputs and its own epochs while a shard is killed
    and restarted: the restart does not wait for it.
    """
    with rig.feeding():
        for number in range(2):
            first = rig.victim(number=number, shards=2)
            wait_for(lambda n=number: rig.epochs_end(n) > 4, "first epochs")  # type: ignore[misc]
            first.kill()
        options = {"bootstrap.servers": rig.servers, "transaction.timeout.ms": 60_000}
        stuck = Producer({**options, "transactional.id": f"{rig.prefix}toy-1", "log_level": 0})
        stuck.init_transactions(30)
        stuck.begin_transaction()
        for partition in range(4):
            stuck.produce(rig.prefix + toy.TARGETS, b"half", b"", partition)
        stuck.produce(rig.prefix + "toy.epochs.v1", b"half", b"", 1)
        assert stuck.flush(10) == 0
        begun = time.monotonic()
        victim = rig.victim(shards=2)
        rig.wait_for_epochs(5)
        rig.counts["restart ms beside a hanging transaction"] += round(
            1000 * (time.monotonic() - begun)
        )
        victim.kill()
        stuck.abort_transaction(10)
    rig.finish(shards=2)


def stops(rig: Rig, count: int) -> None:
    """SIGTERM or SIGINT: a last epoch, a snapshot, exit 0 within 10 s."""
    with rig.feeding():
        for number in range(count):
            victim = rig.victim()
            rig.wait_for_epochs(2)
            begun = time.monotonic()
            victim.send(signal.SIGINT if number % 2 else signal.SIGTERM)
            code = victim.wait(STOP_S_MAX)
            assert code == 0, (code, victim.said())
            took_ms = round(1000 * (time.monotonic() - begun))
            rig.counts["slowest stop ms"] = max(rig.counts["slowest stop ms"], took_ms)
            rig.counts["stops"] += 1
            newest = last_epoch(rig)
            assert (newest.reason, newest.snapshot_taken) == ("STOP", True)
    rig.finish()


def last_epoch(rig: Rig) -> EpochCommitted:
    tp = Tp("toy.epochs.v1", 0)
    end = rig.log.bounds(tp)[1]
    events = [toy.CODEC.decode(m.value()) for m in rig.log.read(tp, max(0, end - 50), end, 10)]
    return next(e for e in reversed(events) if isinstance(e, EpochCommitted))


def harmed_end_txn(rig: Rig, harm: Harm, trusting: bool = False, **bounds: int) -> Proxy:
    """A victim behind a proxy that harms one EndTxn. Ends when the victim did; the log is not yet
    judged.
    """
    port = int(rig.servers.rpartition(":")[2])
    proxy = Proxy(port, harm, target=rig.chance.randrange(2, 6))
    with rig.feeding():
        victim = rig.victim(servers=proxy.address, trusting=trusting, **bounds)
        code = victim.wait()
        rig.counts[f"{harm}: exits {code}"] += 1
        assert code == (71 if trusting else 72), (code, victim.said())
        if not trusting:
            behind = rig.victim(servers=proxy.address)  # its first Produce lets the late one go
            rig.wait_for_epochs(4)
            behind.kill()
    proxy.close()
    return proxy


def end_txn(rig: Rig, count: int) -> None:
    """A lost answer and a late request, in turns; exit 72 and nothing torn."""
    for number in range(count):
        harm: Harm = "late request" if number % 2 else "lost answer"
        proxy = harmed_end_txn(rig, harm)
        refused = [INVALID_PRODUCER_EPOCH] if harm == "late request" else []
        assert proxy.late_answers == refused, proxy.late_answers
    rig.finish()


def end_txn_without_the_exit_rule(rig: Rig) -> int:
    """The same late request, but the victim trusts a commit that took long: the late EndTxn commits
    half of the next transaction. Gives the number of outputs that are there twice, or missing,
    depending on which half.
    """
    # From a backlog every epoch has outputs for every partition: one Produce is never all of it.
    backlog = 10 * TORN_RECORDS_MAX
    begin_ms = time.time_ns() // 1_000_000 - backlog
    cluster.write(rig.servers, rig.prefix, trades(backlog, begin_ms))
    bounds = {"records_max": TORN_RECORDS_MAX}
    proxy = harmed_end_txn(rig, "late request", trusting=True, **bounds)
    assert proxy.late_answers == [0], "the broker takes it"
    assert rig.victim(finish=True).wait() == 0
    report = examine(rig.log)
    return report.duplicated + report.lost
