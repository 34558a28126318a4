"""A console on a real socket: what it answers, whom it refuses, what it sends to whom.

1. Every answer forbids what is not its own; a foreign page cannot ask, nor can a borrowed name.
2. A kill needs the token, the reason and the account twice; nothing else reaches the desk.
3. Changes are merged into a page equal to a fresh one, however many updates led there.
4. Who does not read is sent nothing more; the others go on, and it catches up when it reads.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from connectors.gateway.flat import Cleared
from connectors.gateway.latch import Halt
from connectors.log.interface import Log
from connectors.log.memory import MemoryLog
from ops.console.application import Parts, application
from ops.console.archived import Archived
from ops.console.following import Follower
from ops.console.killing import Killer
from ops.console.rendered import Rendered
from ops.processes.kill import Killed
from pipelines.batches import local_codec
from replay.archive.store import FolderStore
from schemas.codec import Codec
from tests.ops.console.rig import HOST, TOKEN, Console, console, lately, trade

ETH = "ETHUSDT.BINANCE"
STEPS = 60
BODY = {"account": "sim-1", "reason": "enough", "confirm": "sim-1"}
DEEP = "[" * 4_000
BEARER = {"Authorization": f"Bearer {TOKEN}"}
WAIT_S = 60.0


@pytest.fixture(scope="module")
def served(traded_root: Path) -> Iterator[Console]:
    with console(lately(), traded_root) as found:
        yield found


def get(served: Console, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{served.url}{path}", headers=headers, timeout=WAIT_S)


def error_of(answer: httpx.Response) -> str:
    """The one line that it says."""
    [(name, text)] = answer.json().items()
    assert name == "error"
    assert "\n" not in text
    return str(text)


# ---- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/static/index.html", "/api/page", "/api/span", "/nothing", "/api/page?at=x"]
)
def test_every_answer_forbids_what_is_not_its_own(served: Console, path: str) -> None:
    headers = get(served, path).headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize(
    "path", ["/static/../application.py", "/static/%2e%2e/application.py", "/static//etc/passwd"]
)
def test_only_the_page_s_files_are_served(served: Console, path: str) -> None:
    assert get(served, path).status_code == 404


def test_an_instrument_that_is_not_there_is_said(served: Console) -> None:
    answer = get(served, "/api/page?instrument=NONE.X")
    assert (answer.status_code, "NONE.X" in error_of(answer)) == (404, True)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/api/page?at=yesterday", 400, "not an RFC 3339 time"),
        ("/api/page?at=2001-01-01T00:00:00Z", 404, "not in the archive, which goes from"),
        ("/api/page?interval=7", 400, "no candles of 7 s, only of 1, 10, 60, 300 or 900"),
        ("/api/orders/NONE", 404, "no order begins with NONE"),
        ("/api/kill", 405, "Method Not Allowed"),
    ],
)
def test_what_cannot_be_answered_is_one_line(
    served: Console, path: str, status: int, says: str
) -> None:
    answer = get(served, path)
    assert answer.status_code == status
    assert says in error_of(answer)


def test_a_past_page_comes_from_the_archive(served: Console) -> None:
    span = get(served, "/api/span").json()
    assert ETH in span["instruments"]
    found = get(served, f"/api/page?instrument={ETH}&at={span['last']}").json()
    assert (found["live"], found["at"], found["instrument"]) == (False, span["last"], ETH)
    assert found["orders"]


def test_an_order_is_explained_live_and_from_the_archive(served: Console) -> None:
    order = get(served, "/api/page").json()["orders"][0]["cl_ord_id"]
    last = get(served, "/api/span").json()["last"]
    live, past = (get(served, f"/api/orders/{order}{at}").json() for at in ("", f"?at={last}"))
    assert live["cl_ord_id"] == past["cl_ord_id"] == order
    assert live["steps"][0]["event"] == past["steps"][0]["event"]


# ---- who may ask ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Origin": "http://elsewhere.example"}, id="page from elsewhere"),
        pytest.param({"Origin": "http://127.0.0.1:1"}, id="page from another port"),
        pytest.param({"Origin": "null"}, id="page from nowhere"),
        pytest.param({"Host": "console.elsewhere.example:8700"}, id="name made to mean us"),
        pytest.param({"Host": "192.0.2.7"}, id="address that is not ours"),
    ],
)
def test_a_page_from_elsewhere_cannot_ask(served: Console, headers: dict[str, str]) -> None:
    asked = get(served, "/api/page", **headers)
    killed = httpx.post(f"{served.url}/api/kill", json=BODY, headers=BEARER | headers)
    assert (asked.status_code, killed.status_code) == (403, 403)
    assert served.halts == []

    async def refused() -> None:
        with pytest.raises(InvalidStatus, match="403"):
            async with connect(served.socket_url, additional_headers=headers):
                pass

    if "Host" not in headers:  # the client library insists on its own
        asyncio.run(refused())


def test_its_own_page_can_ask(served: Console) -> None:
    assert get(served, "/api/span", Origin=served.url).status_code == 200


# ---- the kill switch -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "body", "status", "says"),
    [
        pytest.param({}, BODY, 401, "token", id="no token"),
        pytest.param({"Authorization": "Bearer no"}, BODY, 401, "token", id="wrong token"),
        pytest.param({"Authorization": TOKEN}, BODY, 401, "token", id="token alone"),
        pytest.param(BEARER, {**BODY, "confirm": "sim-2"}, 400, "once more", id="not confirmed"),
        pytest.param(BEARER, {**BODY, "reason": " "}, 400, "its reason", id="no reason"),
        pytest.param(BEARER, {**BODY, "account": None}, 400, "its account", id="no account"),
        pytest.param(BEARER, {**BODY, "reason": "x" * 501}, 400, "500", id="endless reason"),
        pytest.param(BEARER, {**BODY, "more": "x" * 9_000}, 400, "JSON", id="endless body"),
        pytest.param(BEARER, [], 400, "JSON", id="no object"),
        pytest.param(BEARER, DEEP, 400, "JSON", id="deep"),
    ],
)
def test_what_is_no_kill_kills_nothing(
    served: Console, headers: dict[str, str], body: Any, status: int, says: str
) -> None:
    content = body if isinstance(body, str) else json.dumps(body)
    url = f"{served.url}/api/kill"
    answer = httpx.post(url, content=content, headers=headers, timeout=WAIT_S)
    assert answer.status_code == status
    assert says in error_of(answer)
    assert served.halts == []


@pytest.mark.parametrize("path", ["/api/resume", "/api/pause", "/api/kill/resume"])
def test_there_is_no_way_back(served: Console, path: str) -> None:
    answer = httpx.post(f"{served.url}{path}", json=BODY, headers=BEARER, timeout=WAIT_S)
    assert answer.status_code == 404


def test_a_kill_names_who_and_why(served: Console) -> None:
    answer = httpx.post(f"{served.url}/api/kill", json=BODY, headers=BEARER, timeout=WAIT_S)
    assert (answer.status_code, answer.json()["killed"]) == (200, True)
    served.alarms = ("not verified at the venue",)
    again = httpx.post(f"{served.url}/api/kill", json=BODY, headers=BEARER, timeout=WAIT_S)
    assert (again.json()["killed"], again.json()["alarms"]) == (False, [*served.alarms])
    halts, served.halts, served.alarms = served.halts, [], ()
    assert [(h.scope, h.person, h.reason) for h in halts] == [
        (("sim-1", None, None), "console", "enough")
    ] * 2


def test_a_kill_does_not_wait_behind_explanations(tmp_path: Path) -> None:
    """However many there are: each reads whole topics, one at a time."""
    killed = Event()

    def explained(_: str) -> dict[str, Any]:
        assert killed.wait(WAIT_S)
        return {}

    def kill(_: Halt) -> Killed:
        killed.set()
        return Killed((), Cleared(True, ()), (), 1, 2)

    rendered, archived = Rendered(Follower(opened)), Archived(FolderStore(tmp_path))
    app = application(Parts(rendered, archived, explained, Killer(kill), TOKEN), HOST)

    async def run() -> None:
        to = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=to, base_url=f"http://{HOST}") as client:
            asking = [asyncio.create_task(client.get(f"/api/orders/{n}")) for n in range(60)]
            await asyncio.sleep(0.2)
            answer = await client.post("/api/kill", json=BODY, headers=BEARER)
            assert answer.json()["killed"]
            await asyncio.gather(*asking)

    asyncio.run(asyncio.wait_for(run(), WAIT_S))


def opened() -> tuple[Log, Codec]:
    return MemoryLog({}), local_codec()


# ---- live ----------------------------------------------------------------------------------------


async def told(client: ClientConnection) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await asyncio.wait_for(client.recv(), WAIT_S))
    return found


async def page_of(client: ClientConnection) -> dict[str, Any]:
    """The page message, which comes before every change."""
    while True:
        message = await told(client)
        if message["type"] == "page":
            found: dict[str, Any] = message["page"]
            return found
        assert message["type"] == "beat"


async def merged(
    client: ClientConnection, page: dict[str, Any], until: Callable[[dict[str, Any]], bool]
) -> int:
    """Changes merged into the page as a browser does; how many messages that took."""
    count = 0
    while not until(page):
        message = await told(client)
        count += 1
        if message["type"] == "change":
            sections = message["sections"]
            candles = {one["time"]: one for one in page["candles"]}
            candles |= {one["time"]: one for one in sections.pop("candles", [])}
            page |= sections | {"candles": [candles[at] for at in sorted(candles)]}
    return count


def newest_is(price: int) -> Callable[[dict[str, Any]], bool]:
    return lambda page: bool(page["trades"][0]["price"] == str(price))


def test_changes_lead_to_the_page_that_there_is(served: Console) -> None:
    async def run() -> None:
        async with connect(f"{served.socket_url}?instrument={ETH}") as client:
            page = await page_of(client)
            assert page["instrument"] == ETH
            for number in range(70_000, 70_500):
                trade(served.log, number, ETH)
            await merged(client, page, newest_is(70_499))
            fresh = get(served, f"/api/page?instrument={ETH}").json()
            for name in ("trades", "candles", "orders", "fills", "positions", "signals"):
                assert page[name] == fresh[name], name

    asyncio.run(run())


def test_another_instrument_is_another_page(served: Console) -> None:
    async def run() -> None:
        async with connect(f"{served.socket_url}?instrument=NONE") as client:
            first = await page_of(client)
            assert first["instrument"] == "BTCUSDT.BINANCE"  # what the desk may trade
            assert first["instrument"] != first["instruments"][0]
            await client.send("nonsense")
            await client.send(DEEP)
            await client.send(json.dumps({"type": "watch", "instrument": ETH}))
            while (page := await page_of_next(client))["instrument"] != ETH:
                pass
            assert page["trades"]

    asyncio.run(run())


def test_the_first_market_that_there_is_becomes_the_page(tmp_path: Path) -> None:
    async def run(empty: Console) -> None:
        async with connect(empty.socket_url) as client:
            page = await page_of(client)
            assert (page["instrument"], page["instruments"]) == ("", [])
            trade(empty.log, 60_001, ETH)
            page = await page_of_next(client)
            assert (page["instrument"], page["instruments"]) == (ETH, [ETH])
            assert page["trades"]
            trade(empty.log, 60_002, "ADAUSDT.BINANCE")
            await merged(client, page, lambda page: len(page["instruments"]) == 2)

    topics = {name: one.partitions for name, one in local_codec().catalog.topics.items()}
    with console(MemoryLog(topics), tmp_path) as empty:
        asyncio.run(asyncio.wait_for(run(empty), WAIT_S))


def test_candles_of_another_interval_are_served_live_and_past(served: Console) -> None:
    async def run() -> None:
        async with connect(f"{served.socket_url}?instrument={ETH}&interval=1") as client:
            page = await page_of(client)
            assert (page["interval_s"], page["intervals_s"]) == (1, [1, 10, 60, 300, 900])
            seconds = [one["time"] for one in page["candles"]]
            await client.send(json.dumps({"type": "watch", "interval_s": 10}))
            while (page := await page_of_next(client))["interval_s"] != 10:
                pass
            assert page["instrument"] == ETH
            tens = [one["time"] for one in page["candles"]]
            assert tens == sorted({at // 10 * 10 for at in seconds})
            trade(served.log, 60_001, ETH)
            await merged(client, page, newest_is(60_001))
            fresh = get(served, f"/api/page?instrument={ETH}&interval=10").json()
            assert page["candles"] == fresh["candles"]
            await client.send(json.dumps({"type": "watch", "interval_s": True}))
            assert (await page_of_next(client))["interval_s"] == 10

    asyncio.run(run())
    last = get(served, "/api/span").json()["last"]
    found = get(served, f"/api/page?instrument={ETH}&at={last}&interval=300").json()
    assert (found["interval_s"], len(found["candles"])) == (300, 1)


async def page_of_next(client: ClientConnection) -> dict[str, Any]:
    while (message := await told(client))["type"] != "page":
        pass
    found: dict[str, Any] = message["page"]
    return found


def test_who_does_not_read_is_sent_nothing_more(served: Console) -> None:
    """It stops reading, with room for little; the other one goes on. What it is sent in the end is
    what there is, in a handful of messages."""

    async def run() -> None:
        where = f"{served.socket_url}?instrument={ETH}"
        async with connect(where, sock=small(served), max_queue=1) as idle, connect(where) as busy:
            page, other = await page_of(idle), await page_of(busy)
            number = 80_000
            for _ in range(STEPS):
                number += 500
                for price in range(number - 500, number):
                    trade(served.log, price, ETH)
                await merged(busy, other, newest_is(number - 1))
            count = await merged(idle, page, newest_is(number - 1))
            assert page["trades"] == other["trades"]
            assert count < STEPS

    asyncio.run(run())


def small(served: Console) -> socket.socket:
    """A connection whose reader has room for little."""
    found = socket.socket()
    found.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    found.connect((HOST, served.port))
    found.setblocking(False)
    return found
