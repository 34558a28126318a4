"""Secrets by reference: `env:NAME`, `file:PATH`. What a setting holds is the reference, and it is
resolved only where a client is built.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from schemas.errors import TapeError
from schemas.secret import Secret, is_secret, revealed

REFERENCE: Final = re.compile(r"(env|file):(.+)", re.DOTALL)

Option = str | int | float | bool


class SettingsError(TapeError):
    """A setting is missing, of the wrong type or unknown."""


def pem_reference(key: str | None) -> str | None:
    if key is not None and not REFERENCE.fullmatch(key):
        raise ValueError("a key is given by reference: env:NAME or file:PATH")
    return key


def key_reference(key: str | None) -> str | None:
    if key is not None and not re.match("(env|file|age|aws):.", key):
        raise ValueError("a key is given by reference: env:NAME, file:PATH, age:PATH or aws:NAME")
    return key


def own_key(key: Path) -> str | None:
    """A reference to a key that lies in the run folder, if it does."""
    return f"file:{key}" if key.is_file() else None


def dotted(options: dict[str, Option]) -> dict[str, Option]:
    """`TAPE_KAFKA__OPTIONS__SASL_MECHANISM` means `sasl.mechanism`: no option has a `_`."""
    return {name.replace("_", "."): value for name, value in options.items()}


def options_of(options: Mapping[str, Option]) -> dict[str, Option | Secret]:
    """A client's options: what is referred to read, what is secret a `Secret`, by reference or by
    name. Raises `SettingsError` for a dangling reference.
    """
    return {name: _option(name, value) for name, value in options.items()}


def _option(name: str, value: Option) -> Option | Secret:
    if isinstance(value, str) and REFERENCE.fullmatch(value):
        return resolved(name, value)
    return Secret(str(value)) if is_secret(name) else value


@cache
def require_known(options: tuple[tuple[str, Option], ...]) -> None:
    """Raises `SettingsError` where librdkafka refuses one of these options, as they are given, with
    references: it alone knows them, and says so only to a client that is being made. That takes up
    to 30 ms where it is one with TLS, so the same ones are tried once.
    """
    if not options:
        return
    from confluent_kafka import KafkaException, Producer

    try:
        Producer(revealed({"log_level": 0, **options_of(dict(options))}))
    except KafkaException as error:
        raise SettingsError(f"kafka.options: {error.args[0].str()}") from None


def resolved(name: str, value: str) -> Secret:
    """What a reference leads to. Raises `SettingsError`, which names the setting alone."""
    reference = REFERENCE.fullmatch(value)
    if reference is None:
        raise SettingsError(f"{name} is not a reference: env:NAME or file:PATH")
    return Secret(_read(name, *reference.groups()))


def _read(name: str, kind: str, target: str) -> str:
    if kind == "env":
        if target not in os.environ:
            raise SettingsError(f"{name} refers to environment variable {target}, which is not set")
        return os.environ[target]
    try:
        return Path(target).read_text("utf-8").strip()
    except OSError as error:
        raise SettingsError(f"{name} refers to {target}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{name} refers to {target}: it is no text in UTF-8") from None
