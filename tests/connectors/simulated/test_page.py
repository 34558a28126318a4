"""The page about the venue names every method and fault there is; its keys file works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.simulated.faults import FAULTS
from connectors.simulated.keys import load_accounts
from connectors.simulated.rest import METHODS

PAGE = (Path(__file__).parents[3] / "docs" / "venue.md").read_text()


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_has_a_row(fault: str) -> None:
    assert f"\n| `{fault}` | " in PAGE


@pytest.mark.parametrize("method", METHODS, ids=lambda method: f"{method.verb} {method.path}")
def test_every_method_is_listed(method: object) -> None:
    path, socket = method.path, method.socket  # type: ignore[attr-defined]
    name = re.sub("/(api/v3|sapi/v1)/", "", path)
    assert re.search(rf"[`/ ]{re.escape(name)}`", PAGE), path
    assert not socket or f"`{socket}`" in PAGE


def test_the_keys_file_works(tmp_path: Path) -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "keys.toml"
    path.write_text(example)
    (account,) = load_accounts(path)
    assert [sorted(key.permissions) for key in account.keys] == [["read", "trade"], ["read"]]
