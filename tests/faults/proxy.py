"""A TCP proxy that understands just enough of Kafka's protocol to harm EndTxn.

It cuts the streams into frames, remembers which request a response answers, and rewrites the
broker's address in Metadata and FindCoordinator responses to its own, so that clients stay behind
it. An EndTxn can be held back on its way to the broker (it arrives late, as from a slow network
path), or its answer can be dropped (the connection breaks after the broker has acted).
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

HOST = "127.0.0.1"
METADATA, FIND_COORDINATOR, END_TXN = 3, 10, 26
_HEAD = struct.Struct(">hhi")  # api key, version, correlation id
_SIZE = struct.Struct(">i")


@dataclass(frozen=True)
class Harm:
    """What happens to one EndTxn. `late_s`: the request reaches the broker that much later, on a
    path of its own; the client's connection breaks. `drop`: it is answered, the answer is lost.
    """

    late_s: float = 0.0
    drop: bool = False


@dataclass
class Proxy:
    """Serves until closed. `plan` says what to do with the n-th EndTxn (from 0); None: nothing."""

    broker_port: int
    plan: Callable[[int], Harm | None]
    end_txns: int = 0
    harmed: list[float] = field(default_factory=list)
    answers: list[tuple[int, int]] = field(default_factory=list)  # error codes of late EndTxns
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._server = socket.create_server((HOST, 0))
        self.port: int = self._server.getsockname()[1]
        self._mine = HOST.encode() + _SIZE.pack(self.port)
        self._real = HOST.encode() + _SIZE.pack(self.broker_port)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            broker = socket.create_connection((HOST, self.broker_port))
            pair = Pair(self, client, broker)
            threading.Thread(target=pair.upstream, daemon=True).start()
            threading.Thread(target=pair.downstream, daemon=True).start()

    def harm(self) -> Harm | None:
        with self._lock:
            number = self.end_txns
            self.end_txns += 1
            found = self.plan(number)
            if found is not None:
                self.harmed.append(time.monotonic())
        return found

    def deliver_late(self, frame: bytes, late_s: float) -> None:
        """The held request, on a connection of its own."""
        time.sleep(late_s)
        with socket.create_connection((HOST, self.broker_port)) as late:
            late.sendall(_SIZE.pack(len(frame)) + frame)
            answer = read_frame(late)
            if answer is not None:
                self.answers.append((len(self.harmed), int.from_bytes(answer[8:10], "big")))

    def rewritten(self, frame: bytes) -> bytes:
        return frame.replace(self._real, self._mine)


class Pair:
    """One client's connection and the one to the broker that serves it."""

    def __init__(self, proxy: Proxy, client: socket.socket, broker: socket.socket) -> None:
        self._proxy, self._client, self._broker = proxy, client, broker
        self._asked: dict[int, int] = {}
        self._lost: set[int] = set()

    def upstream(self) -> None:
        while (frame := read_frame(self._client)) is not None:
            api_key, _, correlation = _HEAD.unpack_from(frame)
            self._asked[correlation] = api_key
            harm = self._proxy.harm() if api_key == END_TXN else None
            if harm is not None and harm.late_s:
                late = threading.Thread(
                    target=self._proxy.deliver_late, args=(frame, harm.late_s), daemon=True
                )
                late.start()
                break
            if harm is not None and harm.drop:
                self._lost.add(correlation)
            if not send(self._broker, frame):
                break
        self._shut()

    def downstream(self) -> None:
        while (frame := read_frame(self._broker)) is not None:
            correlation = int.from_bytes(frame[:4], "big")
            if correlation in self._lost:
                break
            if self._asked.pop(correlation, None) in (METADATA, FIND_COORDINATOR):
                frame = self._proxy.rewritten(frame)
            if not send(self._client, frame):
                break
        self._shut()

    def _shut(self) -> None:
        for end in (self._client, self._broker):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the other side was first


def read_frame(source: socket.socket) -> bytes | None:
    """The next frame without its length; None at the end."""
    head = read_exactly(source, 4)
    return None if head is None else read_exactly(source, _SIZE.unpack(head)[0])


def read_exactly(source: socket.socket, count: int) -> bytes | None:
    parts = bytearray()
    while len(parts) < count:
        try:
            part = source.recv(count - len(parts))
        except OSError:
            return None
        if not part:
            return None
        parts += part
    return bytes(parts)


def send(target: socket.socket, frame: bytes) -> bool:
    try:
        target.sendall(_SIZE.pack(len(frame)) + frame)
    except OSError:
        return False
    return True
