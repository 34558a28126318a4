"""The registry client's errors and its thrift, against a small HTTP server of the test's own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from schemas.catalog import load_catalog
from schemas.codec import Codec, SchemaIds
from schemas.errors import IncompatibleSchemaError, RegistryError, UnknownSchemaError
from schemas.events import ClockTick
from schemas.registry import Registry, register

CATALOG = load_catalog()
Answer = Callable[[str, str, dict[str, str]], tuple[int, bytes]]


class FakeRegistry:
    """Answers as told and keeps what it was asked."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, str]] = []
        self.answers: dict[str, tuple[int, Any]] = {}
        self.cut_off = 0  # bytes announced and never sent
        self.unanswered = 0  # requests whose connection ends without an answer
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                login = self.headers.get("Authorization", "")
                fake.requests.append((self.command, self.path, login))
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if fake.unanswered > 0:
                    fake.unanswered -= 1
                    return
                status, body = fake.answers.get(
                    f"{self.command} {self.path}", (404, {"error_code": 40401, "message": "none"})
                )
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data) + fake.cut_off))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    registry = FakeRegistry()
    yield registry
    registry.server.shutdown()
    registry.server.server_close()


TICK = CATALOG.events["ClockTick"].newest.text
SUBJECT = "/subjects/ops.clock.v1-tape.ops.ClockTick/versions"


def test_each_id_is_asked_for_once(fake: FakeRegistry) -> None:
    fake.answers[f"GET {SUBJECT}"] = (200, [1])
    fake.answers[f"GET {SUBJECT}/1"] = (200, {"id": 77, "schema": TICK})
    fake.answers["GET /schemas/ids/77"] = (200, {"schema": TICK})
    codec = Codec(CATALOG, SchemaIds.from_registry(fake.url, CATALOG))
    values = [codec.encode(ClockTick(n)) for n in range(3)]
    assert values[0] == b"\0\0\0\0\x4d\0"
    assert [codec.decode(value) for value in values] == [ClockTick(n) for n in range(3)]
    assert len(codec.tables(values * 10).frames["ClockTick"][0]) == 30
    for _ in range(3):
        with pytest.raises(UnknownSchemaError, match="schema id 9 is unknown"):
            codec.decode(b"\0\0\0\0\x09\0")
    assert [path for _, path, _ in fake.requests] == [
        SUBJECT,
        f"{SUBJECT}/1",
        "/schemas/ids/77",
        "/schemas/ids/9",
    ]


def test_a_registry_that_is_away_is_no_unknown_schema(fake: FakeRegistry) -> None:
    """A batch must not go to the dead letters because the registry has a bad minute."""
    fake.answers["GET /schemas/ids/77"] = (503, b"<html>busy</html>")
    codec = Codec(CATALOG, SchemaIds.from_registry(fake.url, CATALOG))
    with pytest.raises(RegistryError, match="HTTP 503: <html>busy</html>"):
        codec.tables([b"\0\0\0\0\x4d\0"])
    fake.answers["GET /schemas/ids/77"] = (200, {"schema": TICK})
    assert codec.decode(b"\0\0\0\0\x4d\2") == ClockTick(1)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param((401, {"message": "who are you"}), "HTTP 401: who are you", id="login"),
        pytest.param((500, b""), "HTTP 500: Internal Server Error", id="no body"),
        pytest.param((200, b"<html>"), "no answer from the registry at http", id="not json"),
    ],
)
def test_a_refusal_is_one_line(fake: FakeRegistry, answer: tuple[int, Any], message: str) -> None:
    fake.answers[f"GET {SUBJECT}"] = answer
    with pytest.raises(RegistryError, match=message) as caught:
        Registry(fake.url).versions("ops.clock.v1-tape.ops.ClockTick")
    assert "\n" not in str(caught.value)


def test_a_registry_that_does_not_listen_is_named() -> None:
    with pytest.raises(RegistryError, match=r"no answer from the registry at http://127.0.0.1:1: "):
        Registry("http://127.0.0.1:1").schema(1)


