"""Every error Tape raises on purpose: one tree, one-line messages meant for a person.

A command prints the message to stderr and exits 2; it never shows a traceback for a user's mistake.
"""

from __future__ import annotations

from typing import Any


class Portable(Exception):
    """An error that crosses to another process as it is, whatever its class is made of."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Python's own way makes it again of its text alone."""
        return _again, (type(self), self.args), self.__dict__


def _again(kind: type[Portable], args: tuple[Any, ...]) -> Portable:
    return kind.__new__(kind, *args)


class TapeError(Portable):
    """The root. Its text is one line that says what is wrong and, where it can, what to do."""

    exit_code = 2  # of the process that it ends


class SchemaError(TapeError):
    """A schema, topic or example file is wrong."""


class NotExact(TapeError):
    """A number cannot be kept exactly: not a decimal number, or more digits than its type holds."""


class EncodeError(TapeError):
    """An event does not fit its schema; `field` names the place."""

    def __init__(self, event: str, field: str, reason: str) -> None:
        super().__init__(f"{event}.{field}: {reason}")
        self.event = event
        self.field = field
        self.reason = reason


class DecodeError(TapeError):
    """Bytes are not a framed event."""


class UnknownSchemaError(DecodeError):
    """The frame's schema id is known neither here nor to the registry."""


class IncompatibleSchemaError(TapeError):
    """A schema version breaks its topic's compatibility; the message names the field."""


class RegistryError(TapeError):
    """The schema registry cannot be reached, or refused a request."""


class TopicError(TapeError):
    """A topic on the broker cannot be brought in line with its file."""


def one_line(error: BaseException) -> str:
    """What an error says, on one line whatever a library wrote."""
    return " ".join(str(error).split())
