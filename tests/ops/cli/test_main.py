"""What every command of the line has in common: exit codes, one-line errors, a fast start."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ops import cli
from ops.cli._output import Form, emit
from ops.settings import ROOT
from schemas.errors import TapeError


def _exit_code(monkeypatch: pytest.MonkeyPatch, command: Callable[[], None]) -> int:
    app = cli.build()
    app.command("it")(command)
    monkeypatch.setattr(cli, "build", lambda: app)
    monkeypatch.setattr(sys, "argv", ["tape", "it"])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert isinstance(caught.value.code, int)
    return caught.value.code


def _mistake() -> None:
    raise TapeError("port 1 is taken:\n  free it")


def test_a_users_mistake_is_one_line_and_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _exit_code(monkeypatch, _mistake) == 2
    printed = capsys.readouterr()
    assert printed.err == "tape: port 1 is taken: free it\n"
    assert printed.out == ""


def test_the_traceback_is_shown_on_request(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TAPE_DEBUG", "1")
    assert _exit_code(monkeypatch, _mistake) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_bug_shows_its_traceback_and_is_not_taken_for_a_finding(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bug() -> None:
        raise ZeroDivisionError

    assert _exit_code(monkeypatch, bug) == 2
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "says"),
    [
        pytest.param(
            PermissionError(13, "Permission denied", "/a"), "/a: Permission denied", id="a file"
        ),
        pytest.param(OSError(28, "No space left on device"), "No space left on device", id="disk"),
    ],
)
def test_a_file_or_a_disk_in_the_way_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: OSError, says: str
) -> None:
    def in_the_way() -> None:
        raise error

    assert _exit_code(monkeypatch, in_the_way) == 2
    assert capsys.readouterr().err == f"tape: {says}\n"


def test_an_error_of_a_socket_is_a_bug_until_somebody_words_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unworded() -> None:
        raise ConnectionResetError(104, "Connection reset by peer")

    assert _exit_code(monkeypatch, unworded) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_interrupt_is_130_and_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    assert _exit_code(monkeypatch, interrupted) == 130
    assert capsys.readouterr().err == "tape: interrupted\n"


def test_an_interrupt_while_modules_are_loaded_is_one_line_too(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise KeyboardInterrupt")
    done = subprocess.run(
        [str(ROOT / "tape"), "status"],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "TAPE_RUN_DIR": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "tape: interrupted\n")


def test_a_clean_command_is_0(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _exit_code(monkeypatch, lambda: None) == 0


def test_a_reader_that_had_enough_is_no_error() -> None:
    code = "from ops import cli; app = cli.build()\n"
    code += "app.command('it')(lambda: [print('x' * 1000, flush=True) for _ in range(1000)])\n"
    code += "app(['it'], prog_name='tape')"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


@pytest.mark.parametrize("arguments", [["no-such-command"], ["up", "--no-such-option"]])
def test_a_wrong_word_on_the_line_is_exit_code_2(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tape", *arguments])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == 2


def test_control_characters_from_outside_are_shown_and_not_obeyed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told() -> None:
        emit(Form.TEXT, None, "a\x1b[2J\r\x9b1m\tb\nc")
        raise TapeError("no \x1b[31m such")

    assert _exit_code(monkeypatch, told) == 2
    printed = capsys.readouterr()
    assert printed.out == "a\\x1b[2J\\x0d\\x9b1m\tb\nc\n"
    assert printed.err == "tape: no \\x1b[31m such\n"


BYTE = b"\xff"


@pytest.mark.parametrize(
    ("arguments", "env", "stdin", "said"),
    [
        pytest.param((b"sql", BYTE), {}, b"", "argument 2 is not text", id="argument"),
        pytest.param((b"config",), {b"TAPE_RUN_DIR": BYTE}, b"", "TAPE_RUN_DIR is not", id="env"),
        pytest.param((b"sql", b"-"), {}, b"SELECT '\xff'", "stdin says is not text", id="sql"),
        pytest.param((b"try", b"-"), {}, BYTE, "- is not text", id="try"),
    ],
)
def test_bytes_that_are_no_text_are_one_line(
    tmp_path: Path,
    arguments: tuple[bytes, ...],
    env: dict[bytes, bytes],
    stdin: bytes,
    said: str,
) -> None:
    done = subprocess.run(
        [bytes(ROOT / "tape"), *arguments],
        env={**os.environb, b"TAPE_RUN_DIR": bytes(tmp_path), **env},
        input=stdin,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)
    assert said in done.stderr.decode()


def test_an_encoding_without_a_character_shows_its_number(tmp_path: Path) -> None:
    done = subprocess.run(
        [str(ROOT / "tape"), "sql", "SELECT '€' AS a", "--archive", str(tmp_path)],
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.split()[:2]) == (0, ["a", "\\u20ac"])


def test_listing_the_commands_imports_none_of_the_heavy_parts() -> None:
    heavy = ["polars", "confluent_kafka", "bytewax", "httpx", "pydantic", "fastavro", "rich"]
    code = "import sys; from ops import cli; cli.build(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(heavy) & set(done.stdout.split()) == set()


def test_help_is_as_wide_as_the_terminal() -> None:
    line = [sys.executable, "-m", "ops", "--help"]
    wide = {**os.environ, "COLUMNS": "140"}
    said = subprocess.run(line, cwd=ROOT, env=wide, capture_output=True, text=True, check=True)
    assert "demo      Trade captured markets on a real broker and a simulated venue;" in said.stdout
