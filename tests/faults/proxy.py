"""A TCP proxy that understands just enough of Kafka's protocol to harm EndTxn.

It cuts the streams into frames, remembers which request a response answers, and rewrites the
broker's address in Metadata and FindCoordinator responses to its own, so that clients stay behind
it. Of one EndTxn either the answer is lost (the broker has acted, the connection breaks), or the
request is late: the connection breaks before the broker has it, and it arrives in the middle of the
next transaction, after that one's first Produce, as from a slow path of the network.
"""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Literal

HOST = "127.0.0.1"
PRODUCE, METADATA, FIND_COORDINATOR, END_TXN = 0, 3, 10, 26
_HEAD = struct.Struct(">hhi")  # api key, version, correlation id
_SIZE = struct.Struct(">i")
Harm = Literal["lost answer", "late request"]


@dataclass
class Proxy:
    """Serves until closed. The EndTxn number `target` (from 0) is harmed."""

    broker_port: int
    harm: Harm
    target: int
    end_txns: int = 0
    late_answers: list[int] = field(default_factory=list)  # error codes of late requests

    def __post_init__(self) -> None:
        self._held: bytes | None = None
        self._lock = threading.Lock()
        self._server = socket.create_server((HOST, 0))
        self.port: int = self._server.getsockname()[1]
        self._mine = HOST.encode() + _SIZE.pack(self.port)
        self._real = HOST.encode() + _SIZE.pack(self.broker_port)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self) -> str:
        return f"{HOST}:{self.port}"

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            pair = Pair(self, client, socket.create_connection((HOST, self.broker_port)))
            threading.Thread(target=pair.upstream, daemon=True).start()
            threading.Thread(target=pair.downstream, daemon=True).start()

    def harms_next(self) -> bool:
        """Counts one EndTxn."""
        with self._lock:
            number, self.end_txns = self.end_txns, self.end_txns + 1
        return number == self.target

    def hold(self, frame: bytes) -> None:
        self._held = frame

    def holds(self) -> bool:
        return self._held is not None and self.end_txns > self.target + 1

    def deliver_late(self) -> None:
        """The held request, on a connection of its own; returns when the broker has answered."""
        with self._lock:
            frame, self._held = self._held, None
        if frame is None:
            return
        with socket.create_connection((HOST, self.broker_port)) as late:
            send(late, frame)
            answer = read_frame(late)
        if answer is not None:
            self.late_answers.append(int.from_bytes(answer[8:10], "big"))

    def rewritten(self, frame: bytes) -> bytes:
        return frame.replace(self._real, self._mine)


class Pair:
    """One client's connection and the one to the broker that serves it."""

    def __init__(self, proxy: Proxy, client: socket.socket, broker: socket.socket) -> None:
        self._proxy, self._client, self._broker = proxy, client, broker
        self._asked: dict[int, int] = {}
        self._lost: set[int] = set()
        self._awaited = -1
        self._answered = threading.Event()

    def upstream(self) -> None:
        while (frame := read_frame(self._client)) is not None:
            api_key, _, correlation = _HEAD.unpack_from(frame)
            self._asked[correlation] = api_key
            if api_key == END_TXN and self._proxy.harms_next():
                if self._proxy.harm == "late request":
                    self._proxy.hold(frame)
                    break
                self._lost.add(correlation)
            late = api_key == PRODUCE and self._proxy.holds()
            if late:
                self._awaited = correlation
            if not send(self._broker, frame):
                break
            if late and self._answered.wait(10):
                self._proxy.deliver_late()
        self._shut()
        self._client.close()

    def downstream(self) -> None:
        while (frame := read_frame(self._broker)) is not None:
            correlation = int.from_bytes(frame[:4], "big")
            if correlation in self._lost:
                break
            if self._asked.pop(correlation, None) in (METADATA, FIND_COORDINATOR):
                frame = self._proxy.rewritten(frame)
            if correlation == self._awaited:
                self._answered.set()
            if not send(self._client, frame):
                break
        self._shut()
        self._broker.close()

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
