"""`./tape` and `ops/setup.sh`: any folder, no activation, one line where Python is missing."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ops.settings import ROOT

FILES = ("tape", "ops/setup.sh", "ops/uv.txt", "uv.lock", "pyproject.toml")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The files that setting up needs, with an environment that counts as current."""
    root = tmp_path / "a clone"
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, root / name)
    stamp = root / ".venv" / ".tape"
    stamp.mkdir(parents=True)
    for name in ("uv.lock", "pyproject.toml"):
        shutil.copy(ROOT / name, stamp)
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "$PYTHONPATH|$*"\n')
    python.chmod(0o755)
    return root


def _programs(folder: Path, *names: str) -> str:
    """A PATH with these programs alone."""
    folder.mkdir()
    for name in names:
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


def _run(*line: str | Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PATH": path or os.environ["PATH"]}
    environment.pop("PYTHONPATH", None)
    return subprocess.run(
        list(map(str, line)), env=environment, capture_output=True, text=True, check=False, cwd="/"
    )


def test_a_current_environment_is_used_as_it_is_through_a_link(clone: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(clone / "tape")
    done = _run(tmp_path / "link", "status", "two words")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{clone}|-P -m ops status two words\n"


def test_a_changed_lock_means_setting_up_again(clone: Path, tmp_path: Path) -> None:
    (clone / "uv.lock").write_text("changed")
    path = _programs(tmp_path / "bin", "sh", "cmp", "dirname", "readlink", "rm")
    done = _run(clone / "tape", "status", path=path)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "tape: setting up the environment",
        "tape: no python3 is here: install Python 3.11 or 3.12",
    ]


def test_a_python_that_can_install_nothing_is_named(clone: Path, tmp_path: Path) -> None:
    (clone / "uv.lock").write_text("changed")
    path = _programs(tmp_path / "bin", "sh", "cmp", "dirname", "readlink", "rm")
    python = tmp_path / "bin" / "python3"
    python.write_text('#!/bin/sh\ncase "$*" in *ensurepip* | *pip*) exit 1 ;; esac\n')
    python.chmod(0o755)
    done = _run(clone / "tape", "status", path=path)
    assert done.returncode == 2
    assert "python3-venv" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("fetches", "code", "said"),
    [
        pytest.param(
            0, 0, "tape: no Python 3.11 or 3.12 is here; asking uv for its own 3.12", id="uv"
        ),
        pytest.param(
            1,
            2,
            "tape: Tape needs Python 3.11 or 3.12 and uv could not fetch one: install either",
            id="no line",
        ),
    ],
)
def test_another_python_means_the_one_of_uv_or_one_line(
    clone: Path, tmp_path: Path, fetches: int, code: int, said: str
) -> None:
    shutil.rmtree(clone / ".venv")
    path = _programs(
        tmp_path / "bin", "sh", "cmp", "cp", "dirname", "mkdir", "mv", "readlink", "rm"
    )
    _script(tmp_path / "bin" / "python3", 'case "$*" in *"3, 11"*) exit 1 ;; esac')
    _script(
        clone / ".uv" / "bin" / "uv",
        f"""case "$*" in
            "python install 3.12") exit {fetches} ;;
            "python find 3.12") echo /of/uv/python3.12 ;;
            *) echo "$*" >> asked ;;
        esac""",
    )
    shutil.copy(clone / "ops" / "uv.txt", clone / ".uv")
    done = _run("sh", clone / "ops" / "setup.sh", path=path)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (code, said)
    asked = clone / "asked"
    assert (asked.read_text() if asked.exists() else "") == (
        "" if fetches else "sync --locked --python /of/uv/python3.12\n"
    )


def _script(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def test_every_target_of_the_makefile_is_listed() -> None:
    listed = _run("make", "-s", "-C", ROOT).stdout
    for target in ("demo", "test", "soak", "lint", "fmt", "bench", "up", "down", "clean"):
        assert f"make {target} " in listed
