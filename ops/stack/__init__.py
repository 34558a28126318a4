"""The local stack: a real Kafka broker and a real schema registry in one run folder.

`start` is idempotent: it starts what is missing and returns when both parts answer. The processes
outlive their starter; `stop` ends only those that work in the given run folder. No record of a
process is kept: `ops.stack.processes` finds them by an argument they carry, so that a crash of
anything leaves nothing stale. `stack.json` holds addresses alone.
"""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from ops.stack import artifacts, broker, learned, processes, registry
from ops.stack.errors import DiskFull, NotStarted, PortTaken, StackError
from ops.stack.java import find_java
from ops.stack.ports import DEFAULT, FREE, Ports, Wanted, choose, is_taken
from ops.stack.progress import Report, silent

__all__ = ["DEFAULT", "FREE", "Ports", "StackInfo", "Wanted"]
__all__ += ["kill_broker", "kill_registry", "recorded", "restart_broker", "start", "status", "stop"]

ANYTHING = Wanted()
PARTS = {"kafka": broker.GRACE_S, "registry": registry.GRACE_S}  # seconds that each may take to end
START_S_MAX = 90.0
_ROOM_BYTES = 256 * 1024 * 1024
_TRIES = 3


class StackInfo(NamedTuple):
    """The addresses to give to clients."""

    bootstrap_servers: str
    registry_url: str


class Part(NamedTuple):
    """What runs of one part: its name, address, process ids, whether it answers, its log."""

    name: str
    address: str
    pids: list[int]
    answers: bool
    log: Path


class _Stack(NamedTuple):
    broker: broker.Broker
    registry: registry.Registry


def start(
    run_dir: Path,
    wanted: Wanted = ANYTHING,
    *,
    ports: Ports = DEFAULT,
    repository: str | None = None,
    report: Report = silent,
    learn: bool = False,
    guarded: int | None = None,
    lasting: bool = False,
) -> StackInfo:
    """Both parts answering, started where they were not. `learn`: for `ops.stack.learned`.

    `wanted` ports are insisted on; otherwise the ones used before, else `ports` (`FREE` for tests),
    else any free ones are taken. `guarded`: see `broker.Broker`; None keeps
    what there was; `lasting`: see there too. Raises a `StackError` that says what is in the way.
    """
    run_dir = run_dir.absolute()
    with artifacts.room_for_files(run_dir), _alone(run_dir):
        _require_room(run_dir)
        files, java = artifacts.fetch(repository, report), find_java()
        for attempt in range(1, _TRIES + 1):
            chosen = _ports(run_dir, wanted, ports)
            stack = _stack(run_dir, chosen, java, files, learn, guarded, lasting)
            _record(run_dir, stack)
            try:
                _start_parts(stack, report)
                return _info(stack)
            except PortTaken:
                # Something took a free port between looking and listening: look again.
                if attempt == _TRIES:
                    raise
    raise AssertionError("unreachable: the last try returns or raises")


def stop(run_dir: Path, but: Collection[str] = ()) -> bool:
    """Ends what `start` started for this run folder, `but` for these parts. False if nothing
    ran.
    """
    run_dir = run_dir.absolute()
    if not run_dir.is_dir():
        return False
    with _alone(run_dir), ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(_end, name, run_dir / name, grace_s)
            for name, grace_s in PARTS.items()
            if name not in but
        ]
        ended = [job.result() for job in jobs]
        return any(ended)


def _end(name: str, folder: Path, grace_s: float) -> bool:
    ended = processes.end(folder, grace_s)
    learned.keep(name, folder)
    return ended


def status(run_dir: Path) -> list[Part]:
    """What runs in this run folder; empty if nothing was ever started there."""
    run_dir = run_dir.absolute()
    ports = _recorded_ports(run_dir)
    if ports is None:
        return []
    stack = _stack(run_dir, ports, Path(), artifacts.Files([], Path()))
    return [
        Part("kafka", stack.broker.address, processes.find(run_dir / "kafka"),
             broker.answers(stack.broker), stack.broker.log),
        Part("registry", stack.registry.address, processes.find(run_dir / "registry"),
             registry.answers(stack.registry), stack.registry.log),
    ]  # fmt: skip


def recorded(run_dir: Path) -> StackInfo:
    """The addresses of the stack that was started last in this run folder. Raises `StackError`."""
    ports = _recorded_ports(run_dir.absolute())
    if ports is None:
        raise StackError(f"no stack was ever started in {run_dir}")
    return _info(_stack(run_dir.absolute(), ports, Path(), artifacts.Files([], Path())))


def kill_broker(run_dir: Path) -> None:
    """Ends the broker as a crash would. Raises `StackError` if it does not run."""
    if not processes.kill(run_dir.absolute() / "kafka"):
        raise StackError(f"no broker runs in {run_dir}")


def kill_registry(run_dir: Path) -> None:
    """Ends the registry as a crash would. Raises `StackError` if it does not run."""
    if not processes.kill(run_dir.absolute() / "registry"):
        raise StackError(f"no registry runs in {run_dir}")


def restart_broker(run_dir: Path, report: Report = silent) -> StackInfo:
    """What was killed, started again on the ports it had; running clients find it again."""
    before = _recorded_ports(run_dir.absolute())
    if before is None:
        raise StackError(f"no stack was ever started in {run_dir}")
    return start(run_dir, Wanted(*before), report=report)


