"""Starts Prometheus and Alertmanager on loopback, as far as they are installed, beside the stack.

They belong to the run folder as the broker does: found by their marker, ended by `tape down`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from ops.settings import Settings
from ops.stack import processes
from ops.stack.ports import HOST, free_ports
from ops.stack.progress import Report
from schemas.errors import TapeError

PROGRAMS: Final = {
    "prometheus": ("prometheus",),
    "alertmanager": ("prometheus-alertmanager", "alertmanager"),  # Debian's name, upstream's
}
RECORD: Final = "monitoring.json"
RETENTION: Final = "35d"  # what is promised over 30 days is read from there
START_S, GRACE_S = 60.0, 10.0


class NotInstalled(TapeError):
    """A program that monitoring needs is not on the PATH."""


class NotStarted(TapeError):
    """A program of monitoring does not answer."""


class Monitor(NamedTuple):
    """A program, and where it listens."""

    name: str
    address: str
    pids: tuple[int, ...] = ()


def start(settings: Settings, report: Report) -> list[Monitor]:
    """Whatever of the two does not run yet. Raises `NotInstalled`, `NotStarted`."""
    found = status(settings.run_dir)
    if found and all(one.pids for one in found):
        return found
    programs = {name: _program(name) for name in PROGRAMS}
    stop(settings.run_dir)
    ports = free_ports(len(PROGRAMS))
    addresses = {name: f"{HOST}:{port}" for name, port in zip(PROGRAMS, ports, strict=True)}
    _configure(settings, addresses["alertmanager"])
    for done, name in enumerate(reversed(PROGRAMS)):
        report("start monitoring", done, len(PROGRAMS))
        _start(settings.run_dir / name, programs[name], addresses[name])
    report("start monitoring", len(PROGRAMS), len(PROGRAMS))
    (settings.run_dir / RECORD).write_text(json.dumps(addresses) + "\n")
    return status(settings.run_dir)


def status(run_dir: Path) -> list[Monitor]:
    """Those that were started here; no process id where one does not run."""
    try:
        addresses: dict[str, str] = json.loads((run_dir / RECORD).read_text())
    except (OSError, ValueError):
        return []
    return [
        Monitor(name, at, tuple(processes.find(run_dir / name))) for name, at in addresses.items()
    ]


def stop(run_dir: Path) -> list[str]:
    """Ends them; what they stored stays. Their names."""
    ended = [name for name in PROGRAMS if processes.end(run_dir / name, GRACE_S)]
    (run_dir / RECORD).unlink(missing_ok=True)
    return ended


def _program(name: str) -> str:
    path = next(filter(None, map(shutil.which, PROGRAMS[name])), None)
    if path is None:
        raise NotInstalled(
            f"{name} is not installed: on Debian, apt-get install prometheus "
            "prometheus-alertmanager"
        )
    return path


def _configure(settings: Settings, alertmanager: str) -> None:
    from ops.monitoring import config  # and YAML with it: only who starts pays for that

    run_dir, chosen = settings.run_dir, settings.monitoring
    made = {
        "prometheus": config.prometheus(run_dir, alertmanager, chosen.every_s),
        "alertmanager": config.alertmanager(chosen),
    }
    for name, found in made.items():
        (run_dir / name).mkdir(parents=True, exist_ok=True)
        config.write(run_dir / name / "config.yaml", found)


def _start(folder: Path, program: str, address: str) -> None:
    # Neither takes an argument that it does not know: the marker is its own name (argv[0]).
    command = [processes.marker(folder), *_arguments(folder, address)]
    log = folder / f"{folder.name}.log"
    processes.spawn(command, folder, log, {"PATH": "/usr/bin:/bin"}, executable=program)
    if not processes.wait_for(_answers(address), START_S):
        raise NotStarted(f"{folder.name} does not answer at {address}: see {log}")


def _arguments(folder: Path, address: str) -> Sequence[str]:
    own = [f"--config.file={folder / 'config.yaml'}", f"--web.listen-address={address}"]
    if folder.name == "prometheus":
        kept = f"--storage.tsdb.retention.time={RETENTION}"
        return [*own, f"--storage.tsdb.path={folder / 'data'}", kept, "--log.format=json"]
    return [
        *own,
        f"--storage.path={folder / 'data'}",
        "--cluster.listen-address=",
        "--log.format=json",
    ]


def _answers(address: str) -> Callable[[], bool]:
    from connectors.http_client import httpx

    def asked() -> bool:
        try:
            return httpx.get(f"http://{address}/-/ready", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    return asked
