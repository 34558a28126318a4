"""The gateway's local socket: how a person on this machine reaches it without the log.

A Unix socket in the run folder that only its owner may open; one line of JSON each way:

    {"verb": "halt", "account": null, "strategy": null, "instrument": null, "person": "ada", ...}
    {"account": "sim-1", "instance": "5b0a9a1f", "open": ["7QK3V2M5"], "error": null, ...}

`open` are the orders in that scope that may be open, right after the halt. `strategies` and
`instruments` are what the gateway knows: those of its orders, and what its caps allow.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal

import msgspec

from connectors.gateway.desk import Desk, log
from pipelines.gateway import scopes
from pipelines.gateway.scopes import HALTED, Scope, States
from schemas.errors import TapeError

SUFFIX: Final = ".sock"
LINE_BYTES_MAX: Final = 65_536
READ_S: Final = 2.0


class Ask(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked. A scope of None stands for all."""

    verb: Literal["halt", "resume", "status"]
    account: str | None = None
    strategy: str | None = None
    instrument: str | None = None
    person: str = ""
    reason: str = ""

    @property
    def scope(self) -> Scope:
        return self.account, self.strategy, self.instrument


class Told(msgspec.Struct, frozen=True):
    """What the gateway answers; `error` where it did nothing."""

    account: str
    instance: str
    open: tuple[str, ...] = ()
    error: str | None = None
    strategies: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()


class NotTold(TapeError):
    """A gateway could not be reached over its socket."""


def socket_path(folder: Path, account: str) -> Path:
    """Where an account's gateway listens; `folder`: the gateways' own in the run folder."""
    return folder / f"{account}{SUFFIX}"


def socket_paths(folder: Path) -> list[Path]:
    """Where gateways listen, or listened when they ended."""
    return sorted(folder.glob(f"*{SUFFIX}"))


class LocalSocket:
    """Listens from `open` to `close`."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._path = socket_path(desk.parts.journal.parent, desk.account)
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def open(self) -> None:
        """Replaces the socket of a predecessor. Raises `NotTold`."""
        try:
            listening = _bound(self._path)
        except OSError as error:
            raise NotTold(f"{self._path}: {error.strerror}") from None
        self._inode = self._path.stat().st_ino
        self._server = await asyncio.start_unix_server(
            self._serve, sock=listening, limit=LINE_BYTES_MAX
        )

    async def close(self) -> None:
        """Leaves a successor's socket where it is."""
        if self._server is None:
            return
        self._server.close()
        if self._path.exists() and self._path.stat().st_ino == self._inode:
            self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(READ_S):
                line = await reader.readline()
                writer.write(msgspec.json.encode(self._answer(line)) + b"\n")
                await writer.drain()
        except (TimeoutError, ValueError, OSError) as error:
            log.warning("local socket: %s", type(error).__name__)
        finally:
            writer.close()

    def _answer(self, line: bytes) -> Told:
        desk = self._desk
        told = Told(desk.account, desk.instance)
        try:
            ask = msgspec.json.decode(line, type=Ask)
        except msgspec.DecodeError as error:
            return msgspec.structs.replace(told, error=str(error))
        if ask.verb == "halt":
            log.critical("halted over the local socket by %s: %s", ask.person, ask.reason)
            desk.halts.tell(ask.scope)
        elif ask.verb == "resume":
            log.critical("resumed over the local socket by %s: %s", ask.person, ask.reason)
            desk.halts.forget(ask.scope)
        orders = [entry.approved for entry in desk.fold.book.entries.values()]
        strategies = {order.strategy for order in orders}
        instruments = {*desk.parts.caps.position_max, *(order.instrument for order in orders)}
        return msgspec.structs.replace(
            told,
            open=tuple(self._within(ask.scope)),
            strategies=tuple(sorted(strategies)),
            instruments=tuple(sorted(instruments)),
        )

    def _within(self, scope: Scope) -> Iterator[str]:
        book, covering = self._desk.fold.book, States({scope: HALTED})
        for cl_ord_id in book.live:
            if scopes.refusal(covering, book.entries[cl_ord_id].approved) is not None:
                yield cl_ord_id


def ask_gateway(path: Path, ask: Ask, within_s: float) -> Told:
    """The answer of the gateway that listens there. Raises `NotTold`."""
    try:
        with socket.socket(socket.AF_UNIX) as line, _short(path) as address:
            line.settimeout(within_s)
            line.connect(address)
            line.sendall(msgspec.json.encode(ask) + b"\n")
            told = msgspec.json.decode(line.makefile("rb").readline(), type=Told)
    except (OSError, msgspec.DecodeError) as error:
        what = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise NotTold(f"no answer at {path}: {what}") from None
    if told.error is not None:
        raise NotTold(f"the gateway at {path} did nothing: {told.error}")
    return told


def _bound(path: Path) -> socket.socket:
    """A socket nobody else may open, from its first moment on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    made = socket.socket(socket.AF_UNIX)
    mask = os.umask(0o177)
    try:
        with _short(path) as address:
            made.bind(address)
    except OSError:
        made.close()
        raise
    finally:
        os.umask(mask)
    return made


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """The path in the few bytes that a socket's address has room for."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
