"""A process answers for itself: which port, which version, what its lines of log carry."""

from __future__ import annotations

import json
import os
from hashlib import sha256

from connectors import log_lines
from connectors.metrics import declared
from connectors.metrics.server import Health, serve
from ops.masking import masked
from ops.processes.version import version_of
from ops.settings import Settings

CODE = ("connectors/**/*.py", "pipelines/**/*.py", "ops/**/*.py")
VERSION_DIGITS = 12


def code_version() -> str:
    """Of a process that is no pipeline."""
    return version_of(CODE, {})[:VERSION_DIGITS]


def answer(settings: Settings, process: str, version: str = "", **facts: str | int) -> Health:
    """The process's health, served where the settings say. `version`: default, the code's own."""
    known = version[:VERSION_DIGITS]
    if not known and (settings.metrics.port or os.environ.get("TAPE_LOG_FORMAT") == "json"):
        known = code_version()  # reads all of it: for who shows it
    if settings.metrics.port:
        declared.CONFIG_INFO.show({_about(settings): 1})
    log_lines.bind(process=process, **facts, **({"version": known} if known else {}))
    return serve(settings.metrics.port, process, known)


def _about(settings: Settings) -> tuple[str, str, str]:
    """Of the settings as they are printed: no secret takes part, and no port of this process."""
    shown = {name: value for name, value in masked(settings).items() if name != "metrics"}
    digest = sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()
    return settings.environment, settings.topic_prefix, digest[:VERSION_DIGITS]
