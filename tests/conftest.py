"""What all tests share: one real broker and registry per run, and settings that are not the user's.

The stack starts when the first test asks for it, on free ports in a temporary folder, and ends with
the run. A run that was killed leaves its stack behind; the next one ends it.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import stack as local_stack
from ops.stack import StackInfo
from ops.stack.ports import FREE, Ports, Wanted, choose
from tests.dealing import dealt
from tests.guarded import Guarded
from tests.programs import MISSING

_KEPT = ("TAPE_CACHE", "TAPE_DEBUG", "TAPE_REQUIRE")
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # `make test` must not speak through a test's make
_FOLDER = "tape-tests-"
COLLECT_AFTER = 20_000  # new objects; looking for what may go every 700 takes 1 of 20 seconds


def pytest_configure() -> None:
    """Collecting makes objects that stay. Looking through them for what may go takes a quarter of
    the time, and finds nothing: see `pytest_collection_finish`.

    A shell that runs this in the background lets it ignore SIGINT, which what it starts would too.
    """
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that need the broker, so that `-m "not broker"` leaves them out."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.broker)
    _deal(items)


def _deal(items: list[pytest.Item]) -> None:
    """Files are dealt out to the workers in this order."""
    counts = Counter(item.path for item in items)
    kills, brokers = (
        {item.path for item in items if item.get_closest_marker(name)}
        for name in ("kills_broker", "broker")
    )
    place = {path: n for n, path in enumerate(dealt(counts, kills, brokers))}
    items.sort(key=lambda item: place[item.path])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What was left out for want of a program, counted."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = [one.longrepr[2].removeprefix("Skipped: ") for one in skipped]
    missing = Counter(reason for reason in reasons if reason.startswith(MISSING))
    for reason, count in sorted(missing.items()):
        terminalreporter.write_line(f"{count} tests skipped, {reason}")


@pytest.fixture(scope="session", autouse=True)
def _own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No variable, file or run folder of the user's reaches a test."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "tape.toml").touch()
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TAPE_")]:
            if name not in _KEPT:
                patch.delenv(name)
        for name in _OF_MAKE:
            patch.delenv(name, raising=False)
        patch.setenv("TAPE_STACK__LASTING", "false")  # no stack here lasts long enough to pay
        patch.setenv("TAPE_CONFIG", str(folder / "tape.toml"))
        patch.setenv("TAPE_RUN_DIR", str(folder / "run"))
        yield


@pytest.fixture(scope="session")
def stack_dir() -> Iterator[Path]:
    """The run folder of the test run's stack."""
    _end_leftovers()
    folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def stack_ports() -> tuple[Ports, int]:
    """Free ports for the stack, and one more for the listener where clients sign in."""
    ports = choose(Wanted(), None, FREE)
    more = (choose(Wanted(), None, FREE).kafka for _ in range(100))
    return ports, next(port for port in more if port not in ports)


@pytest.fixture(scope="session")
def stack(stack_dir: Path, stack_ports: tuple[Ports, int]) -> Iterator[StackInfo]:
    """The addresses of a real broker and a real registry."""
    ports, guarded = stack_ports
    try:
        yield local_stack.start(stack_dir, ports=ports, guarded=guarded)
    finally:
        local_stack.stop(stack_dir)


@pytest.fixture(scope="session")
def guarded(stack: StackInfo, stack_ports: tuple[Ports, int]) -> Guarded:
    """The same broker for clients that sign in, with a user for every role."""
    users = Guarded(f"127.0.0.1:{stack_ports[1]}", stack.bootstrap_servers)
    users.make()
    return users


@pytest.fixture
def topic_prefix() -> str:
    """A prefix for topics and groups that no other test uses, such as `t1a2b3c4d.`."""
    return f"t{uuid.uuid4().hex[:8]}."


def _end_leftovers() -> None:
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        pid = folder.name.removeprefix(_FOLDER).partition("-")[0]
        if pid.isdigit() and not _lives(int(pid)):
            local_stack.stop(folder)
            shutil.rmtree(folder, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
