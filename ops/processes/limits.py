"""Changing the limits, and looking at them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from connectors.control import ControlWriter, Decided, identify, limits_in_force
from ops.limits import BadLimits, load_limits
from ops.processes import names
from ops.processes.clients import codec_of, kafka_log
from ops.settings import Settings
from schemas.errors import TapeError
from schemas.events import LimitsChanged

OTHERS: Final = ("gateways", "caps file", "configuration")


class NoLimits(TapeError):
    """No limits were ever set."""


class Overtaken(TapeError):
    """Somebody else changed the limits at the same time."""


def change_limits(
    file: Path, person: str, reason: str, settings: Settings, writer: ControlWriter | None = None
) -> Decided:
    """The file's limits, in force. `writer`: one that is open already. Raises `BadLimits`,
    `Overtaken` and what the log raises.
    """
    if not person.strip() or not reason.strip():
        raise BadLimits("limits change with a person's name and a reason")
    log, codec = kafka_log(settings), codec_of(settings)
    before = limits_in_force(log, codec)
    version = 1 + (before.event.limits_version if before else 0)
    event = load_limits(file, version, person, reason, time.time_ns())
    if writer is None:
        writer = ControlWriter(settings.kafka_options(), codec, settings.topic_prefix)
    identify(log, codec, writer, settings.environment)
    writer.write(event, "desk")
    after = limits_in_force(log, codec)
    if after is None or after.event != event:
        raise Overtaken(
            f"limits {version} were set by {after.event.person if after else 'nobody'} at the same "
            "time: look at them with `tape limits show`, then set yours again"
        )
    return after


def doubts(event: LimitsChanged, settings: Settings) -> list[str]:
    """Accounts and strategies with limits of which nobody else has heard: misspelt, theirs hold
    nothing back.
    """
    accounts = {("account", one.account) for one in event.limits if one.account is not None}
    strategies = {("strategy", one.strategy) for one in event.limits if one.strategy is not None}
    before = "limits that may hold nothing back"
    found = names.doubts(settings, sorted(accounts | strategies), before, OTHERS)
    return [one.said for one in found if one.misspelt]


def newest_limits(settings: Settings) -> Decided:
    """Raises `NoLimits`."""
    found = limits_in_force(kafka_log(settings), codec_of(settings))
    if found is None:
        raise NoLimits("no limits are set, so risk denies everything: `tape limits set FILE`")
    return found
