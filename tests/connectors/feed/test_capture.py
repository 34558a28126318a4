"""The shipped captures: complete, unchanged, in order."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from connectors.feed import capture
from connectors.feed.capture import CAPTURES, FOLDER, Capture, UnknownCapture, find, load, read

SHA256 = {
    "binance_spot_btcusdt_20240808": "5d263f4c",
    "binance_spot_ethusdt_20240808": "179a6765",
    "binance_usdm_btcusdt_20240808": "0ad7b3a0",
    "binance_usdm_ethusdt_20240808": "6b76bc22",
    "coinbase_advanced_20260809_sample": "9c0b05dc",
}
COUNTS = {
    "binance_spot_btcusdt_20240808": 41_249,
    "binance_spot_ethusdt_20240808": 33_618,
    "binance_usdm_btcusdt_20240808": 93_954,
    "binance_usdm_ethusdt_20240808": 74_655,
    "coinbase_advanced_20260809_sample": 409,  # without the 5 answers to its own subscriptions
}


@pytest.mark.parametrize("name", CAPTURES)
def test_files_are_what_was_recorded(name: str) -> None:
    content = (FOLDER / find(name).file).read_bytes()
    assert hashlib.sha256(content).hexdigest().startswith(SHA256[name])


@pytest.mark.parametrize("name", CAPTURES)
def test_every_frame_is_read(name: str) -> None:
    frames = list(read(find(name)))
    assert len(frames) == COUNTS[name]
    assert frames[0].at_ns >= 0
    assert all(frame.streams for frame in frames)


def test_another_venues_file_is_not_read_as_binances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capture, "FOLDER", tmp_path)
    (tmp_path / "toy.gz").write_bytes(gzip.compress(b'1 {"symbol":"ABC","price":"1.5"}\n'))
    with pytest.raises(UnknownCapture, match="how a line of TOY is read"):
        list(read(Capture("toy.gz", "TOY", ("ABC",), 0)))


DEEP = "[" * 100_000


def coinbase(data: str, ts: float = 1.0) -> str:
    return json.dumps({"t": "recv", "ts": ts, "data": data})


@pytest.mark.parametrize(
    ("venue", "line"),
    [
        pytest.param("COINBASE", DEEP, id="deep"),
        pytest.param("COINBASE", coinbase(DEEP), id="deep within"),
        pytest.param("COINBASE", "[]", id="a list"),
        pytest.param("COINBASE", coinbase('{"channel":"x","events":[1]}'), id="no event"),
        pytest.param("COINBASE", coinbase('{"channel":"x","events":[{"trades":1}]}'), id="no rows"),
        pytest.param("COINBASE", coinbase('{"channel":"x","events":[]}', 1e400), id="at no time"),
        pytest.param("BINANCE", "soon {}", id="no stamp"),
        pytest.param("BINANCE", '1 {"stream":"', id="torn"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, venue: str, line: str
) -> None:
    monkeypatch.setattr(capture, "FOLDER", tmp_path)
    (tmp_path / "torn.gz").write_bytes(gzip.compress(f"{line}\n".encode()))
    with pytest.raises(UnknownCapture, match=r"torn.gz: line 1 cannot be read"):
        list(read(Capture("torn.gz", venue, ("BTCUSDT",), 0)))


def test_bytes_are_the_captures_own_but_for_the_snapshot() -> None:
    name = "binance_spot_btcusdt_20240808"
    with gzip.open(FOLDER / find(name).file) as file:
        lines = [line.rstrip(b"\n").partition(b" ")[2] for line in file]
    frames = [frame.payload for frame in read(find(name))]
    [changed] = [
        at for at, pair in enumerate(zip(lines, frames, strict=True)) if len(set(pair)) > 1
    ]
    assert frames[changed] == b'{"stream":"btcusdt@depth_snapshot","data":' + lines[changed] + b"}"
    assert "lastUpdateId" in json.loads(frames[changed])["data"]


def test_slice_is_in_time_order() -> None:
    frames = load(["binance_spot_btcusdt_20240808", "coinbase_advanced_20260809_sample"], 2, 3)
    times = [frame.at_ns for frame in frames]
    assert times == sorted(times)
    assert times[0] >= 2_000_000_000
    assert times[-1] < 5_000_000_000
    assert set(Counter(frame.venue for frame in frames)) == {"BINANCE", "COINBASE"}


def test_captures_of_one_day_keep_their_distance() -> None:
    """The four Binance files begin 1.15 s apart; they must not all begin at nothing."""
    first = {name: load([name])[0].at_ns for name in CAPTURES if name.startswith("binance")}
    assert first["binance_spot_btcusdt_20240808"] == 0
    assert first["binance_usdm_btcusdt_20240808"] == 1_093_228_899


def test_unknown_name() -> None:
    with pytest.raises(UnknownCapture, match="one of binance_spot_btcusdt"):
        load(["nope"])
