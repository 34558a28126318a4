"""EndTxn lost or late. librdkafka repeats it in silence; the exit rule is what keeps the next
transaction whole, as the same fault without the rule shows.
"""

from __future__ import annotations

from tests.faults import scenarios
from tests.faults.rig import Rig


def test_a_lost_answer_and_a_late_request_tear_nothing(rig: Rig) -> None:
    scenarios.end_txn(rig, 2)


def test_without_the_exit_rule_a_late_request_tears_the_next_transaction(rig: Rig) -> None:
    assert scenarios.end_txn_without_the_exit_rule(rig) > 0
