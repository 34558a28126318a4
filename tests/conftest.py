"""What all tests share: one real broker and registry per run, and settings that are not the user's.

The stack starts when the first test asks for it, on free ports in a temporary folder, and ends with
the run. A run that was killed leaves its stack behind; the next one ends it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops import stack as local_stack
from ops.stack import StackInfo

_KEPT = ("TAPE_CACHE", "TAPE_DEBUG")
_OF_MAKE = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")  # `make test` must not speak through a test's make
_FOLDER = "tape-tests-"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks the tests that need the broker, so that `-m "not broker"` leaves them out."""
    for item in items:
        if "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.broker)


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
def stack(stack_dir: Path) -> Iterator[StackInfo]:
    """The addresses of a real broker and a real registry."""
    try:
        yield local_stack.start(stack_dir, ports=local_stack.FREE)
    finally:
        local_stack.stop(stack_dir)


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
