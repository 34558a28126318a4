"""`tape replay` by command, from an archive alone: a strategy that was recorded in memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from connectors.epochs.batch import Decoder
from connectors.epochs.bytewax_ends import EpochSink, EpochSource, run_flow
from connectors.epochs.encode import Encoder, counts_of
from connectors.epochs.model import Intent
from connectors.epochs.opening import open_session
from connectors.log.memory import MemoryLog
from ops import cli
from ops.processes.catalog import strategy
from ops.processes.run import shard_of
from ops.replays import Noted
from ops.settings import load
from pipelines.flow import build_flow
from replay.archive.errors import ArchiveError
from replay.archive.run import archive
from replay.archive.store import FolderStore
from replay.archive.writer import PartitionWriter
from tests.connectors.epochs import toy
from tests.replay.backtest.market import CODEC, TOPICS, captured, log_of

SIGNALS = """
[[strategy.signals]]
name = "ema-cross"
uses = "ema-cross"
instruments = ["BTCUSDT.BINANCE"]
options = { fast_span = 20, slow_span = 80, size = "0.02" }

[epochs]
records_max = 1000
snapshot_bytes_min = 20000
snapshot_factor = 1
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the settings and the archive."""
    folder = tmp_path_factory.mktemp("recorded")
    (folder / "tape.toml").write_text(SIGNALS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TAPE_CONFIG", str(folder / "tape.toml"))
        log = run_live()
    archive(log, CODEC, FolderStore(folder / "archive"), tuple(CODEC.catalog.topics))
    return folder


def run_live() -> MemoryLog:
    """The strategy over a captured market, epochs and all, as its process runs it."""
    settings = load()
    made = strategy(settings)
    shard = shard_of(made, 0, 1, settings)
    market = log_of(one for one in captured(10.0) if one.topic in TOPICS[:2])
    log = MemoryLog({name: topic.partitions for name, topic in CODEC.catalog.topics.items()})
    for tp, partition in market.partitions.items():
        for _, record in partition.committed(0, partition.end):
            log.append(record)
        assert log.partition_count(tp.topic) >= 1
    intent = Intent(start="earliest")
    session = open_session(log, CODEC, shard, intent, until=lambda: True)
    encode = Encoder(shard, CODEC, counts_of(log))
    source, sink = EpochSource(session), EpochSink(session, toy.never_exit)
    run_flow(build_flow(source, sink, made.logic, Decoder(CODEC, "strategy"), encode), session)
    return log


def tape(folder: Path, patch: pytest.MonkeyPatch, *arguments: str, keys: str = "") -> Result:
    patch.setenv("TAPE_CONFIG", str(folder / "tape.toml"))
    patch.setenv("TAPE_ARCHIVE__ROOT", str(folder / "archive"))
    patch.setenv("TAPE_RUN_DIR", str(folder / "run"))
    command = ["replay", "strategy", "--source", "archive", *arguments]
    return CliRunner().invoke(cli.build(), command, input=keys)


def test_what_comes_out_is_kept(
    recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tape(recorded, monkeypatch, "--out", str(tmp_path), "--output", "json")
    assert done.exit_code == 0, done.output
    [found] = json.loads(done.stdout)
    assert found["clean"]
    assert found["outputs"] > 0
    run = json.loads((Path(found["folder"]) / "run.json").read_text())
    assert run == found["run"]
    assert run["outputs"]["signal.target.v1"]["records"] == found["outputs"]
    assert (run["pipeline"], run["shard"], run["seed"]) == ("strategy", 0, None)
    assert len(run["configuration_sha256"]) == len(run["code_version"]) == 64
    assert list(tmp_path.iterdir()) == [Path(found["folder"])]


def test_a_folder_that_cannot_be_written_is_one_line(
    recorded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    done = tape(recorded, monkeypatch, "--out", str(taken))
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == f"tape: {taken} cannot be written: Not a directory"
    assert capfd.readouterr().err == ""
    assert list(tmp_path.iterdir()) == [taken]


@pytest.mark.parametrize("there", [False, True], ids=["made", "was there"])
def test_a_disk_that_is_full_half_way_is_one_line(
    recorded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    there: bool,
) -> None:
    out = tmp_path / "out"
    if there:
        out.mkdir()

    def full(writer: PartitionWriter, records: object) -> None:
        raise ArchiveError("no space left")

    monkeypatch.setattr(PartitionWriter, "add", full)
    done = tape(recorded, monkeypatch, "--out", str(out))
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1] == "tape: no space left"
    assert capfd.readouterr().err == ""
    assert [*tmp_path.rglob("*")] == ([out] if there else [])


def test_the_verdict_is_noted_for_the_console(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tape(recorded, monkeypatch, "--output", "json")
    [found] = json.loads(done.stdout)
    told = Noted(recorded / "run")()[-1]
    assert (told.shard, told.equal, told.epochs) == ("strategy-0", True, found["epochs"])
    assert told.detail == "epochs from 0 on, from the archive"


def test_epochs_go_line_by_line(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = tape(recorded, monkeypatch, "--speed", "step", keys="\n\n")
    assert done.exit_code == 0, done.output
    assert "2 epochs from 0 on" in done.stdout
    assert "ended after 2 of " in done.stdout
    assert done.stderr.count("epoch ") == 3


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--speed", "quick"), "--speed is max, step or a number above 0, not quick"),
        (("--limits", "README.md", "--speed", "2"), "for the epochs of a pipeline"),
        (("--limits", "README.md", "--jobs", "1"), "for the epochs of a pipeline"),
        (("--jobs", "2", "--speed", "1"), "--jobs above 1 is for --speed max without --out"),
        (("--jobs", "2", "--out", "."), "--jobs above 1 is for --speed max without --out"),
        (("--jobs", "0"), "greater than or equal to 1"),
    ],
)
def test_what_cannot_be_asked(
    recorded: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    done = tape(recorded, monkeypatch, *arguments)
    assert done.exit_code == 2
    assert says in done.stderr


def test_several_processes_say_what_one_says(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, three = (tape(recorded, monkeypatch, "--jobs", jobs) for jobs in ("1", "3"))
    assert (one.exit_code, three.exit_code) == (0, 0), three.output
    assert "(3 stretches side by side): 0 differences" in three.stdout
    assert three.stdout.replace(" (3 stretches side by side)", "") == one.stdout


def test_a_changed_constant_is_found_at_the_same_epoch(
    recorded: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "archive").symlink_to(recorded / "archive")
    (tmp_path / "tape.toml").write_text(SIGNALS.replace("fast_span = 20", "fast_span = 21"))
    one, three = (
        tape(tmp_path, monkeypatch, "--jobs", jobs, "--output", "json") for jobs in ("1", "3")
    )
    assert (one.exit_code, three.exit_code) == (1, 1), three.output
    [found], [others] = json.loads(one.stdout), json.loads(three.stdout)
    assert found["finding"]["what"] in {"outputs", "snapshot"}
    assert others == {**found, "stretches": 3}
    assert "panicked" not in capfd.readouterr().err


def test_what_is_short_is_run_by_one_process(
    recorded: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "side by side" not in tape(recorded, monkeypatch).stdout
