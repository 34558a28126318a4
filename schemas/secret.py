"""A secret on its way from where it lies to where it is used: no line of log, no error, no dump of
what holds it shows more than a mask.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping
from typing import Any, Final

MASK: Final = "********"
_NAMES: Final = re.compile(
    r"password|secret|token|sasl\.jaas|ssl\.key\.pem|credential|user\.info$", re.IGNORECASE
)
_LOGIN: Final = re.compile(r"//[^/@\s]+@")


class Secret:
    """Text that only `reveal` gives. It is no `str`: nothing writes it by mistake, and JSON refuses
    it. It may go to a child process that is handed what its parent has.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """For the call that uses it, and nowhere before."""
        return self._text

    def __str__(self) -> str:
        return MASK

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(Secret)


def without_login(text: str) -> str:
    """A text whose addresses name nobody who signs in."""
    return _LOGIN.sub(f"//{MASK}@", text)


def is_secret(option: str) -> bool:
    """Whether a client's option of that name holds a secret."""
    return _NAMES.search(option) is not None


def revealed(options: Mapping[str, Any]) -> dict[str, Any]:
    """A client's options with their secrets in the open: for its constructor alone."""
    return {name: v.reveal() if isinstance(v, Secret) else v for name, v in options.items()}
