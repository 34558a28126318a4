"""A request's parameters, read by name and type; what is sent and not read is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from connectors.simulated.errors import Refusal, illegal, missing
from pipelines.exact import ZERO
from schemas.errors import NotExact
from schemas.numbers import exact

CLIENT_ID: Final = r"^[a-zA-Z0-9-_.:/]{1,36}$"
_PLAIN: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?").fullmatch
_INTEGER: Final = re.compile(r"[0-9]{1,18}").fullmatch
_DECIMALS_MAX: Final = 8
UNUSED: Final = ("strategyId", "strategyType", "recvWindow", "timestamp", "signature", "apiKey")


class Parameters:
    """`text` and the like give None for what was not sent; `must` asks for it."""

    def __init__(self, sent: Mapping[str, str]) -> None:
        self.sent = sent
        self._read = set(UNUSED)

    def text(self, name: str) -> str | None:
        self._read.add(name)
        return self.sent.get(name) or None

    def must(self, name: str) -> str:
        """Raises -1102."""
        found = self.text(name)
        if found is None:
            raise missing(name)
        return found

    def one_of(self, name: str, choices: tuple[str, ...], code: int, message: str) -> str | None:
        """Raises a refusal with this code and message for anything else."""
        found = self.text(name)
        if found is not None and found not in choices:
            raise Refusal(code, message)
        return found

    def integer(self, name: str) -> int | None:
        found = self.text(name)
        if found is None:
            return None
        if not _INTEGER(found):
            raise illegal(name, "^[0-9]{1,20}$")
        return int(found)

    def number(self, name: str) -> Decimal:
        """A price or quantity above 0; 0 where it was not sent. Raises -1100, -1111, -1102."""
        found = self.text(name)
        if found is None:
            return ZERO
        if not _PLAIN(found):
            raise illegal(name, "^([0-9]{1,20})(\\.[0-9]{1,20})?$")
        if len(found.partition(".")[2].rstrip("0")) > _DECIMALS_MAX:
            raise Refusal(-1111, f"Parameter '{name}' has too much precision.")
        try:
            value = exact(found)
        except NotExact:
            raise illegal(name, "^([0-9]{1,20})(\\.[0-9]{1,20})?$") from None
        if not value:
            raise missing(name)
        return value

    def client_id(self, name: str) -> str | None:
        found = self.text(name)
        if found is not None and not re.fullmatch(CLIENT_ID, found):
            raise illegal(name, CLIENT_ID)
        return found

    def all_read(self, *ignored: str) -> None:
        """Raises -1104 where something sent means nothing here."""
        known = self._read | set(ignored)
        unread = [name for name in self.sent if name not in known]
        if unread:
            read = len(self.sent) - len(unread)
            raise Refusal(
                -1104,
                f"Not all sent parameters were read; read '{read}' parameter(s) "
                f"but was sent '{len(self.sent)}'.",
            )
