"""A process answers for itself: which port, which version, what its lines of log carry."""

from __future__ import annotations

from connectors import log_lines
from connectors.metrics.server import Health, serve
from ops.processes.version import version_of
from ops.settings import Settings

CODE = ("connectors/**/*.py", "pipelines/**/*.py", "ops/**/*.py")
VERSION_DIGITS = 12


def code_version() -> str:
    """Of a process that is no pipeline."""
    return version_of(CODE, {})[:VERSION_DIGITS]


def answer(settings: Settings, process: str, version: str = "", **facts: str | int) -> Health:
    """The process's health, served where the settings say. `version`: default, the code's own."""
    known = (version[:VERSION_DIGITS] or code_version()) if settings.metrics.port else ""
    log_lines.bind(process=process, **facts, **({"version": known} if known else {}))
    return serve(settings.metrics.port, process, known)
