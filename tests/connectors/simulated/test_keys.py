"""The keys file: what it gives, and what is said where it is wrong; never what it holds."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from connectors.simulated.errors import VenueError
from connectors.simulated.keys import load_accounts, write_new_keys
from tests.connectors.simulated.rig import API_KEY, KEYS, READ_KEY, SECRET, accounts


def test_accounts_have_balances_and_keys(tmp_path: Path) -> None:
    (desk,) = accounts(tmp_path)
    assert (desk.name, desk.balances) == ("desk", {"USDT": Decimal(100_000), "BTC": Decimal(2)})
    assert [sorted(key.permissions) for key in desk.keys][:2] == [["read", "trade"], ["read"]]
    assert SECRET not in repr(desk)


def test_a_new_file_works_is_the_owners_alone_and_overwrites_nothing(tmp_path: Path) -> None:
    path = tmp_path / "new.toml"
    write_new_keys(path)
    (desk,) = load_accounts(path)
    assert [sorted(key.permissions) for key in desk.keys] == [["read", "trade"], ["read"]]
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(VenueError, match="File exists"):
        write_new_keys(path)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ("accounts = 1", "Expected `array`, got `int` - at `$.accounts`"),
        ("[[accounts]]", "missing required field `name` - at `$.accounts[0]`"),
        ("[[accounts]\n", "is not TOML"),
        (KEYS.replace("secret =", "secrets ="), "unknown field `secrets`"),
        (KEYS.replace("public_key", "secret = 'x'\npublic_key"), "either a secret or a public_key"),
        (KEYS.replace(API_KEY, "short"), "is not 8 to 128 letters and digits"),
        (KEYS.replace(API_KEY, READ_KEY), "is named twice"),
        (KEYS.replace("PUBLIC KEY", "PUBLIC THING"), "is not an Ed25519 key in PEM form"),
        (KEYS.replace('"read"]', '"rule"]'), "Invalid enum value 'rule'"),
        (KEYS.replace('BTC = "2"', "BTC = 2.5"), "Expected `str`, got `float`"),
        (KEYS.replace('BTC = "2"', 'BTC = "two"'), "a balance is no amount: 'two'"),
        (KEYS.replace('BTC = "2"', 'BTC = "-2"'), "a balance is below 0"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, keys: str, message: str) -> None:
    path = tmp_path / "keys.toml"
    path.write_text(keys)
    with pytest.raises(VenueError) as error:
        load_accounts(path)
    assert message in str(error.value)
    assert SECRET not in str(error.value)
