"""Paper trading that is told to stop while its broker starts does not wait for the broker."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from ops import stack
from ops.desk.paper import run_paper
from ops.desk.prepare import desk_file
from ops.stack.progress import silent
from ops.stopping import TOLD


@pytest.mark.parametrize("number", TOLD)
def test_a_stop_while_it_starts_is_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    ended: list[Path] = []

    def start(*_: object, **__: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(0.1)
        pytest.fail("the start went on")

    monkeypatch.setenv("TAPE_CONFIG", str(desk_file("tape.toml")))
    monkeypatch.setattr(stack, "start", start)
    monkeypatch.setattr(stack, "stop", ended.append)
    before = {one: signal.getsignal(one) for one in TOLD}
    try:
        assert run_paper(tmp_path, None, 1.0, silent) == 0
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert ended == [tmp_path]