@pytest.mark.parametrize("unanswered", [1, 2])
def test_a_connection_that_ends_without_an_answer_is_no_answer_yet(
    fake: FakeRegistry, unanswered: int
) -> None:
    fake.answers["GET /schemas/ids/77"] = (200, {"schema": TICK})
    fake.unanswered = unanswered
    if unanswered == 1:
        assert Registry(fake.url).schema(77) == TICK
    else:
        with pytest.raises(RegistryError, match=r"no answer .*closed connection without response"):
            Registry(fake.url).schema(77)
    assert len(fake.requests) == 2


def test_an_answer_that_breaks_off_is_one_line(fake: FakeRegistry) -> None:
    fake.answers["GET /schemas/ids/77"] = (200, {"schema": TICK})
    fake.cut_off = 5
    with pytest.raises(RegistryError, match=r"no answer from the registry .* 5 more expected"):
        Registry(fake.url).schema(77)


@pytest.mark.parametrize(
    ("listed", "asks"),
    [pytest.param(3, False, id="whole list"), pytest.param(1_000, True, id="list may be cut")],
)
def test_the_registrys_own_refusal_is_shown(fake: FakeRegistry, listed: int, asks: bool) -> None:
    first = next(iter(CATALOG.topics.values()))
    fullname = CATALOG.events[first.events[0]].fullname
    fake.answers["GET /subjects"] = (200, [f"another-{n}" for n in range(listed)])
    fake.answers[f"PUT /config/{first.topic}-{fullname}"] = (200, {})
    fake.answers[f"POST /subjects/{first.topic}-{fullname}/versions"] = (
        409,
        {"message": "fields/4\n differ"},
    )
    with pytest.raises(IncompatibleSchemaError, match=r"refuses .*v1: HTTP 409: fields/4 differ"):
        list(register(Registry(fake.url), CATALOG))
    asked = [path for method, path, _ in fake.requests if method == "GET"]
    assert asked[0] == "/subjects"
    assert bool(asked[1:]) == asks, "what is not there is not asked about"


@pytest.mark.parametrize(
    ("login", "options", "header"),
    [
        pytest.param("", {}, "", id="none"),
        pytest.param("", {"basic.auth.user.info": "u:p"}, "Basic dTpw", id="option"),
        pytest.param("u:p@", {}, "Basic dTpw", id="address"),
        pytest.param("u%3A:p@", {}, "Basic dTo6cA==", id="quoted"),
        pytest.param("", {"bearer.auth.token": "t"}, "Bearer t", id="token"),
    ],
)
def test_logins_are_sent_and_never_shown(
    fake: FakeRegistry, login: str, options: dict[str, str], header: str
) -> None:
    registry = Registry(fake.url.replace("//", f"//{login}"), options)
    with pytest.raises(UnknownSchemaError) as caught:
        registry.schema(1)
    assert fake.requests == [("GET", "/schemas/ids/1", header)]
    assert registry.url == fake.url
    assert "u:p" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        pytest.param("http://h", {"proxies": "x"}, "registry option proxies is unknown", id="key"),
        *(
            pytest.param("http://h", {"timeout": said}, "registry option timeout is ", id=str(said))
            for said in ("soon", 0, -1, "nan", "inf")
        ),
        pytest.param("http://u:p@[", {}, "the registry.url is not a registry's", id="brackets"),
        pytest.param("http://h:99999", {}, "http://h is not a registry's address", id="port"),
        pytest.param("ftp://h", {}, "ftp://h is not a registry's address", id="scheme"),
        pytest.param("localhost:8081", {}, "is not a registry's address", id="no scheme"),
        pytest.param("https://h", {"ssl.ca.location": "/none"}, "ssl options", id="no file"),
    ],
)
def test_wrong_settings_are_named(url: str, options: dict[str, str], message: str) -> None:
    with pytest.raises(RegistryError, match=message):
        Registry(url, options)
