"""What no client should send and nobody foresaw: an answer in the venue's words, and on it goes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from connectors.simulated.server import VenueServer
from tests.connectors.simulated.rig import API_KEY, ED_KEY, Client, play


@pytest.mark.parametrize("api_key", [API_KEY, ED_KEY])
@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xed\xa0\x80", b"%ff%fe", b"%ED%A0%80"])
def test_a_signature_of_any_bytes_is_not_valid(tmp_path: Path, api_key: str, mark: bytes) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        form = {"Content-Type": "application/x-www-form-urlencoded", "X-MBX-APIKEY": api_key}
        body = b"timestamp=%d&signature=%b" % (time.time_ns() // 1_000_000, mark)
        answer = await client.http.post("/api/v3/order", content=body, headers=form)
        assert (answer.status_code, answer.json()["code"]) == (400, -1022)

    play(tmp_path, scenario)


def test_what_nobody_foresaw_is_the_venues_unknown_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        monkeypatch.setattr(server.venue, "take", lambda request: 1 // 0)
        status, body = await client.order("BUY", "0.01", "59000")
        text = "An unknown error occurred while processing the request."
        assert (status, body) == (500, {"code": -1000, "msg": text})
        assert client.headers["X-MBX-USED-WEIGHT-1M"] == "1"
        [record] = caplog.records
        assert (record.name, record.levelname) == ("tape.venue", "ERROR")
        assert record.exc_info is not None
        assert record.exc_info[0] is ZeroDivisionError
        monkeypatch.undo()
        assert (await client.order("BUY", "0.01", "59000"))[0] == 200

    play(tmp_path, scenario)


def test_a_client_that_goes_before_its_body_has_come_is_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario(server: VenueServer, client: Client) -> None:
        url = client.http.base_url
        _, writer = await asyncio.open_connection(url.host, url.port)
        writer.write(b"POST /api/v3/order HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\na=1")
        while not server.rest.requests:
            await asyncio.sleep(0.001)
        writer.close()
        assert await client.raw("GET", "/api/v3/ping") == (200, {})
        assert caplog.records == []

    play(tmp_path, scenario)
