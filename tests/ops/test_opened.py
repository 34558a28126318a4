"""1. What runs is asked until it has opened what it works on. 2. What shows nothing is waited for
no longer than that; what does not run has opened nothing.
"""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from connectors.metrics.server import Health
from ops.desk import opened
from ops.desk.opened import SILENT_S, Opened
from ops.supervisor.model import Standing

STANDING = Standing("market", "RUNNING", 0, None, 7, "market.log", "127.0.0.1:1")


@pytest.fixture
def now_s() -> list[float]:
    """The time, which a test sets."""
    return [100.0]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """What is said when asked; the last of it again and again."""
    words: list[str | None] = []
    monkeypatch.setattr(
        opened, "_said", lambda address: words.pop(0) if len(words) > 1 else words[0]
    )
    return words


@pytest.mark.parametrize("words", ["ok", "re-runs epoch 7", "the venue says nothing"])
def test_it_has_opened_once_it_has_words_of_its_own(
    said: list[str | None], now_s: list[float], words: str
) -> None:
    starting = Health().ready()
    said += [None, starting, starting, words, starting]
    asked = Opened(lambda: now_s[0])
    assert [asked.has(STANDING) for _ in range(5)] == [False, False, False, True, True]
    now_s[0] += 10 * SILENT_S
    restarted = STANDING._replace(pid=8)
    assert not asked.has(restarted), "another process is asked anew"


def test_only_what_says_nothing_at_all_is_not_waited_for(
    said: list[str | None], now_s: list[float]
) -> None:
    said.append(None)
    asked, silent = Opened(lambda: now_s[0]), STANDING
    assert not asked.has(silent)
    now_s[0] += SILENT_S + 1
    assert asked.has(silent)
    said[:] = [Health().ready()]
    late = STANDING._replace(pid=8)
    assert not asked.has(late)
    now_s[0] += 10 * SILENT_S
    assert not asked.has(late)


@pytest.mark.parametrize("state", ["WAITING", "BACKING_OFF", "REFUSED", "STOPPED"])
def test_what_does_not_run_has_opened_nothing(state: str, said: list[str | None]) -> None:
    said.append("ok")
    ended = STANDING._replace(state=state)  # type: ignore[arg-type]
    assert not Opened().has(ended)
    asked = Opened()
    assert asked.has(STANDING)
    assert not asked.has(ended), "although it did"


def test_it_is_asked_as_prometheus_asks() -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(HTTPStatus.SERVICE_UNAVAILABLE)
            self.end_headers()
            self.wfile.write(self.path.encode() + b"\n")

        def log_message(self, format: str, *args: object) -> None:
            """Nothing to be read here."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        Thread(target=server.handle_request, daemon=True).start()
        address = f"127.0.0.1:{server.server_port}"
        assert opened._said(address) == "/readyz"
    assert opened._said(address) is None
    assert opened._said("") is None
