"""Fenced by a successor, or by a time-out: the log is asked until it can tell."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.log.errors import LogUnreachable
from connectors.log.successor import successor_came

WAIT_S = 0.01


def saying(*answers: str | None) -> Callable[[], str | None]:
    """One answer a time, the last one for ever; "?" where the log cannot be asked."""
    left = list(answers)

    def newest() -> str | None:
        found = left.pop(0) if len(left) > 1 else left[0]
        if found == "?":
            raise LogUnreachable("no broker answers")
        return found

    return newest


@pytest.mark.parametrize(
    ("answers", "came"),
    [
        pytest.param(["other"], True, id="another instance"),
        pytest.param(["mine"], False, id="nobody else"),
        pytest.param([None], False, id="nobody at all"),
        pytest.param(["?", "?", "mine"], False, id="the broker has just come back: nobody else"),
        pytest.param(["?", "other"], True, id="the broker has just come back: another instance"),
    ],
)
def test_the_log_tells(answers: list[str | None], came: bool) -> None:
    assert successor_came(saying(*answers), "mine", WAIT_S) is came


@pytest.mark.parametrize("answers", [["?"], ["mine", "?"]], ids=["never", "no more"])
def test_a_log_that_cannot_be_asked_is_a_doubt(answers: list[str | None]) -> None:
    assert successor_came(saying(*answers), "mine", WAIT_S, answer_s=0.1)


def test_one_that_comes_while_it_waits_is_seen() -> None:
    assert successor_came(saying("mine", "mine", "other"), "mine", 5.0)
