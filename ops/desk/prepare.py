"""What a desk finds when its processes start: topics, schemas, the log's identity, risk's key, the
limits, and for a simulated venue its keys and what its account begins with. Every step may be
repeated: what is there stays as it is.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from connectors.control import ControlWriter, decided, identify, limits_in_force
from connectors.log.kafka import KafkaLog
from connectors.signing import make_key
from connectors.simulated.keys import load_accounts, write_key, write_new_keys
from ops import topics
from ops.desk.plan import account_of, keys_file, trades
from ops.processes.clients import codec_of, kafka_log
from ops.processes.control import person
from ops.processes.limits import change_limits
from ops.settings import Settings
from ops.stack.progress import Report
from schemas.catalog import load_catalog
from schemas.codec import Codec
from schemas.errors import TapeError
from schemas.events import TransferAnnounced
from schemas.registry import Registry, register

WHY = "the desk starts for the first time"


class NoDesk(TapeError):
    """The settings describe no desk."""


def require_desk(settings: Settings) -> None:
    """Raises `NoDesk`."""
    if not settings.desk.feeds:
        raise NoDesk(
            "no desk is configured: [desk] and [[desk.feeds]] in a settings file, for example "
            "TAPE_CONFIG=ops/desk/example/tape.toml"
        )


def prepare(settings: Settings, report: Report) -> None:
    """Raises `TapeError`."""
    with preparing(settings, report):
        pass


@contextmanager
def preparing(settings: Settings, report: Report) -> Iterator[None]:
    """The block runs while schemas are being registered, when there are topics and the simulated
    venue's keys. Raises `TapeError`.
    """
    with _registering(settings, report):
        codec = codec_of(settings)
        # A broker's first idempotent producer is kept waiting for its id: meanwhile it may.
        writer = _control_writer(settings, codec) if trades(settings) else None
        if writer is not None and settings.desk.simulated:
            make_keys(settings)
        yield
    if writer is not None:
        _begin_trading(settings, codec, writer)


def prepare_log(settings: Settings, report: Report) -> None:
    """Topics and schemas."""
    with _registering(settings, report):
        pass


@contextmanager
def _registering(settings: Settings, report: Report) -> Iterator[None]:
    """Inside the block there are topics; behind it schemas as well."""
    catalog, prefix = load_catalog(), settings.topic_prefix
    registry = Registry(settings.registry_url(), settings.registry.client_options())
    report("make topics, register schemas", 0, None)
    with ThreadPoolExecutor(1) as pool:
        registered = pool.submit(lambda: list(register(registry, catalog, prefix)))
        wanted = catalog.within(settings.topic_partitions_max)
        topics.apply(settings.kafka_options(), wanted, prefix)
        yield
        registered.result()
    report("make topics, register schemas", 1, 1)


def _control_writer(settings: Settings, codec: Codec) -> ControlWriter:
    return ControlWriter(settings.kafka_options(), codec, settings.topic_prefix)


def _begin_trading(settings: Settings, codec: Codec, writer: ControlWriter) -> None:
    """What risk, gateway and reconciliation need to begin."""
    log = kafka_log(settings)
    identify(log, codec, writer, settings.environment)
    if settings.risk.signing_key is None:
        make_key(settings.own_signing_key)
    if settings.desk.limits is not None and limits_in_force(log, codec) is None:
        change_limits(settings.desk.limits, person(), WHY, settings, writer)
    if settings.desk.simulated:
        announce(settings, log, codec, writer)
    log.close()


def make_keys(settings: Settings) -> None:
    """The simulated venue's accounts and the desk's keys there; all of them or none."""
    folder = settings.simulated_folder
    if keys_file(settings).is_file():
        return
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True, mode=0o700)
    balances, file = settings.desk.balances, fresh / keys_file(settings).name
    trading, reading = write_new_keys(file, account_of(settings), balances)
    write_key(fresh / settings.own_trading_key.name, trading)
    write_key(fresh / settings.own_reading_key.name, reading)
    fresh.rename(folder)


def announce(settings: Settings, log: KafkaLog, codec: Codec, writer: ControlWriter) -> None:
    """What the account holds before its first order, as transfers."""
    events = (found.event for found in decided(log, codec))
    known = {event.transfer_id for event in events if isinstance(event, TransferAnnounced)}
    venue, file = settings.gateway.venue, keys_file(settings)
    for account in load_accounts(file):
        for asset, qty in account.balances.items():
            name = f"opening-{venue}-{account.name}-{asset}"
            event = TransferAnnounced(
                name, account.name, venue, asset, qty, person(), WHY, str(file), time.time_ns()
            )
            if name not in known:
                writer.write(event, account.name)


def desk_file(name: str) -> Path:
    """A file of the example desk."""
    return Path(__file__).parent / "example" / name
