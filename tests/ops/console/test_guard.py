"""Whose requests are taken for the console's own; and that kills do not run side by side."""

from __future__ import annotations

from threading import Event, Thread

import pytest
from starlette.datastructures import Headers

from connectors.gateway.flat import Cleared
from connectors.gateway.latch import Halt
from ops.console.guard import refusal
from ops.console.killing import Asked, Killer, KillRefused
from ops.processes.kill import Killed


@pytest.mark.parametrize(
    ("own", "host", "taken"),
    [
        ("127.0.0.1", "127.0.0.1:8700", True),
        ("127.0.0.1", "localhost:9000", True),
        ("127.0.0.1", "[::1]:8700", True),
        ("127.0.0.1", "10.0.0.5:8700", False),
        ("127.0.0.1", "localhost.elsewhere.example", False),
        ("127.0.0.1", "", False),
        ("10.0.0.5", "10.0.0.5:8700", True),
        ("10.0.0.5", "10.0.0.6:8700", False),
        ("0.0.0.0", "10.0.0.5:8700", True),
        ("0.0.0.0", "desk.elsewhere.example:8700", False),
        ("desk.internal", "desk.internal:8700", True),
        ("::", "[2001:db8::1]:8700", True),
    ],
)
def test_a_name_is_no_address(own: str, host: str, taken: bool) -> None:
    assert (refusal(Headers({"host": host}), own) == "") is taken


@pytest.mark.parametrize(
    ("origin", "taken"),
    [
        ("http://localhost:8700", True),
        ("http://localhost:8701", False),
        ("http://127.0.0.1:8700", False),
        ("https://localhost:8700", False),
        ("null", False),
        ("", False),
    ],
)
def test_a_page_is_its_own_only_at_the_same_address(origin: str, taken: bool) -> None:
    headers = Headers({"host": "localhost:8700", "origin": origin})
    assert (refusal(headers, "127.0.0.1") == "") is taken


@pytest.mark.parametrize(
    ("headers", "taken"),
    [
        ({"host": "desk.example"}, False),
        ({"host": "desk.example", "origin": "https://desk.example"}, False),
        ({"host": "127.0.0.1:8700", "origin": "https://desk.example"}, False),
        ({"host": "127.0.0.1:8700", "origin": "http://127.0.0.1"}, False),
        ({"host": "127.0.0.1:8700", "origin": "http://127.0.0.1:8700"}, True),
        ({"host": "127.0.0.1:8700"}, True),
    ],
)
def test_a_proxy_says_what_docs_console_md_tells_it_to(
    headers: dict[str, str], taken: bool
) -> None:
    assert (refusal(Headers(headers), "127.0.0.1") == "") is taken


def test_a_second_host_is_refused() -> None:
    headers = Headers(raw=[(b"host", b"localhost"), (b"host", b"elsewhere.example")])
    assert refusal(headers, "127.0.0.1")


def test_one_kill_at_a_time() -> None:
    begun, end = Event(), Event()

    def kill(_: Halt) -> Killed:
        begun.set()
        assert end.wait(30)
        return Killed((), Cleared(True, ()), (), 1, 2)

    killer, asked = Killer(kill), Asked("sim-1", "drill")
    first = Thread(target=killer.run, args=(asked,))
    first.start()
    assert begun.wait(30)
    with pytest.raises(KillRefused, match="runs already"):
        killer.run(asked)
    end.set()
    first.join()
    assert killer.run(asked)["killed"]
