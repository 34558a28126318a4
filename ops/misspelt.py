"""Variables that are meant to be settings and are none: they would be passed over in silence."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

from pydantic import BaseModel

PREFIX: Final = "TAPE_"
ELSEWHERE: Final = frozenset(
    PREFIX + name
    for name in ("CACHE", "CONFIG", "DEBUG", "HOME", "LOG_FORMAT", "LOG_LEVEL", "REQUIRE")
)  # read before there are settings, or not by them
ALIKE: Final = 0.9
# What Kubernetes tells every pod of a service named `tape-...`; `..._PORT` itself is an address.
_OF_A_SERVICE = re.compile(r"_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)$")
_ADDRESS = re.compile(r"(tcp|udp|sctp)://")


def misspelt(
    model: type[BaseModel], environment: Mapping[str, str], text: str
) -> Iterator[tuple[str, str]]:
    """Variables of the environment, each with the setting that it may be meant for, or nothing.
    `text` (a settings file) and other variables may refer to one as `env:NAME`.
    """
    known: dict[str, str] = {}
    for name in environment:
        if name.startswith(PREFIX) and not _is_read(model, environment, text, name):
            known = known or {_letters(one): one for one in _names(model, PREFIX)}
            alike = get_close_matches(_letters(name), known, 1, ALIKE)
            if alike or "__" in name:
                yield name, known[alike[0]] if alike else ""


def _is_read(model: type[BaseModel], environment: Mapping[str, str], text: str, name: str) -> bool:
    """By the settings, which say themselves what is wrong within a section, or by somebody else."""
    if name in ELSEWHERE or name.removeprefix(PREFIX).split("__")[0].lower() in model.model_fields:
        return True
    if _OF_A_SERVICE.search(name) or _ADDRESS.match(environment[name]):
        return True
    return any(f"env:{name}" in one for one in (text, *environment.values()))


def _names(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for field, about in model.model_fields.items():
        name, inner = prefix + field.upper(), about.annotation
        yield name
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _names(inner, f"{name}__")


def _letters(name: str) -> str:
    return name.replace("_", "")
