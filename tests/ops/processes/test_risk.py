"""Risk as its users start it, on the real broker.

1. A desk is made once: limits by command, a clock tick, a gateway, money, a mark and four requests;
   `tape run risk` answers them and stops.
2. Each test asks one thing of it: the answers, their signatures, the replay, other limits.

Risk signs in as its own principal, whom the access rules let write decisions.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from confluent_kafka import Producer

from connectors.control import ControlWriter, log_identity
from connectors.log.interface import Message
from connectors.log.places import place_of, read_whole
from connectors.signing import Scope, Verifier
from ops.desk.prepare import desk_file
from ops.limits import load_limits
from ops.processes.limits import change_limits, newest_limits
from ops.settings import load
from ops.stack import StackInfo
from schemas.events import ClockTick, MarkPublished, TransferAnnounced
from tests.guarded import PASSWORD, Guarded
from tests.ops.processes.desk import Desk
from tests.pipelines.orders.events import event
from tests.pipelines.risk.rig import INSTRUMENT, VENUE, request

ACCOUNT, STRATEGY = "sim-1", "ema"
REQUESTS, EVENTS = "oms.order-request.v1", "oms.order-event.v1"
INPUTS = ("ops.control.v1", "ops.clock.v1", "md.mark.v1", EVENTS, REQUESTS)
VISIBLE_S = 2.0  # after risk ended everybody may see it; tests/ops/test_alive.py has the rule
LIMITS = desk_file("limits.yaml").read_text()
WHO = ("--person", "ada", "--reason", "first limits")


class Scribe:
    """Writes records as the processes beside risk would."""

    def __init__(self, desk: Desk, stack: StackInfo) -> None:
        self._desk = desk
        self._producer = Producer({"bootstrap.servers": stack.bootstrap_servers})

    def write(self, topic: str, item: Any, key: str = ACCOUNT) -> None:
        raw = key.encode()
        partition = place_of(self._desk.log, topic, raw).partition
        value = self._desk.codec.encode(item)
        self._producer.produce(self._desk.prefix + topic, value, raw, partition)
        assert self._producer.flush(10) == 0


def play(desk: Desk, stack: StackInfo) -> None:
    """Two requests that may pass, one far from the mark, one larger than the position allows."""
    scribe, now_ns, px = Scribe(desk, stack), time.time_ns(), Decimal(100)
    money = TransferAnnounced("t", ACCOUNT, VENUE, "USDT", Decimal(10_000), "ada", "", "", now_ns)
    scribe.write("ops.control.v1", money, "desk")
    scribe.write(EVENTS, event("GatewayReady"))
    scribe.write("ops.clock.v1", ClockTick(now_ns), "")
    mark = MarkPublished(VENUE, INSTRUMENT, px, px, px, None, now_ns)
    scribe.write("md.mark.v1", mark, INSTRUMENT)
    for number, (qty, price) in enumerate([("0.5", "100"), ("0.25", "99.5"), ("0.1", "150")]):
        order = request(f"o{number}", "BUY", qty, price)
        scribe.write(REQUESTS, order._replace(ts_recv_ns=now_ns))
    scribe.write(REQUESTS, request("o3", "BUY", "1", "100"))


@pytest.fixture(scope="module")
def desk(
    stack: StackInfo, guarded: Guarded, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Desk]:
    made = Desk(stack, f"t{uuid.uuid4().hex[:8]}.", tmp_path_factory.mktemp("risk"))
    assert made.tape("acls", "apply").code == 0
    try:
        (made.folder / "limits.yaml").write_text(LIMITS)
        set_limits = made.tape("limits", "set", "limits.yaml", *WHO)
        assert set_limits.code == 0, set_limits.err
        play(made, stack)
        own = guarded.environment("risk")
        made.run_until_drained("risk", "--from", "earliest", inputs=INPUTS, **own)
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def _tidy(desk: Desk) -> Iterator[None]:
    yield
    desk.tidy()


def answers(desk: Desk) -> list[Message]:
    return read_whole(desk.log, "risk.decision.v1", 10)


def test_each_request_has_its_answer(desk: Desk) -> None:
    events = [desk.codec.decode(message.value()) for message in answers(desk)]
    said = {e.cl_ord_id: getattr(e, "reason", "APPROVED") for e in events}
    assert said == {
        "o0": "APPROVED",
        "o1": "APPROVED",
        "o2": "PRICE_COLLAR",
        "o3": "POSITION_ABOVE_MAX",
    }


def test_risk_needs_its_own_principal(desk: Desk, guarded: Guarded) -> None:
    refused = desk.ended(desk.start("run", "risk", more=guarded.environment("strategy")))
    assert refused.code == 2
    [line] = [line for line in refused.err.splitlines() if line.startswith("tape: ")]
    assert "tape acls diff" in line
    assert "Traceback" not in refused.err
    assert PASSWORD not in refused.err
    assert desk.tape("acls", "diff").out == "access: no difference\n"


def test_risk_that_was_stopped_is_seen_to_be_silent_after_2_s(desk: Desk) -> None:
    """It runs no more: a look that begins `VISIBLE_S` from now is the first that must show it. How
    long the look takes is the machine's.
    """
    time.sleep(VISIBLE_S)
    found = desk.tape("alive", "--output", "json")
    assert found.code == 1
    [risk] = [one for one in json.loads(found.out) if one["process"] == "risk"]
    assert not risk["alive"], risk
    assert risk["age_ms"] >= VISIBLE_S * 1_000
    assert "SILENT" in desk.tape("alive").out


def test_every_decision_is_signed_for_this_log(desk: Desk) -> None:
    identity = log_identity(desk.log, desk.codec)
    assert identity is not None
    public = desk.folder / "run" / "risk-signing-key.pem.pub"
    by = Verifier([public.read_bytes()], Scope("simulation", identity.log_id))
    for message in answers(desk):
        what = (message.key() or b"", message.value())
        assert by.holds("risk.decision.v1", *what, message.headers() or [])
        assert not by.holds("risk.decision.v1", b"sim-2", what[1], message.headers() or [])


def test_replay_finds_no_difference_and_needs_no_key(desk: Desk) -> None:
    variables = {"TAPE_RISK__SIGNING_KEY": "env:NOT_THERE", "TAPE_SHARDS": "3"}
    found = desk.tape("replay", "risk", **variables)
    assert (found.code, "0 differences" in found.out) == (0, True), found


def test_other_limits_show_what_they_would_have_decided(desk: Desk) -> None:
    other = LIMITS.replace("PRICE_COLLAR_BPS: 100", "PRICE_COLLAR_BPS: 6000")
    other = other.replace("ORDER_NOTIONAL_MAX: 5000", "ORDER_NOTIONAL_MAX: 40")
    (desk.folder / "other.yaml").write_text(other)
    found = desk.tape("replay", "risk", "--limits", "other.yaml", "--output", "json")
    assert found.code == 1, found.err
    verdict = json.loads(found.out)
    changed = {c["cl_ord_id"]: (c["recorded"], c["now"]) for c in verdict["changed"]}
    assert changed == {
        "o0": ("APPROVED", "NOTIONAL_ABOVE_MAX"),
        "o2": ("PRICE_COLLAR", "APPROVED"),
        "o3": ("POSITION_ABOVE_MAX", "NOTIONAL_ABOVE_MAX"),
    }
    assert verdict["requests"] == 4


def test_the_same_limits_change_nothing(desk: Desk) -> None:
    found = desk.tape("replay", "risk", "--limits", "limits.yaml")
    assert found.code == 0, found.err
    assert "4 requests" in found.out
    assert desk.tape("replay", "risk", "--limits", "nosuch.yaml").code == 2
    assert desk.tape("replay", "market", "--limits", "limits.yaml").code == 2


def test_limits_are_shown_with_their_offset(desk: Desk) -> None:
    shown = desk.tape("limits", "show")
    assert shown.code == 0, shown.err
    assert "limits 1, in USDT, from offset 1" in shown.out
    assert "POSITION_QTY_MAX" in shown.out


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        pytest.param(["limits", "set", "none.yaml", *WHO], {}, "none.yaml", id="no file"),
        pytest.param(
            ["limits", "set", "limits.yaml", "--person", " ", "--reason", "x"],
            {},
            "person",
            id="nobody",
        ),
        pytest.param(
            ["run", "risk"],
            {"TAPE_RISK__SIGNING_KEY": "env:NOT_THERE"},
            "NOT_THERE",
            id="dangling key",
        ),
        pytest.param(
            ["run", "risk"], {"TAPE_RISK__SIGNING_KEY": "canary"}, "by reference", id="a bare key"
        ),
        pytest.param(["run", "risk"], {"TAPE_ENVIRONMENT": "live"}, "simulation", id="other log"),
    ],
)
def test_what_is_wrong_is_one_line(
    desk: Desk, arguments: list[str], variables: dict[str, str], said: str
) -> None:
    refused = desk.tape(*arguments, **variables)
    assert refused.code == 2
    lines = [line for line in refused.err.splitlines() if line.startswith("tape: ")]
    assert len(lines) == 1, refused.err
    assert said in lines[0]
    assert "Traceback" not in refused.err
    assert "canary" not in refused.err


def test_a_restart_remembers_what_was_approved(desk: Desk, stack: StackInfo) -> None:
    before = len(answers(desk))
    order = request("o0", "BUY", "0.5", "100")
    Scribe(desk, stack).write(REQUESTS, order)
    desk.run_until_drained("risk", inputs=INPUTS, TAPE_SHARDS="3")
    found = [desk.codec.decode(message.value()) for message in answers(desk)]
    assert len(found) == before + 1
    assert found[-1].reason == "ORDER_ID_REPEATED"
    assert desk.tape("replay", "risk").code == 0


def test_limits_written_meanwhile_by_another_are_not_replaced(desk: Desk) -> None:
    """The one whose version lies first counts; the other is told, and may look again."""
    settings = load(
        run_dir=desk.folder / "run",
        topic_prefix=desk.prefix,
        kafka={"bootstrap_servers": desk.environment["TAPE_KAFKA__BOOTSTRAP_SERVERS"]},
        registry={"url": desk.environment["TAPE_REGISTRY__URL"]},
    )
    writer = ControlWriter(settings.kafka_options(), desk.codec, desk.prefix)
    bob = load_limits(desk.folder / "limits.yaml", 2, "bob", "first", 0)
    writer.write(bob, "desk")
    writer.write(bob._replace(person="eve"), "desk")
    assert newest_limits(settings).event.person == "bob"
    changed = change_limits(desk.folder / "limits.yaml", "ada", "after bob", settings)
    assert changed.event.limits_version == 3
    assert newest_limits(settings) == changed
