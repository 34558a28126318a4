"""A disk with so much room and no more, for one broker: a small library preloaded in front of
libc's. Unlike a limit on a file's size it says ENOSPC, and it can be given room again.
"""

from __future__ import annotations

from pathlib import Path

from tests.faults.shim import build

SOURCE = Path(__file__).with_name("disk_shim.c")
PLENTY = -1


class Disk:
    """The disk below `mounted`, and the environment that makes a process meet its bound."""

    def __init__(self, mounted: Path, folder: Path) -> None:
        self._room = folder / "room"
        self._room.write_bytes(bytes(8))
        self.leave(PLENTY)
        self.environment = {
            "LD_PRELOAD": str(build(SOURCE, folder)),
            "TAPE_TEST_DISK": str(mounted),
            "TAPE_TEST_ROOM": str(self._room),
        }

    def leave(self, size: int) -> None:
        """So many bytes can be written from now on. In place: processes map the file."""
        with self._room.open("r+b") as file:
            file.write(size.to_bytes(8, "little", signed=True))

    def left(self) -> int:
        return int.from_bytes(self._room.read_bytes(), "little", signed=True)
