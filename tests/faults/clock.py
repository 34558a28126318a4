"""A wall clock that steps, for one process: a small library preloaded in front of libc's."""

from __future__ import annotations

from pathlib import Path

from tests.faults.shim import build

SOURCE = Path(__file__).with_name("clock_shim.c")


class Clock:
    """A clock file and the environment that makes a process follow it."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.step_to(0.0)
        library = build(SOURCE, folder)
        self.environment = {"LD_PRELOAD": str(library), "TAPE_TEST_CLOCK": str(self._file)}

    def step_to(self, offset_s: float) -> None:
        """The clock now shows the real time plus this. Written in place: processes map the file."""
        body = int(offset_s * 1e9).to_bytes(8, "little", signed=True)
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(body)
