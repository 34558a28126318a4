"""A key that is replaced while the gateway trades, from a file encrypted with age.

1. The new key is used once the venue has answered it, the old one until then.
2. A key that may withdraw, or a file that is damaged, changes nothing.
3. What is wrong with a file or an identity is one line without a secret.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pyrage
import pytest

from connectors.gateway.age_file import decrypted
from connectors.gateway.keys import Key, KeyRefused, parse_key
from connectors.simulated.faults import Fault
from connectors.simulated.server import VenueServer
from tests.connectors.asynchronous import run, until
from tests.connectors.gateway.rig import Records, key_text, memory, running
from tests.connectors.simulated.rig import (
    API_KEY,
    ED_KEY,
    PRIVATE_PEM,
    SECRET,
    WITHDRAW_KEY,
    options,
    quote,
)

IDENTITY = pyrage.x25519.Identity.generate()
OTHER = json.dumps({"api_key": ED_KEY, "private_key": PRIVATE_PEM})
EVERY_S = 0.02


class KeyFile:
    """An encrypted key and the identity that opens it."""

    def __init__(self, folder: Path, text: str = key_text()) -> None:
        self.path, self.identity = folder / "key.age", folder / "identity.txt"
        self.identity.write_text(f"# made by age-keygen\n{IDENTITY}\n")
        self.write(text)
        self.reads = 0

    def write(self, text: str) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_bytes(pyrage.encrypt(text.encode(), [IDENTITY.to_public()]))
        fresh.replace(self.path)

    def read(self) -> Key:
        self.reads += 1
        return parse_key(decrypted(self.path, self.identity))


async def accepted(records: Records) -> None:
    name = records.approve()
    await until(lambda: "Accepted" in records.told(name), f"{name} accepted")


def test_another_key_is_used_once_the_venue_has_answered_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    records, file = memory(), KeyFile(tmp_path)
    caplog.set_level(logging.DEBUG)

    async def main() -> None:
        changes = {"key": file.read(), "read_key": file.read, "key_every_s": EVERY_S}
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            async with running(records, server, tmp_path, **changes) as gateway:
                await accepted(records)
                silent = Fault("server_error", status=503, verb="GET", path="/sapi")
                server.faults.arm(silent)
                file.write(OTHER)
                await until(lambda: server.faults.counts["server_error"] > 1, "no answer, twice")
                assert gateway.desk.key.api_key == API_KEY
                await accepted(records)
                server.faults.disarm()
                await until(lambda: gateway.desk.key.api_key == ED_KEY, "the new key")
                await accepted(records)
                assert gateway.desk.scrubbed(f"{API_KEY} {ED_KEY}".encode()) == b"******** ********"

    run(main())
    assert "status 503" in caplog.text
    for secret in (SECRET, API_KEY, ED_KEY, "PRIVATE KEY", str(IDENTITY)):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("text", "says"),
    [
        pytest.param(key_text(WITHDRAW_KEY), "may move money", id="may withdraw"),
        pytest.param("canary", "not JSON", id="no key"),
    ],
)
def test_a_key_that_must_not_be_used_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, says: str
) -> None:
    records, file = memory(), KeyFile(tmp_path)

    async def main() -> None:
        changes = {"key": file.read(), "read_key": file.read, "key_every_s": EVERY_S}
        async with VenueServer(options(tmp_path)) as server:
            quote(server, "99", "5", "101", "5")
            async with running(records, server, tmp_path, **changes) as gateway:
                file.write(text)
                await until(lambda: says in caplog.text, "it is said")
                assert gateway.desk.key.api_key == API_KEY
                await accepted(records)

    run(main())
    assert "canary" not in caplog.text


def test_what_is_wrong_with_a_file_is_one_line(tmp_path: Path) -> None:
    file = KeyFile(tmp_path)
    cases: list[tuple[Path, Path | None, str]] = [
        (file.path, None, "TAPE_AGE_IDENTITY"),
        (tmp_path / "none", file.identity, "none cannot be read"),
        (file.path, tmp_path / "nobody", "nobody cannot be read"),
        (file.path, file.path, "not a file of age identities"),
        (file.identity, file.identity, "does not open"),
    ]
    stranger = tmp_path / "stranger"
    stranger.write_text(f"{pyrage.x25519.Identity.generate()}\n")
    cases.append((file.path, stranger, "does not open"))
    for path, identity, says in cases:
        with pytest.raises(KeyRefused, match=says) as refused:
            decrypted(path, identity)
        assert "AGE-SECRET" not in str(refused.value)
        assert "\n" not in str(refused.value)
