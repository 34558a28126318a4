"""What a desk finds when its processes start: topics, schemas, the log's identity, risk's key, the
limits, and for a simulated venue its keys and what its account begins with. Every step may be
repeated: what is there stays as it is.
"""

from __future__ import annotations

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
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
    prepare_log(settings, report)
    if trades(settings):
        prepare_trading(settings)


def prepare_log(settings: Settings, report: Report) -> None:
    """Topics and schemas."""
    catalog, prefix = load_catalog(), settings.topic_prefix
    registry = Registry(settings.registry_url(), settings.registry.client_options())
    report("make topics, register schemas", 0, None)
    with ThreadPoolExecutor(1) as pool:
        wanted = catalog.within(settings.topic_partitions_max)
        making = pool.submit(topics.apply, settings.kafka_options(), wanted, prefix)
        list(register(registry, catalog, prefix))
        making.result()
    report("make topics, register schemas", 1, 1)


def prepare_trading(settings: Settings) -> None:
    """What risk, gateway and reconciliation need to begin."""
    log, codec = kafka_log(settings), codec_of(settings)
    writer = ControlWriter(settings.kafka_options(), codec, settings.topic_prefix)
    identify(log, codec, writer, settings.environment)
    if settings.risk.signing_key is None:
        make_key(settings.own_signing_key)
    if settings.desk.limits is not None and limits_in_force(log, codec) is None:
        change_limits(settings.desk.limits, person(), WHY, settings)
    if settings.desk.simulated:
        make_keys(settings)
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
