"""What people mistype: one line that names it, exit code 2, never a traceback.

1. Each mistake is made with no broker, no archive and a run folder of its own.
2. What is printed is one line of ours, or the usage with the option that is wrong.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ops.desk.prepare import desk_file
from ops.settings import ROOT
from replay.times import BadTime, Span, day_span, milliseconds
from tests.ops.cli.ran import Ran

NOT_UTF8 = b"\xff\xfe"
EXAMPLE = ROOT / "ops/desk/example/tape.toml"
SAID = ("--person", "ada", "--reason", "test")


@pytest.fixture
def tape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Ran:
    (tmp_path / "bad").write_bytes(NOT_UTF8)
    monkeypatch.setenv("TAPE_RUN_DIR", str(tmp_path / "run"))
    monkeypatch.setenv("TAPE_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("TAPE_REGISTRY__URL", "http://127.0.0.1:1")
    monkeypatch.chdir(tmp_path)
    return Ran(monkeypatch, capsys)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param("tail md.trade.v1 --date 9999-12-31", "is not a day", id="no day after it"),
        pytest.param("tail md.trade.v1 --to 1900-01-01", "before 1970", id="before all logs"),
        pytest.param(
            "timeline --from 2026-02-02 --to 2026-02-01", "is not before --to", id="backwards"
        ),
        pytest.param("timeline --from 2026-02-02 --to 2026-02-02", "is not before", id="empty"),
        pytest.param("sql --file absent.sql", "absent.sql: No such file", id="no question"),
        pytest.param("sql --file bad", "bad is not text", id="a question of bytes"),
        pytest.param("sql --file .", ".: Is a directory", id="a folder as question"),
        pytest.param("try bad", "bad is not text", id="ticks of bytes"),
        pytest.param("backtest bad", "bad is not TOML", id="settings of bytes"),
        pytest.param(
            f"backtest {EXAMPLE} --grid desk.balances.USDT=0,-1",
            "setting desk.balances.USDT: Input should be greater than or equal to 0",
            id="less than nothing in one set of two",
        ),
        pytest.param(
            f"backtest {EXAMPLE} --grid desk.balances.USDT=-1",
            "setting desk.balances.USDT: Input should be",
            id="less than nothing",
        ),
        pytest.param(
            f"backtest {EXAMPLE} --order-ms -50 --report-ms -50",
            "order_ms is -50: at least 0",
            id="answers before questions",
        ),
        pytest.param(
            f"backtest {EXAMPLE} --jitter-ms -5", "jitter_ms is -5: at least", id="a jitter back"
        ),
        pytest.param(
            f"backtest {EXAMPLE} --grid cancel_ms=1,-1", "cancel_ms is -1", id="a cancel back"
        ),
        pytest.param(
            f"backtest {EXAMPLE} --grid seed=1.5", "seed: 1.5 is no whole number", id="half a seed"
        ),
        pytest.param(
            f"backtest {EXAMPLE} --grid order_ms=1 --grid order_ms=20",
            "--grid order_ms: given twice",
            id="a name twice",
        ),
        pytest.param(
            "run connector --venue NOWHERE BTCUSDT",
            "unknown venue 'NOWHERE': one of BINANCE",
            id="no venue",
        ),
    ],
)
def test_a_mistake_is_one_line(tape: Ran, line: str, says: str) -> None:
    code, out, err = tape(*line.split())
    assert (code, out) == (2, "")
    assert says in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        pytest.param(("replay", "market", "--shards", "0"), "--shards", id="no shard to replay"),
        pytest.param(("run", "market", "--shards", "0"), "--shards", id="no shard to run"),
        pytest.param(
            ("canary", "market", "--candidate", "current", "--shards", "0"),
            "--shards",
            id="no shard to compare",
        ),
        pytest.param(("console", "--port", "99999"), "--port", id="no such port"),
        pytest.param(("demo", "--seconds", "-1"), "--seconds", id="nothing to play"),
        pytest.param(("feed", "--seconds", "-1"), "--seconds", id="nothing to serve"),
        pytest.param(("feed", "--seconds", "nan"), "--seconds", id="no length to serve"),
        pytest.param(("feed", "--from", "inf"), "--from", id="served from never"),
        pytest.param(("feed", "--from", "-1"), "--from", id="served from before"),
        pytest.param(
            ("venue", "--keys-file", "k", "--capture", "c", "--from", "nan"),
            "--from",
            id="no such place in the market",
        ),
        pytest.param(
            ("pause", "--reason", "x", "--instrument", ""), "--instrument", id="no instrument"
        ),
        pytest.param(("kill", "--reason", "x", "--account", " "), "--account", id="no account"),
        pytest.param(
            ("resume", *SAID, "--strategy", ""), "--strategy", id="a name that is not set"
        ),
    ],
)
def test_a_wrong_option_is_named(tape: Ran, arguments: tuple[str, ...], option: str) -> None:
    code, out, err = tape(*arguments)
    assert (code, out) == (2, "")
    assert f"Invalid value for '{option}'" in err


@pytest.mark.parametrize("place", ["md.raw.v1/0/²", "md.raw.v1/²/0", "md.raw.v1/0", "/0/0"])
def test_a_place_that_is_none_is_named(tape: Ran, place: str) -> None:
    code, out, err = tape("run", "market", "--skip", place, "--reason", "x")
    assert (code, out) == (2, "")
    assert f"--skip {place}: not TOPIC/PARTITION/OFFSET" in err


def test_a_feed_without_an_address_is_refused_before_anything_starts(
    tape: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TAPE_CONFIG", str(desk_file("tape.toml")))
    code, out, err = tape("paper", "--feed", "nonsense")
    assert (code, out) == (2, "")
    assert err == (
        "tape: --feed: 'nonsense' is not an address of the form ws://HOST:PORT, where `tape feed` "
        "serves BINANCE, COINBASE\n"
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", ["up", "down"])
def test_a_run_folder_that_is_a_file_is_named(
    tape: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TAPE_RUN_DIR", str(tmp_path / "file"))
    code, _, err = tape(command)
    assert code == 2
    assert str(tmp_path / "file") in err
    assert err.count("\n") == 1


def test_days_and_times_are_understood() -> None:
    assert day_span("1970-01-01") == Span(0, 86_400_000)
    assert milliseconds("1970-01-01T01:00:00+01:00") == 0
    with pytest.raises(BadTime, match="before 1970-01-01"):
        milliseconds("1970-01-01T00:59:59+01:00")
    with pytest.raises(BadTime, match="after 9999-12-31"):
        milliseconds("9999-12-31T23:59:59-14:00")


def test_sigterm_runs_what_an_interrupt_would() -> None:
    """Else a demo that is told to end leaves its broker behind."""
    code = "from ops.stopping import interrupted_by_sigterm; interrupted_by_sigterm()\n"
    code += "import time\ntry:\n    print('begun', flush=True); time.sleep(60)\n"
    code += "finally:\n    print('ended', flush=True)"
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.read() == b"ended\n"
