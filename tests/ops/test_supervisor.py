"""The supervisor with real processes: who starts when, who starts again, who never does, and what a
supervisor that was killed leaves behind.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ops.stack import processes
from ops.stack.ports import free_ports
from ops.supervisor.leftovers import end_leftovers, kill_leftovers
from ops.supervisor.model import BACKOFF, Process, after_end
from ops.supervisor.supervisor import ProcessFailed, Supervisor, environment_of

STAYS = "import signal, sys; signal.signal(15, lambda *_: sys.exit(0)); signal.pause()"
SAYS = "print('said last'); raise SystemExit({})"
LISTENS = "import socket, signal; s = socket.create_server(('127.0.0.1', {})); signal.pause()"
WAIT_S = 20.0


class Scripted(Supervisor):
    """Runs Python code instead of a command of Tape, by a clock of its own."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.now_s = 0.0
        clock = lambda: self.now_s  # noqa: E731
        super().__init__(folder, environment_of(), monotonic_s=clock, **options)

    def _program(self, arguments: Sequence[str]) -> tuple[str, ...]:
        return ("-c", *arguments)

    def until(self, holds: Callable[[], bool]) -> None:
        def stepped() -> bool:
            self.step()
            return holds()

        assert processes.wait_for(stepped, WAIT_S), self.standings()

    def state(self, name: str) -> str:
        return next(one.state for one in self.standings() if one.name == name)

    def pid(self, name: str) -> int | None:
        return next(one.pid for one in self.standings() if one.name == name)


def script(name: str, code: str, after: tuple[str, ...] = (), port: int | None = None) -> Process:
    return Process(name, (code,), after, port)


@pytest.mark.parametrize(
    ("code", "state"),
    [
        pytest.param(0, "STOPPED", id="stopped by hand"),
        pytest.param(1, "FINDING", id="found a difference"),
        pytest.param(2, "REFUSED", id="could not run"),
        pytest.param(70, "FENCED", id="fenced"),
        pytest.param(71, "BACKING_OFF", id="aborted"),
        pytest.param(72, "BACKING_OFF", id="outcome unknown"),
        pytest.param(-9, "BACKING_OFF", id="killed"),
    ],
)
def test_what_an_exit_code_means(code: int, state: str) -> None:
    assert after_end(code) == state


