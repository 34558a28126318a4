"""S3 for tests: moto's server on loopback, and a proxy before it that harms chosen requests."""

from __future__ import annotations

import http.client
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

import pytest

from replay.archive.bucket import client_of
from replay.archive.options import S3Options
from replay.archive.s3 import S3Store

Harm = Literal["503", "cut", "lost", "half", "silent"]
"""Refused; the connection ends before S3 hears of it; S3 acts and its answer is lost; half of the
body comes; no answer ever.
"""
HOST = "127.0.0.1"
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your\nrequest rate.</Message></Error>"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_BUCKETS = itertools.count()


@dataclass
class Fault:
    """Harms the next `times` requests of a method whose path and query contain a text."""

    harm: Harm
    method: str
    part: str = ""
    times: int = 1
    skip: int = 0

    def meets(self, method: str, path: str) -> bool:
        if method != self.method or self.part not in path or not self.times:
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.times -= 1
        return True


@dataclass
class Proxy:
    """What S3 is asked goes through here. `before` is called with the method and path of each."""

    port: int
    faults: list[Fault] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    before: Callable[[str], None] = lambda _: None
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def count(self, method: str, part: str = "") -> int:
        """How many such requests came, harmed ones too."""
        return sum(one.startswith(f"{method} ") and part in one for one in self.asked)

    def harm(self, method: str, path: str) -> Harm | None:
        return next((f.harm for f in self.faults if f.meets(method, path)), None)


@contextmanager
def served() -> Iterator[int]:
    """The port of moto's server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(HOST, 0)
    server.start()
    try:
        yield int(server.get_host_and_port()[1])
    finally:
        server.stop()


@contextmanager
def proxied(upstream: int) -> Iterator[Proxy]:
    """A proxy before the server at a port."""
    proxy = Proxy(0)
    server = ThreadingHTTPServer((HOST, 0), _handler(proxy, upstream))
    server.daemon_threads = True
    proxy.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield proxy
    finally:
        proxy.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(proxy: Proxy, upstream: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two writes: the second must not wait 40 ms for the first's delayed ACK.
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            try:
                super().handle_one_request()
            except OSError:
                self.close_connection = True  # the client gave up

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):
                return self._answer
            raise AttributeError(name)

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            proxy.asked.append(f"{self.command} {self.path}")
            proxy.before(proxy.asked[-1])
            harm = proxy.harm(self.command, self.path)
            if harm == "silent":
                proxy.over.wait()
            if harm in ("cut", "silent"):
                self.close_connection = True
                return
            answer, data = (None, SLOW_DOWN) if harm == "503" else self._forwarded(body)
            self._send(harm, answer, data)

        def _send(
            self, harm: Harm | None, answer: http.client.HTTPResponse | None, data: bytes
        ) -> None:
            if harm == "lost":
                self.close_connection = True
                return
            self.send_response_only(answer.status if answer else 503)
            headers = answer.getheaders() if answer else [("Content-Length", str(len(data)))]
            for name, value in headers:
                if name.lower() not in ("connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if harm == "half" else data)
            self.close_connection = self.close_connection or harm == "half"

        def _forwarded(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
            headers = {n: v for n, v in self.headers.items() if n.lower() != "expect"}
            connection = http.client.HTTPConnection(HOST, upstream, timeout=60)
            try:
                connection.request(self.command, self.path, body, headers)
                answer = connection.getresponse()
                return answer, answer.read()
            finally:
                connection.close()

        def log_message(self, *_: Any) -> None:
            """Tests speak for themselves."""

    return Handler


@dataclass
class S3:
    """A bucket of its own, and how it is reached."""

    proxy: Proxy
    client: Any
    bucket: str
    folder: Path

    @property
    def root(self) -> str:
        return f"s3://{self.bucket}/desk"

    def store(self, cache: str = "cache", **options: Any) -> S3Store:
        given = {"timeout_s": 30.0, "attempts": 4, **options}
        return S3Store(
            self.root,
            S3Options(endpoint_url=self.proxy.url, cache=self.folder / cache, **given),
        )

    def copy(self, folder: Path) -> None:
        """Everything of a folder, as `aws s3 sync` would put it there."""
        for path in (path for path in folder.rglob("*") if path.is_file()):
            key = f"desk/{path.relative_to(folder).as_posix()}"
            self.client.put_object(Bucket=self.bucket, Key=key, Body=path.read_bytes())

    def settings(self) -> dict[str, str]:
        """Variables that make it the archive of a command."""
        return {
            "TAPE_ARCHIVE__ROOT": self.root,
            "TAPE_ARCHIVE__ENDPOINT_URL": self.proxy.url,
            "TAPE_ARCHIVE__CACHE": str(self.folder / "cache"),
        }

    def objects(self) -> dict[str, bytes]:
        """Everything below the root, by name."""
        found = self.client.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return {
            one["Key"].removeprefix("desk/"): self.client.get_object(
                Bucket=self.bucket, Key=one["Key"]
            )["Body"].read()
            for one in found
        }


@pytest.fixture(scope="session")
def s3_proxy() -> Iterator[Proxy]:
    """One server for all tests; each has a bucket of its own."""
    with served() as port, proxied(port) as proxy:
        yield proxy


@pytest.fixture
def s3(s3_proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> S3:
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    return made(s3_proxy, tmp_path)


def made(proxy: Proxy, folder: Path) -> S3:
    """A bucket, where the environment has `CREDENTIALS`; nothing is harmed yet."""
    client = client_of(S3Options(endpoint_url=proxy.url), os.getpid())
    bucket = f"tape-{next(_BUCKETS)}"
    client.create_bucket(Bucket=bucket)
    proxy.faults.clear()
    proxy.asked.clear()
    proxy.before = lambda _: None
    return S3(proxy, client, bucket, folder)
