"""What can be wrong with a question about an order."""

from __future__ import annotations

from schemas.errors import TapeError


class OrderNotFound(TapeError):
    """No order, or more than one, begins as asked."""
