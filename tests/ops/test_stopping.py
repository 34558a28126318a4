"""A process in the foreground is told to stop in the middle of something."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from threading import Event

import pytest

from ops.stopping import TOLD, Stopped, left_when_told, told_to_stop


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in TOLD}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def leave_at_once(stop: Event) -> None:
    with left_when_told(stop):
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            time.sleep(5)
        except Exception:
            pytest.fail("taken for an error")
        pytest.fail("not left")


def test_what_is_being_done_is_left() -> None:
    stop = told_to_stop()
    outside = signal.getsignal(signal.SIGTERM)
    with pytest.raises(Stopped):
        leave_at_once(stop)
    assert stop.is_set()
    assert signal.getsignal(signal.SIGTERM) is outside


def test_nothing_is_begun_once_told() -> None:
    stop = told_to_stop()
    stop.set()
    with pytest.raises(Stopped), left_when_told(stop):
        pytest.fail("begun")