def _start_parts(stack: _Stack, report: Report) -> None:
    left = Event()

    def start_broker() -> None:
        _ensure("Kafka", stack.broker.folder, lambda: broker.launch(stack.broker),
                lambda: broker.answers(stack.broker), stack.broker.log, report, left)  # fmt: skip

    def start_registry() -> None:
        _ensure("the registry", stack.registry.folder, lambda: registry.launch(stack.registry),
                lambda: registry.answers(stack.registry), stack.registry.log, report,
                left)  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(start_broker), pool.submit(start_registry)]
        try:
            for job in jobs:
                job.result()
        except (KeyboardInterrupt, SystemExit):  # nobody waits for them any more
            left.set()
            raise


def _ensure(
    name: str,
    folder: Path,
    launch: Callable[[], subprocess.Popen[bytes]],
    answers: Callable[[], bool],
    log: Path,
    report: Report,
    left: Event,
) -> None:
    """Starts one part unless it runs, and waits until it answers or is `left` alone."""
    step = f"starting {name}"
    report(step, 0, None)
    process = None if processes.find(folder) else launch()

    def ready() -> bool:
        if process is not None and process.poll() is not None:
            raise _why_not(name, log)
        return left.is_set() or answers()

    if not processes.wait_for(ready, START_S_MAX):
        processes.kill(folder)
        raise NotStarted(f"{name} did not answer within {START_S_MAX:.0f} s: see {log}")
    report(step, 1, 1)


def _why_not(name: str, log: Path) -> StackError:
    """The cause of an early end, as far as its log tells."""
    text = log.read_text(errors="replace")
    if "Address already in use" in text or "already in use" in text or "in use by" in text:
        return PortTaken(f"{name} could not listen, its port is taken by something else: see {log}")
    if "No space left on device" in text:
        return DiskFull(f"{name} ended, the disk of {log.parent} is full")
    return NotStarted(f"{name} ended while starting: see {log}")


def _stack(
    run_dir: Path,
    ports: Ports,
    java: Path,
    files: artifacts.Files,
    learn: bool = False,
    guarded: int | None = None,
    lasting: bool = False,
) -> _Stack:
    port = _recorded(run_dir).get("guarded", 0) if guarded is None else guarded
    return _Stack(
        broker.Broker(run_dir / "kafka", java, files.kafka_jars, ports, learn, port, lasting),
        registry.Registry(run_dir / "registry", java, files.registry, ports.registry, learn),
    )


def _info(stack: _Stack) -> StackInfo:
    return StackInfo(stack.broker.address, stack.registry.address)


def _ports(run_dir: Path, wanted: Wanted, otherwise: Ports) -> Ports:
    """The ports of the parts that run, and chosen ones for those that do not."""
    before = _recorded_ports(run_dir)
    kafka_runs = bool(processes.find(run_dir / "kafka"))
    registry_runs = bool(processes.find(run_dir / "registry"))
    if before is None:
        # Only a crash between choosing and recording, or a deleted file, leads here.
        processes.kill(run_dir / "kafka")
        processes.kill(run_dir / "registry")
        return choose(wanted, None, otherwise)
    kept = Ports(
        before.kafka if kafka_runs else 0,
        before.controller if kafka_runs else 0,
        before.registry if registry_runs else 0,
    )
    idle = [port for port, runs_on in zip(before, kept, strict=True) if not runs_on]
    # What was killed a moment ago may still be letting go of its ports.
    processes.wait_for(lambda: not any(map(is_taken, idle)), 1.0)
    for name, asked, runs_on in zip(Ports._fields, wanted, kept, strict=True):
        if asked and runs_on and asked != runs_on:
            raise StackError(
                f"the stack in {run_dir} runs with {name} port {runs_on}, not {asked}: "
                "`tape down` first"
            )
    return choose(wanted, before, otherwise, kept)


def _recorded_ports(run_dir: Path) -> Ports | None:
    try:
        return Ports(**_recorded(run_dir)["ports"])
    except (KeyError, TypeError):
        return None


def _recorded(run_dir: Path) -> dict[str, Any]:
    """What `_record` wrote; empty where nothing can be read."""
    try:
        found = json.loads((run_dir / "stack.json").read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _record(run_dir: Path, stack: _Stack) -> None:
    """Replaces the record in one step: a reader sees the old or the new one."""
    own = {"ports": stack.broker.ports._asdict(), "guarded": stack.broker.guarded}
    record = {**_info(stack)._asdict(), **own}
    fresh = run_dir / "stack.json.new"
    fresh.write_text(json.dumps(record, indent=2) + "\n")
    fresh.replace(run_dir / "stack.json")


def _require_room(run_dir: Path) -> None:
    free = shutil.disk_usage(run_dir).free
    if free < _ROOM_BYTES:
        raise DiskFull(
            f"{free >> 20} MB are free in {run_dir}, the stack needs {_ROOM_BYTES >> 20} MB: make "
            "room, or name another folder in TAPE_RUN_DIR"
        )


@contextmanager
def _alone(run_dir: Path) -> Iterator[None]:
    """One command at a time changes a stack; the lock ends with its holder, however that ends."""
    run_dir.mkdir(parents=True, exist_ok=True)
    with (run_dir / "lock").open("w") as lock:
        deadline = time.monotonic() + START_S_MAX
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise StackError(f"another command is busy with {run_dir}") from None
                time.sleep(0.05)
        yield
