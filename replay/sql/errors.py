"""What can be wrong with a question."""

from __future__ import annotations

from schemas.errors import TapeError


class SqlError(TapeError):
    """The question is not SQL, asks for what is not there, or would change something."""