@pytest.mark.parametrize("code", [1, 2, 70])
def test_what_does_not_start_again_is_said_with_its_last_line(
    tmp_path: Path, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    with Scripted(tmp_path) as desk:
        desk.add(script("market", SAYS.format(code)), script("clock", STAYS))
        desk.until(lambda: desk.state("market") not in ("WAITING", "RUNNING"))
        desk.now_s += 1_000.0
        desk.step()
        assert (desk.restarts, desk.state("clock")) == (0, "RUNNING")
        assert f"market ended with exit code {code}: said last" in caplog.text
        with pytest.raises(ProcessFailed, match=f"market ended with exit code {code}: said last"):
            desk.check()


def test_a_killed_process_starts_again_after_a_pause_that_grows(tmp_path: Path) -> None:
    with Scripted(tmp_path) as desk:
        desk.add(script("market", STAYS))
        for failures in (1, 2, 3):
            first = desk.pid("market")
            assert first is not None
            os.kill(first, signal.SIGKILL)
            desk.until(lambda: desk.state("market") == "BACKING_OFF")
            desk.now_s += 0.99 * BACKOFF.ceiling_s(failures)
            desk.step()
            assert desk.state("market") == "BACKING_OFF"
            desk.now_s += 0.02 * BACKOFF.ceiling_s(failures)
            desk.step()
            assert desk.state("market") == "RUNNING"
            assert desk.pid("market") != first
        assert desk.restarts == 3


REFUSES = """
import signal, sys
signal.signal(signal.SIGUSR1, lambda *_: sys.exit(2))
print("ready", flush=True)
signal.pause()
"""


def test_who_could_not_run_while_the_broker_was_away_starts_again(tmp_path: Path) -> None:
    [port] = free_ports(1)
    broker, address = socket.create_server(("127.0.0.1", port)), ("127.0.0.1", port)
    with Scripted(tmp_path, needed=[[address]]) as desk:

        def ends_with(state: str) -> None:
            desk.until(lambda: "ready" in _said(desk, "market"))
            os.kill(desk.pid("market") or 0, signal.SIGUSR1)
            desk.until(lambda: desk.state("market") != "RUNNING")
            assert desk.state("market") == state

        desk.add(script("market", REFUSES))
        broker.close()
        ends_with("BACKING_OFF")
        desk.now_s += 1_000.0
        desk.step()
        assert desk.state("market") == "BACKING_OFF", "nothing starts before the broker is back"
        with socket.create_server(address):
            desk.now_s += 1.0
            desk.step()
            assert (desk.state("market"), desk.restarts) == ("RUNNING", 1)
            desk.now_s += 1.0
            ends_with("REFUSED")


def test_one_of_several_brokers_is_enough(tmp_path: Path) -> None:
    [there, away] = [("127.0.0.1", port) for port in free_ports(2)]
    with socket.create_server(there), Scripted(tmp_path, needed=[[away, there]]) as desk:
        desk.add(script("market", STAYS))
        assert desk.state("market") == "RUNNING"
    with socket.create_server(there), Scripted(tmp_path, needed=[[there], [away]]) as desk:
        desk.add(script("market", STAYS))
        assert desk.state("market") == "WAITING"


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b"])
def test_a_name_that_nobody_knows_any_more_ends_nobody(tmp_path: Path, host: str) -> None:
    [port] = free_ports(1)
    broker, needed = ("127.0.0.1", port), [[("127.0.0.1", port)]]
    with socket.create_server(broker), Scripted(tmp_path, needed=needed) as desk:
        desk.add(script("market", STAYS))
        needed[0][0] = (host, port)
        desk.now_s += 1.0
        desk.step()
        assert desk.state("market") == "RUNNING"
        needed[0][0] = broker
        desk.now_s += 1.0
        desk.add(script("clock", STAYS))
        assert desk.state("clock") == "RUNNING"


def test_a_broker_may_be_at_an_address_of_ipv6(tmp_path: Path) -> None:
    try:
        broker = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    port: int = broker.getsockname()[1]
    with broker, Scripted(tmp_path, needed=[[("::1", port)]]) as desk:
        desk.add(script("market", STAYS))
        assert desk.state("market") == "RUNNING"


def test_nothing_starts_before_what_it_needs_listens(tmp_path: Path) -> None:
    [port] = free_ports(1)
    with Scripted(tmp_path) as desk:
        desk.add(
            script("venue", LISTENS.format(port), port=port),
            script("gateway", STAYS, after=("venue",)),
        )
        desk.until(lambda: desk.state("gateway") == "RUNNING")
        with socket.create_connection(("127.0.0.1", port)):
            pass


def test_what_waits_for_one_that_ended_for_good_is_not_started(tmp_path: Path) -> None:
    with Scripted(tmp_path) as desk:
        desk.add(script("venue", SAYS.format(2)))
        desk.until(lambda: desk.state("venue") == "REFUSED")
        desk.add(script("gateway", STAYS, after=("venue",)))
        assert desk.state("gateway") == "WAITING"


NOTES = """
import signal, sys, pathlib
def end(*_):
    with pathlib.Path("../../ended").open("a") as file:
        file.write("{} ")
    sys.exit(0)
signal.signal(15, end)
print("ready", flush=True)
signal.pause()
"""


def test_what_comes_after_another_is_stopped_before_it(tmp_path: Path) -> None:
    with Scripted(tmp_path) as desk:
        desk.add(
            script("venue", NOTES.format("venue")),
            script("gateway", NOTES.format("gateway"), after=("venue",)),
            script("strategy", NOTES.format("strategy"), after=("gateway",)),
        )
        names = ("venue", "gateway", "strategy")
        desk.until(lambda: all("ready" in _said(desk, name) for name in names))
        desk.stop()
        assert (tmp_path / "ended").read_text().split() == ["strategy", "gateway", "venue"]


def _said(desk: Supervisor, name: str) -> str:
    path = desk.log_of(name)
    return path.read_text() if path.exists() else ""


ANGRY = """
import signal
signal.signal(15, lambda *_: exit(71))
print("ready", flush=True)
signal.pause()
"""


def test_an_end_in_anger_is_named_and_the_others_are_stopped(tmp_path: Path) -> None:
    with Scripted(tmp_path) as desk:
        angry = "import signal; signal.signal(15, lambda *_: exit(71)); print('ready', flush=True)"
        desk.add(
            script("market", f"{angry}; signal.pause()"), script("clock", NOTES.format("clock"))
        )
        desk.until(lambda: all("ready" in _said(desk, name) for name in ("market", "clock")))
        with pytest.raises(ProcessFailed, match="market ended with exit code 71"):
            desk.stop()
        assert (tmp_path / "ended").read_text().split() == ["clock"]


@pytest.mark.parametrize("end", [end_leftovers, kill_leftovers])
def test_what_a_killed_supervisor_left_is_found_and_ended(
    tmp_path: Path, end: Callable[[Path], object]
) -> None:
    desk = Scripted(tmp_path, metrics=False)  # it is never left: nobody would give a port back
    desk.add(script("market", STAYS), script("clock", STAYS))
    pids = [desk.pid(name) for name in ("market", "clock")]

    def found() -> list[int]:
        return [pid for name in ("market", "clock") for pid in processes.find(desk.folder / name)]

    assert processes.wait_for(lambda: found() == pids, WAIT_S)
    end(tmp_path)
    assert found() == []


def test_one_that_is_stopped_before_it_can_listen_has_nothing_to_finish(tmp_path: Path) -> None:
    with Scripted(tmp_path) as desk:
        desk.add(script("market", "import signal; print('ready', flush=True); signal.pause()"))
        desk.until(lambda: "ready" in _said(desk, "market"))
        desk.stop("market")


def test_a_command_runs_to_its_end(tmp_path: Path) -> None:
    with Scripted(tmp_path) as desk:
        code, text = desk.run("once", SAYS.format(1))
    assert (code, text) == (1, "said last\n")
