"""How much of risk's limits is used: what risk's own state says, live and of every past moment.

1. Losses since midnight and since the highest profit, rates, positions, exposure, executions: of
   every moment of a story, from whichever snapshot lies before it, whatever limit there is.
2. Live it follows the log, also where risk starts after the console.
3. What is not held is not known, and no page fails for it.
4. The page's rows: every limit, the most used first, those on each order without a use.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import NamedTuple

import pytest

from connectors.log.interface import OutRecord, Tp
from connectors.log.memory import MemoryLog
from ops.console.document import section
from ops.console.newest import Place
from ops.console.risk_again import RiskAgain, begin
from ops.console.state import State
from ops.console.using import Following, Using, used_at
from pipelines.risk.limits import ORDER_KINDS, SUM_KINDS
from pipelines.risk.used import Used, used
from tests.pipelines.risk.rig import ACCOUNT, INSTRUMENT, LIMITS, STRATEGY, Desk, limits_of
from tests.pipelines.risk.test_epochs import CODEC, LOGIC, SHARD, live

DESK, SNAPSHOTS = (None, None, None), Tp("risk.snapshots.v1", 0)
MARKS = Tp("md.mark.v1", 0)
STORY = """
pos:5 mark:90 mark:112 mark:100 open:BUY:2@100 accept:o2 fill:o2:1@100 fee:o2:1@100:USDT:1.5
+1s open:BUY:1@100 open:BUY:1@99 +0.4s end:o3 open:SELL:2@101 mark:101 +1s drop:o4 mark:95
+7200s mark:97 accept:o5 fill:o5:2@101 resume mark:93 mark:99 limit:LOSS_DRAWDOWN_MAX=50 +61s
"""
WORDS = tuple(STORY.split())


class Told(NamedTuple):
    """The log, and what risk's own state said when log time had reached each moment."""

    log: MemoryLog
    moments: tuple[tuple[int, Used], ...]


@cache
def told() -> Told:
    more = {"EXECUTIONS_REPEATED_MAX": "9", "EXECUTIONS_WINDOW_MS": "60000"}
    desk, moments = Desk(LOSS_DRAWDOWN_MAX="200", **more).begin(), []
    for word in WORDS:
        desk.play(word)
        moments.append((desk.now_ms, some(used(desk.state))))
    log = empty()
    for item in desk.inputs:
        value = CODEC.encode(item.event)
        log.append(OutRecord(item.position.topic, 0, item.key, value, item.timestamp_ms))
    live(log)
    return Told(log, tuple(moments))


def empty() -> MemoryLog:
    topics = dict.fromkeys((*LOGIC.outputs, SHARD.epochs.topic, SNAPSHOTS.topic), 2)
    return MemoryLog({**topics, **{topic.topic: 1 for topic in LOGIC.inputs}})


def some(found: Used | None) -> Used:
    """What is not nothing: a scope that nobody looked at need not be there."""
    assert found is not None
    return {key: value for key, value in found.items() if value}


def test_the_story_uses_every_limit_and_several_snapshots_tell_it() -> None:
    log, moments = told()
    seen = {kind for _, found in moments for kind, _ in found}
    assert seen == {*SUM_KINDS, "POSITION_QTY_MAX", "EXECUTIONS_REPEATED_MAX"}
    assert log.bounds(SNAPSHOTS)[1] > 5
    losses = [found.get(("LOSS_DAILY_MAX", DESK), Decimal(0)) for _, found in moments]
    falls = [found.get(("LOSS_DRAWDOWN_MAX", DESK), Decimal(0)) for _, found in moments]
    assert max(losses) == 50
    assert max(falls) > max(losses)


@pytest.mark.parametrize("place", range(len(WORDS)), ids=WORDS)
def test_of_every_moment_it_is_what_risk_knew(place: int) -> None:
    log, moments = told()
    at_ms, wanted = moments[place]
    assert some(used_at(log, CODEC, at_ms)) == wanted


def test_without_its_snapshots_it_is_told_from_the_first_start() -> None:
    log, moments = told.__wrapped__()
    log.trim(SNAPSHOTS, log.bounds(SNAPSHOTS)[1])
    at_ms, wanted = moments[-1]
    assert some(used_at(log, CODEC, at_ms)) == wanted
    log.trim(MARKS, 3)
    assert used_at(log, CODEC, at_ms) is None


def test_live_it_follows_from_wherever_it_began() -> None:
    log, moments = told()
    begun = begin(log, CODEC, moments[len(moments) // 2][0])
    assert begun is not None
    following = Following(log, CODEC, begun)
    while (found := following.step()) is None or some(found) != moments[-1][1]:
        pass
    following.close()


def test_risk_may_start_after_the_console() -> None:
    log = empty()
    using = Using(log, CODEC, again_s=0.0)
    assert using.follow() is None
    for tp, part in told().log.partitions.items():
        log.partitions[tp] = part
    while using.follow() is None:
        pass
    using.close()


def test_what_is_not_held_is_not_known() -> None:
    assert used_at(empty(), CODEC, told().moments[-1][0]) is None
    assert used_at(MemoryLog({}), CODEC, 0) is None


def test_what_risk_s_logic_raises_ends_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    log, moments = told()
    using = Using(log, CODEC, again_s=0.0)
    while using.follow() is None:
        pass
    with monkeypatch.context() as patch:
        patch.setattr(RiskAgain, "advance", divided_by_nothing)
        assert used_at(log, CODEC, moments[-1][0]) is None
        assert using.follow() is None
    while using.follow() is None:
        pass
    using.close()


def divided_by_nothing(*_: object) -> bool:
    raise ZeroDivisionError


def test_the_page_has_every_limit() -> None:
    limits = limits_of({**LIMITS, "LOSS_DRAWDOWN_MAX": "0", "EXECUTIONS_REPEATED_MAX": "4"})
    state = State()
    state.apply(Place(1, "ops.control.v1", 0, 0), limits)
    rows = section(state, "limits", INSTRUMENT, 1)
    assert {row["name"] for row in rows} == {limit.kind for limit in limits.limits}
    assert {row["share"] for row in rows} == {None}
    here = (ACCOUNT, STRATEGY, INSTRUMENT)
    executed: Used = {("EXECUTIONS_REPEATED_MAX", here): Decimal(3)}
    state.use({("LOSS_DAILY_MAX", DESK): Decimal("250.5"), **executed})
    rows = section(state, "limits", INSTRUMENT, 1)
    shown = [(row["name"], row["used"], row["share"]) for row in rows]
    assert shown[:3] == [
        ("EXECUTIONS_REPEATED_MAX", "3", "0.75"),
        ("LOSS_DAILY_MAX", "250.5", "0.2505"),
        ("EXPOSURE_GROSS_MAX", "0", "0"),
    ]
    state.use({("LOSS_DAILY_MAX", DESK): Decimal("999.99")})
    assert section(state, "limits", INSTRUMENT, 1)[0]["share"] == "0.9999"
    each = [row["name"] for row in rows if row["each_order"]]
    assert each == sorted(set(ORDER_KINDS) & {*LIMITS})
    assert [name for name, _, share in shown if share is None] == each
